# Shared by deploy/up and deploy/down; sourced. Needs: sh, coreutils, curl.
#
# What `up` starts it notes in $run, which does not outlive a reboot, as its processes do not; what it installs, in $kept.

prefix=${BRIG_PREFIX:-/usr/local}
config=${BRIG_CONFIG:-/etc/brig/brig.toml}
run=/run/brig-deploy
kept=/var/lib/brig-deploy
logs=/var/log/brig
engine_data=/var/lib/brig-engine

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
with_systemd() { [ -d /run/systemd/system ]; }
need_root() { [ "$(id -u)" = 0 ] || fail "must run as root: it installs packages and starts services"; }

# A process by a file "PID STARTTIME": the start time tells it from a later process with the same pid.
start_time() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
note_process() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$1"; }
alive() { # alive FILE: prints the pid
  [ -f "$1" ] || return 1
  read -r pid started <"$1" || return 1
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] || return 1
  case $(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null) in Z*) return 1 ;; esac
  printf '%s\n' "$pid"
}

# wait_until SECONDS COMMAND…: until the command succeeds.
wait_until() {
  end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

stop_process() { # stop_process FILE SECONDS: politely, then not
  if pid=$(alive "$1"); then
    kill -TERM "$pid"
    wait_until "$2" not_alive "$1" || kill -KILL "$pid"
    wait_until 10 not_alive "$1" || fail "process $pid does not end"
  fi
  rm -f "$1"
}
not_alive() { ! alive "$1" >/dev/null; }

# The socket of brigd: from the configuration, else the default.
brig_socket() {
  found=
  [ ! -r "$config" ] || found=$(sed -n 's/^[[:space:]]*socket[[:space:]]*=[[:space:]]*"\([^"]*\)".*/\1/p' "$config" | head -n 1)
  printf '%s\n' "${found:-/run/brig/brig.sock}"
}
state_dir() {
  found=
  [ ! -r "$config" ] || found=$(sed -n 's/^[[:space:]]*state_dir[[:space:]]*=[[:space:]]*"\([^"]*\)".*/\1/p' "$config" | head -n 1)
  printf '%s\n' "${found:-/var/lib/brig}"
}
brig_ready() { curl -fsS --max-time 5 --unix-socket "$(brig_socket)" http://brig/readyz >/dev/null 2>&1; }

engine_host() { # as brigd will look for it
  found=
  [ ! -r "$config" ] || found=$(sed -n '/^\[engine\]/,/^\[/s/^[[:space:]]*host[[:space:]]*=[[:space:]]*"\([^"]*\)".*/\1/p' "$config" | head -n 1)
  printf '%s\n' "${found:-${DOCKER_HOST:-unix:///var/run/docker.sock}}"
}
engine_answers() { # engine_answers [HOST]
  host=${1:-$(engine_host)}
  case $host in
  unix://*) curl -fsS --max-time 5 --unix-socket "${host#unix://}" http://engine/_ping ;;
  tcp://*)
    if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
      certs=${DOCKER_CERT_PATH:-$HOME/.docker}
      curl -fsS --max-time 5 --cacert "$certs/ca.pem" --cert "$certs/cert.pem" --key "$certs/key.pem" \
        "https://${host#tcp://}/_ping"
    else
      curl -fsS --max-time 5 "http://${host#tcp://}/_ping"
    fi
    ;;
  *) return 1 ;;
  esac >/dev/null 2>&1
}
