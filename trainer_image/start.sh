#!/bin/sh
# The image's entry point: train.py with its arguments, as a computer's own Docker starts it; without any, in a pod
# that was told a run's token, the supervisor, which must be the first process and never end.
if [ $# -eq 0 ] && [ -n "${STUDIO_TOKEN_SHA256:-}" ]; then
    exec python -u -P -m trainer_image.pod
fi
[ $# -gt 0 ] || set -- --help
exec python /opt/studio/trainer_image/train.py "$@"
