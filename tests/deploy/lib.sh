# For the tests in this folder; sourced.
passed=0
out=
on_failure() { :; } # what else there is to see

ok() { passed=$((passed + 1)); echo "ok: $*"; }
die() {
  echo "FAILED: $*"
  printf '%s\n' "$out" | tail -n 60
  on_failure
  exit 1
}
expect() { # expect TEXT: the last output has it
  [[ $out == *"$1"* ]] || die "expected '$1' in the output"
}
try() { # try WHAT COMMAND…
  local what=$1
  shift
  echo "--- $what: $*"
  out=$("$@" </dev/null 2>&1) || die "$what"
}

make_package() { # make_package BUILD DIRECTORY: from what is built; prints its name
  (umask 022 && cpack --config "$1/CPackConfig.cmake" -B "$2/cpack") >"$2/cpack.log" 2>&1 || { cat "$2/cpack.log"; return 1; }
  ls "$2"/cpack/*.deb
}

repack() { # repack DEB NEW VERSION: the same under another version
  local tree
  tree=$(mktemp -d "${2%/*}/repack.XXXXXX")
  dpkg-deb -R "$1" "$tree"
  sed -i "s/^Version: .*/Version: $3/" "$tree/DEBIAN/control"
  dpkg-deb -b -Zgzip -z1 "$tree" "$2"
  rm -rf "$tree"
}
