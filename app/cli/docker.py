"""Docker for humans in the terminal."""

import argparse
import sys
import time
from typing import Final

from app.cli.output import Output
from app.domain.docker_care import GIB, CareProgress, ImageFacts
from app.domain.preflight_words import ability
from app.domain.sizes import sized_of
from app.services.docker_care import described
from app.services.everything import Services

_EVERY_SECONDS: Final = 1.0


def docker_status(services: Services, args: argparse.Namespace, output: Output) -> int:
    engine, image = services.docker_care.engine(), services.docker_care.image(args.image)
    left = services.docker_care.leftovers()
    output.give({"engine": engine, "image": image, "leftovers": left})
    free = "" if engine.free_bytes is None else f", {engine.free_bytes / GIB:.1f} GB free in {engine.root}"
    output.say(f"Docker {engine.version}{free}")
    output.say(f"{args.image}: {described(image)}" if image else f"{args.image} is not on this computer.")
    for each in left:
        output.say(f"Left over: {each.container.name}. {each.text}")
    if left:
        output.say("`tunewright docker clean` removes what is left over.")
    return 0 if image else 1


def docker_build(services: Services, args: argparse.Namespace, output: Output) -> int:
    return _done(services.docker_care.build(args.image, _Teller(output)), output)


def docker_pull(services: Services, args: argparse.Namespace, output: Output) -> int:
    return _done(services.docker_care.pull(args.image, _Teller(output)), output)


def docker_test(services: Services, args: argparse.Namespace, output: Output) -> int:
    verdict = services.docker_care.test_gpu(args.image)
    output.give(verdict)
    output.say(verdict.text)
    for line in verdict.commands:
        output.say(f"  {line}")
    return 0 if verdict.works else 1


def docker_abilities(services: Services, args: argparse.Namespace, output: Output) -> int:
    found = services.docker_care.abilities(args.image)
    output.give({"image": args.image, "abilities": [each.model_dump() for each in found]})
    for each in found:
        output.say(f"{ability(each.name):<24} {each.why_not or 'yes'}")
    return 0


def docker_clean(services: Services, args: argparse.Namespace, output: Output) -> int:
    left = services.docker_care.leftovers()
    for each in left:
        output.say(f"{each.container.name}: {each.text}")
    if left and not args.yes:
        if not sys.stdin.isatty():
            output.say("Nothing was removed: say --yes to remove these containers.")
            output.give({"removed": 0, "leftovers": left})
            return 1
        if input("Remove these containers? [y/N] ").strip().lower() not in ("y", "yes"):
            output.say("Nothing was removed.")
            return 1
    removed = services.docker_care.clean([each.container.id for each in left])
    output.give({"removed": removed, "leftovers": left})
    output.say(f"{removed} removed." if left else "Nothing is left over.")
    return 0


def _done(image: ImageFacts, output: Output) -> int:
    output.give(image)
    output.say(f"{image.name} is ready: {described(image)}.")
    return 0


class _Teller:
    """Says every line of a build, and of a pull once a second how much is there."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last = 0.0

    def __call__(self, progress: CareProgress) -> None:
        now = time.monotonic()
        if progress.total and now - self._last < _EVERY_SECONDS:
            return
        self._last = now
        size = f" {sized_of(progress.done, progress.total)}" if progress.total else ""
        self._output.say(f"{progress.text}{size}")
