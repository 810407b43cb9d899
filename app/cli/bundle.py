"""Bundles in the terminal."""

import argparse
import time
from typing import Final

from app.cli.output import Output
from app.domain.bundles import BundleProgress, BundleWish, Manifest
from app.domain.sizes import sized
from app.domain.typed_paths import expanded
from app.services.everything import Services

_EVERY_SECONDS: Final = 1.0


def make_bundle(services: Services, args: argparse.Namespace, output: Output) -> int:
    wish = BundleWish(args.model, args.dataset, args.image or "", args.wheels or "", window=args.window)
    file = expanded(args.file).absolute()
    manifest = services.bundles.make(wish, file, _Teller(output), overwrite=args.force)
    output.say(f"{file}: {sized(file.stat().st_size)}.")
    code = _said(manifest, output)
    if manifest.of_kind("wheel") and not wish.window:
        output.say("No client of the desktop window is in it (--window): the app will open in the browser.")
    return code


def show_bundle(services: Services, args: argparse.Namespace, output: Output) -> int:
    return _said(services.bundles.look(expanded(args.file)), output)


def install_bundle(services: Services, args: argparse.Namespace, output: Output) -> int:
    manifest = services.bundles.install(expanded(args.file), _Teller(output))
    output.say("Installed:")
    return _said(manifest, output)


def _said(manifest: Manifest, output: Output) -> int:
    output.give(manifest)
    for kind in ("model", "session", "image", "window"):
        for name in manifest.names(kind):
            size = sum(part.size for part in manifest.of_kind(kind) if part.name == name)
            output.say(f"  {kind} {name}, {sized(size)}")
    if wheels := manifest.of_kind("wheel"):
        size = sum(part.size for part in wheels)
        output.say(f"  {manifest.requirement}: {len(wheels)} packages, {sized(size)}")
        output.say(f"  for {manifest.made_for}")
    return 0


class _Teller:
    """Every new thing at once, a share of one not more than once a second."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last = 0.0

    def __call__(self, progress: BundleProgress) -> None:
        now = time.monotonic()
        if progress.total and now - self._last < _EVERY_SECONDS:
            return
        self._last = now
        share = f" ({100 * progress.done // progress.total} %)" if progress.total else ""
        self._output.say(f"{progress.text}{share}")
