"""What a run would take and what speaks against it, before it is started."""

import argparse

from app.cli.output import Output
from app.cli.setup_files import read_setup
from app.domain.errors import StudioError
from app.domain.preflight import Remark
from app.domain.preflight_words import facts
from app.domain.presets import with_preset
from app.domain.runs import RunRequest, Target
from app.domain.typed_paths import expanded
from app.services.everything import Services


def check(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Exit code 1 if something blocks the start."""
    found = services.preflight.check(asked(services, args))
    output.give({"can_start": found.can_start, **vars(found)})
    for label, text in facts(found):
        output.say(f"{label + ':':<12}{text}")
    say_remarks(found.remarks, output)
    for sentence in found.unknown:
        output.say(f"Not known: {sentence}")
    output.say("Ready to start." if found.can_start else "Not ready: the errors come first.")
    return 0 if found.can_start else 1


def asked(services: Services, args: argparse.Namespace) -> RunRequest:
    """The run a setup file describes, with what the command line puts over it."""
    path = expanded(args.config)
    setup = read_setup(path)
    if args.target:
        setup = setup.model_copy(update={"target": Target(args.target)})
    if args.preset:
        setup = setup.model_copy(update={"config": with_preset(setup.config, args.preset)})
    return services.training.request_of(setup, path.absolute().parent)


def require_ready(services: Services, request: RunRequest, output: Output) -> None:
    """Say the warnings; raise StudioError with the first error, which names how many more there are."""
    found = services.preflight.check(request)
    say_remarks(found.warnings, output)
    if found.can_start:
        return
    first, *others = found.errors
    more = f" {len(others)} more: `tunewright check` lists them." if others else ""
    raise StudioError(first.message, f"{first.hint}{more}".strip())


def say_remarks(remarks: tuple[Remark, ...], output: Output) -> None:
    for remark in remarks:
        output.say(f"{remark.level.capitalize()}: {remark.message} {remark.hint}".rstrip())
