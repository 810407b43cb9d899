#!/bin/bash
# build-trainer-image.sh [--cpu] [--tag TAG] [--stand-in-base] [--wheels auto|yes|no]
#
# Build Dockerfile.trainer: the CUDA variant as tunewright-trainer:cuda, with --cpu the other as tunewright-trainer:cpu.
# Plain `docker build -f Dockerfile.trainer .` gives the same; this adds what some machines need:
#
#   --wheels         pip on this machine collects the packages and the build installs from those, offline. "auto" does that
#                    where pip has sources of its own (an index, a folder, a certificate); none of those settings gets
#                    near the image. With BUILD_ARGS, which may choose other packages, "auto" means no.
#   --stand-in-base  where python:3.11-slim cannot be pulled, start from one made of this machine's packages.
#
# An image that was already built from the same files is left alone. BUILD_ARGS holds further arguments of docker build.
# Exit 75: there is neither a base to pull nor one to make.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '[trainer-image] %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

variant=cuda tag='' stand_in='' wheels=auto base=python:3.11-slim
while [ $# -gt 0 ]; do
  case $1 in
    --cpu) variant=cpu ;;
    --tag) tag=${2:?--tag needs a name}; shift ;;
    --stand-in-base) stand_in=yes ;;
    --wheels) wheels=${2:?--wheels needs auto, yes or no}; shift ;;
    *) sed -n '2p' "$0" >&2; exit 64 ;;
  esac
  shift
done
tag=${tag:-tunewright-trainer:$variant}
command -v docker >/dev/null || fail "the docker command is missing; install Docker, or run this under scripts/with-engine.sh"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start Docker, or run this under scripts/with-engine.sh"

requirements=(trainer_image/requirements.txt)
[ "$variant" = cpu ] || requirements+=(trainer_image/requirements-cuda.txt)
python=${PYTHON:-.venv/bin/python}; [ -x "$python" ] || python=python3

pip_has_sources() { grep -qE '[.](index-url|extra-index-url|find-links|no-index|cert|proxy)=' <<<"$("$python" -m pip config list 2>/dev/null)"; }
fits_the_image() { "$python" -c 'import platform, sys; sys.exit((sys.platform, sys.version_info[:2]) != ("linux", (3, 11)))'; }
if [ "$wheels" = auto ]; then
  wheels=no
  if [ -z "${BUILD_ARGS:-}" ] && pip_has_sources; then
    if fits_the_image; then wheels=yes
    else say "pip's own sources are not used: only Python 3.11 on Linux can collect packages for the image"; fi
  fi
fi

# What the image is made of; the same files again need no build.
content=$({ cat Dockerfile.trainer; echo "$variant $base ${BUILD_ARGS:-}"
  find trainer_image -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-16)
if [ "$(docker image inspect -f '{{index .Config.Labels "app.tunewright.content"}}' "$tag" 2>/dev/null || true)" = "$content" ]; then
  say "$tag is up to date"
  exit 0
fi

started=$(date +%s)
if [ -n "$stand_in" ] && ! docker image inspect "$base" >/dev/null 2>&1 && ! timeout 120 docker pull -q "$base" >/dev/null 2>&1; then
  # Only in a private engine may it take the public image's name.
  [ "${WITH_ENGINE:-}" = private ] || base=tunewright-stand-in:3.11
  if ! docker image inspect "$base" >/dev/null 2>&1; then
    room=$(mktemp -d); trap 'rm -rf "$room"' EXIT
    scripts/base-image.sh "$room/root" "$("$python" -c 'import sys; print(sys.base_prefix)')" || { status=$?; say "python:3.11-slim cannot be pulled either"; exit $status; }
    tar -C "$room/root" --owner=0 --group=0 -c . |
      docker import -c 'CMD ["python3"]' -c 'LABEL app.tunewright.stand-in=yes' - "$base" >/dev/null
    rm -rf "$room"
  fi
fi
if [ "$(docker image inspect -f '{{index .Config.Labels "app.tunewright.stand-in"}}' "$base" 2>/dev/null || true)" = yes ]; then
  say "python:3.11-slim cannot be pulled here: building on a stand-in made of this machine's packages"
fi

stock=()
if [ "$wheels" = yes ]; then
  shelf=.cache/wheels/$variant-$(cat trainer_image/constraints.txt "${requirements[@]}" Dockerfile.trainer | sha256sum | cut -c1-16)
  if [ ! -d "$shelf/wheels" ]; then
    say "collecting the packages with this machine's pip"
    rm -rf "$shelf"; mkdir -p "$shelf"
    pins=$(mktemp -d)
    cp trainer_image/constraints.txt trainer_image/requirements*.txt "$pins/"
    [ "$variant" = cpu ] || sed -i "s/^torch==.*/torch==$(sed -nE 's/.*cuda\) torch="\$\{TORCH:-([^}]+)\}".*/\1/p' Dockerfile.trainer)/" "$pins/constraints.txt"
    collect=("$python" -m pip download --quiet --disable-pip-version-check --only-binary=:all: --dest "$shelf/new")
    lists=(); for list in "${requirements[@]}"; do lists+=(-r "$pins/$(basename "$list")"); done
    "${collect[@]}" "${lists[@]}"
    if [ "$variant" = cuda ]; then
      unsloth=$(sed -n 's/^ARG UNSLOTH=//p' Dockerfile.trainer)
      "${collect[@]}" --no-deps "unsloth==$unsloth" "unsloth_zoo==$unsloth"
    fi
    rm -rf "$pins"
    mv "$shelf/new" "$shelf/wheels"
  fi
  stock=(-C "$PWD/$shelf" wheels)
fi

say "building $tag ($variant)"
# shellcheck disable=SC2086
tar --exclude=__pycache__ --exclude='*.pyc' --owner=0 --group=0 -c Dockerfile.trainer trainer_image "${stock[@]}" |
  docker build ${QUIET:+--quiet} -f Dockerfile.trainer -t "$tag" --build-arg "BASE=$base" --build-arg "VARIANT=$variant" \
    --label "app.tunewright.content=$content" ${BUILD_ARGS:-} - >&2
say "$tag is ready after $(($(date +%s) - started)) s, $(($(docker image inspect -f '{{.Size}}' "$tag") / 1000000)) MB"
