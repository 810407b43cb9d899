#!/bin/bash
# chromium.sh
#
# Print the path of a Chromium that tests can drive: CHROMIUM, one that is installed, the one Playwright downloaded, or one
# that apt-get installs now where that is allowed. 75: none can be had, one line on stderr says how to get one.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
  if [ -n "$name" ] && found=$(command -v "$name"); then echo "$found"; exit 0; fi
done

bundled=$(.venv/bin/python - 2>/dev/null <<'PY' || true
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
PY
)
if [ -n "$bundled" ] && [ -x "$bundled" ]; then echo "$bundled"; exit 0; fi

as_root=
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
  log=$(mktemp); trap 'rm -f "$log"' EXIT
  echo "Installing chromium with apt-get." >&2
  install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends chromium"
  if $install >"$log" 2>&1 || { $as_root apt-get -q update && $install; } >"$log" 2>&1; then
    hash -r
    if command -v chromium; then exit 0; fi
  fi
  echo "No Chromium: apt-get could not install it: $(grep -m1 '^E:' "$log" || tail -n 1 "$log")" >&2
  exit 75
fi
echo "No Chromium: install it (or run '.venv/bin/playwright install chromium'), or name one in CHROMIUM." >&2
exit 75
