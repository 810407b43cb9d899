#!/bin/bash
# with-engine.sh [--work DIR] -- COMMAND...
#
# Run COMMAND with DOCKER_HOST pointing at a real Docker engine: the one that already answers, else a private one made of
# this distribution's own packages, unpacked under DIR (default .cache/engine) and never installed.
#
# COMMAND's exit code is passed on. 75 without COMMAND having run: no engine can be had here, one line on stderr says why.
# COMMAND sees WITH_ENGINE=running or WITH_ENGINE=private. TUNEWRIGHT_PRIVATE_ENGINE=1 asks for a private one even where
# another answers.
#
# The private engine has no bridge: containers have loopback only unless network_mode="host", and ports= publishes
# nothing. Its images are kept under DIR for the next time (a second one side by side gets a folder that vanishes);
# containers, processes, mounts and cgroups are gone when COMMAND ends, also by TERM or INT.
set -euo pipefail

say() { printf '[with-engine] %s\n' "$*" >&2; }
unavailable() { say "no Docker engine: $*"; exit 75; }
usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }

work="$(cd "$(dirname "$0")/.." && pwd)/.cache/engine"
if [ "${1:-}" = --work ]; then work=$(realpath -m "${2:?}"); shift 2; fi
[ "${1:-}" = -- ] && [ $# -ge 2 ] || usage
shift

engine_answers() {
  python=$(command -v python3 || true)
  if command -v docker >/dev/null 2>&1; then timeout 20 docker info >/dev/null 2>&1; return; fi
  local socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
  [ -n "$python" ] && [[ $socket == unix://* ]] && [ -S "${socket#unix://}" ] &&
    "$python" - "${socket#unix://}" <<'PY' >/dev/null 2>&1
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
s.sendall(b"GET /_ping HTTP/1.0\r\n\r\n"); sys.exit(b"200" not in s.recv(64))
PY
}

if [ -z "${TUNEWRIGHT_PRIVATE_ENGINE:-}" ] && engine_answers; then
  say "using the engine that is running"
  WITH_ENGINE=running exec "$@"
fi

[ "$(uname -s)" = Linux ] || unavailable "start Docker Desktop, or another engine that 'docker info' can reach"
[ "$(id -u)" = 0 ] || unavailable "start Docker, or run this as root so that a private engine can be started"
for tool in unshare setpriv curl flock pkill; do
  command -v "$tool" >/dev/null || unavailable "'$tool' is missing; install it, or install and start Docker"
done

unpack_engine() { # the distribution's packages, downloaded and unpacked, not installed
  command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    unavailable "this system has no apt-get to fetch one with; install and start Docker"
  say "fetching the engine's packages (once)"
  rm -rf "$work/debs" "$work/x" "$work/bin"; mkdir -p "$work/debs"
  local packages="docker.io containerd runc tini"
  ( cd "$work/debs"
    apt-get -q download $packages >"$work/apt.log" 2>&1 ||
      { apt-get -q update >>"$work/apt.log" 2>&1; apt-get -q download $packages >>"$work/apt.log" 2>&1; } ) ||
    unavailable "apt-get could not download $packages: $(grep -m1 '^E:' "$work/apt.log" || tail -n 1 "$work/apt.log")"
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/x"; done
  mkdir "$work/bin.new"
  for name in dockerd docker docker-proxy containerd containerd-shim-runc-v2 runc tini-static; do
    found=$(find "$work/x" -path '*/etc/*' -prune -o -name $name -type f -perm -1 -print | head -n 1)
    [ -n "$found" ] || unavailable "the distribution's packages hold no '$name'"
    ln -s "$found" "$work/bin.new/$name"
  done
  ln -s tini-static "$work/bin.new/docker-init"
  mv "$work/bin.new" "$work/bin"; rm -rf "$work/debs" # last, so that a broken download is never taken for an engine
}

mkdir -p "$work"
exec 8>"$work/unpack.lock"; flock 8
[ -x "$work/bin/dockerd" ] || { rm -rf "$work/bin.new"; unpack_engine; }
exec 8>&-

room=$(mktemp -d "${TMPDIR:-/tmp}/engine.XXXXXX")
socket=$room/docker.sock group=/$(basename "$room") supervisor= command_pid=

stop_engine() { # let dockerd close its books, then take down whatever is left in its process namespace
  if [ -n "$supervisor" ]; then
    pkill -TERM -P "$supervisor" 2>/dev/null || true
    for _ in $(seq 50); do kill -0 "$supervisor" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$supervisor" 2>/dev/null || true
    wait "$supervisor" 2>/dev/null || true
    supervisor=
  fi
}
leave() {
  if [ -n "$supervisor" ]; then # containers first: dockerd alone would wait ten seconds for each
    DOCKER_HOST="unix://$socket" timeout 20 sh -c \
      'ids=$("$1" ps -aq) && [ -z "$ids" ] || "$1" rm -f $ids' sh "$work/bin/docker" >/dev/null 2>&1 || true
  fi
  stop_engine
  find /sys/fs/cgroup/*"$group" /sys/fs/cgroup"$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  rm -rf "$room"
  rmdir /run/containerd /run/docker 2>/dev/null || true
}
trap leave EXIT
trap '[ -z "$command_pid" ] || kill -TERM "$command_pid" 2>/dev/null; exit 143' TERM
trap '[ -z "$command_pid" ] || kill -INT "$command_pid" 2>/dev/null; exit 130' INT

start_engine() { # DATA_ROOT; 0 once it answers
  PATH="$work/bin:$PATH" setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    sh -c 'for d in /run/containerd /run/docker; do mkdir -p $d && mount -t tmpfs tmpfs $d || exit; done; exec "$@"' sh \
    "$work/bin/tini-static" -- dockerd -H "unix://$socket" --data-root "$1" --exec-root "$room/exec" \
    --pidfile "$room/pid" --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$group" \
    --storage-driver overlay2 --log-level warn >"$room/dockerd.log" 2>&1 </dev/null 9>&- &
  supervisor=$!
  for _ in $(seq 300); do
    [ "$(curl -s --max-time 2 --unix-socket "$socket" http://engine/_ping || true)" = OK ] && return 0
    kill -0 "$supervisor" 2>/dev/null || break
    sleep 0.1
  done
  stop_engine
  return 1
}

exec 9>"$work/images.lock"
if flock -n 9; then images=$work/images; else images=$room/images; fi
if ! start_engine "$images"; then
  cp "$room/dockerd.log" "$work/dockerd.log"
  say "the engine did not start on its kept images; trying once more without them"
  if [ "$images" = "$work/images" ]; then rm -rf "$work/images"; fi
  start_engine "$room/images" ||
    unavailable "the private one did not start: $(grep -m1 -i 'failed' "$room/dockerd.log" || tail -n 1 "$room/dockerd.log")"
fi
export DOCKER_HOST="unix://$socket" WITH_ENGINE=private PATH="$work/bin:$PATH"
docker ps -aq | xargs -r docker rm -f >/dev/null # what a killed predecessor left
say "a private engine is up: Docker $(docker version --format '{{.Server.Version}}')"
"$@" <&0 9>&- &
command_pid=$!
status=0; wait "$command_pid" || status=$?
exit "$status"
