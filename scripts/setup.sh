#!/bin/bash
# setup.sh [EXTRAS]
#
# Make .venv with this project and its extras ("local", "local,dev"). Instant when neither pyproject.toml nor the folder's
# place has changed since: what is installed names the place.
# PYTHON chooses the interpreter; otherwise the first of python3.11, python3, python3.12 ... that is 3.11 or newer.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf '%s\n' "$*" >&2; exit 1; }
wanted=${1:-local}
stamp=.venv/installed-by-setup
version=$({ cat pyproject.toml; pwd -P; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1)

if [ -f "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then
  read -r installed_version installed_extras <"$stamp"
  if [ "$installed_version" = "$version" ]; then
    missing=
    for extra in ${wanted//,/ }; do [[ ,$installed_extras, == *,$extra,* ]] || missing=yes; done
    [ -n "$missing" ] || exit 0
    wanted=$installed_extras,$wanted
  fi
fi

if ! .venv/bin/python -c '' 2>/dev/null; then
  python=
  for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
  done
  [ -n "$python" ] || fail "Tunewright needs Python 3.11 or newer, and none was found. Install it from python.org or your package manager, or name one: PYTHON=/path/to/python3.11 make run"
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"
  "$python" -m venv --clear .venv
fi

echo "Installing Tunewright [$wanted] into .venv: a minute or a few, the first time only."
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$wanted]" ||
  fail "pip could not install everything; the reason is above. Run the same command again once it is solved."
echo "$version $wanted" >"$stamp"
