# Steps of tests/run: each prints one line with its time, and the end of its log when it fails.
# Sourced; uses and changes `passed`, `failed`, `logs`; what failing tests said is gathered in $logs/failures.

show_tail() { sed 's/^/    /' "$1" | tail -n "${2:-60}"; }

timed() { # timed LOG COMMAND…: sets `took`
  local log=$1 begin=$EPOCHREALTIME code=0
  shift
  "$@" >"$log" 2>&1 </dev/null || code=$?
  took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }')
  return $code
}

log_name() { printf '%s/%s.log' "$logs" "$(printf '%s' "$1" | tr -c 'A-Za-z0-9\n' '-')"; }

step() { # something that must work for the rest to make sense; counts only when it fails
  local name=$1 log
  log=$(log_name "$1")
  shift
  if timed "$log" "$@"; then
    printf '%-34s ok      %s\n' "$name" "$took"
  else
    printf '%-34s FAILED  %s\n' "$name" "$took"
    show_tail "$log"
    failed=$((failed + 1))
    return 1
  fi
}

count_step() { # one check that counts as one test
  if step "$@"; then passed=$((passed + 1)); fi
}

# Counts test cases, not programs: the numbers of GoogleTest inside each, and 1 for a program that is none.
count_report() { # count_report JUNIT LOG: sets `cases_ok` and `cases_bad`
  read -r cases_ok cases_bad < <(python3 tests/lib/count.py "$1")
}

ctest_step() { # ctest_step PRESET LABELS [NAMES]
  local preset=$1 labels=$2 names=${3:-.} name="tests ($1)" log junit cases_ok cases_bad code=0
  log=$(log_name "$name")
  junit=$logs/$preset.xml
  rm -f "$junit"
  timed "$log" ctest --test-dir "build/$preset" -L "$labels" -R "$names" -j "$BRIG_JOBS" --no-tests=error \
    --output-on-failure --test-output-size-passed 1000000 --output-junit "$junit" || code=$?
  count_report "$junit"
  passed=$((passed + cases_ok))
  failed=$((failed + cases_bad))
  if [ $code = 0 ] && [ "$cases_bad" = 0 ]; then
    printf '%-34s ok      %s  (%s cases)\n' "$name" "$took" "$cases_ok"
  else
    [ "$cases_bad" != 0 ] || failed=$((failed + 1))
    printf '%-34s FAILED  %s  (%s failed)\n' "$name" "$took" "$cases_bad"
    show_tail "$log" 150
    python3 tests/lib/failures.py "$junit" >>"$logs/failures"
  fi
}

# The programs of a preset's tests with these labels and names: what has to be built to run them.
programs() { # programs PRESET LABELS [NAMES]
  ctest --test-dir "build/$1" -L "$2" -R "${3:-.}" --show-only=json-v1 2>/dev/null | python3 -c '
import json, os, sys
names = set()
for test in json.load(sys.stdin)["tests"]:
    words = test.get("command", [])  # none as long as the program is not built
    if not words or any(os.path.basename(word) == test["name"] for word in words):
        names.add(test["name"])
print(*sorted(names))'
}

sanitizer_step() { # sanitizer_step PRESET LABELS [NAMES]
  local preset=$1 labels=$2 targets
  step "configure ($preset)" cmake --preset "$preset" || return
  targets=$(programs "$preset" "$labels" "${3:-.}")
  # shellcheck disable=SC2086
  step "build ($preset)" cmake --build --preset "$preset" -j"$BRIG_JOBS" --target $targets || return
  ctest_step "$preset" "$labels" "^($(printf %s "$targets" | tr ' ' '|'))\$"
}

tidy_step() {
  step "configure (clang)" cmake --preset fuzz || return
  count_step "clang-tidy" tests/lib/tidy
}

fuzz_step() {
  step "configure (fuzz)" cmake --preset fuzz || return
  local targets
  targets=$(programs fuzz '^fuzz$')
  if [ -z "$targets" ]; then
    echo "fuzz: there are no fuzz targets"
    return
  fi
  step "build (fuzz)" cmake --build --preset fuzz -j"$BRIG_JOBS" --target $targets || return
  ctest_step fuzz '^fuzz$'
}
