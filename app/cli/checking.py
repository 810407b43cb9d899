"""What a run would take and what speaks against it, before it is started."""

import argparse
from pathlib import Path

from app.cli.output import Output
from app.cli.pod_words import with_pod_options
from app.domain.errors import StudioError
from app.domain.preflight import Readiness, Remark
from app.domain.preflight_words import facts
from app.domain.presets import with_preset
from app.domain.runs import RunRequest, Target
from app.domain.setups import Setup
from app.domain.typed_paths import expanded
from app.paths import Paths
from app.services.everything import Services
from app.services.recipes import recipe
from app.services.setup_files import read_setup, said_over


def check(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Exit code 1 if something blocks the start."""
    is_file = expanded(args.setup).suffix in {".toml", ".json"}
    setup, folder = setup_of(services, args, args.setup, is_file=is_file)
    found = services.preflight.check(services.training.request_of(setup, folder))
    output.give({"can_start": found.can_start, **vars(found)})
    for label, text in facts(found):
        output.say(f"{label + ':':<12}{text}")
    say_remarks(found.remarks, output)
    for sentence in found.unknown:
        output.say(f"Not known: {sentence}")
    output.say("Ready to start." if found.can_start else "Not ready: the errors come first.")
    return 0 if found.can_start else 1


def probe(services: Services, args: argparse.Namespace, output: Output) -> int:
    """What the run would take here, by its first steps."""
    name = args.config or args.setup or args.recipe
    setup, folder = setup_of(services, args, name, is_file=bool(args.config))
    said = set[str]()

    def tell(news: str) -> None:
        if news not in said:
            said.add(news)
            output.say(f"  {news}")

    found, remark = services.probing.probe(services.training.request_of(setup, folder), tell)
    output.give({**vars(found), "seconds": found.seconds, "remark": remark})
    for sentence in filter(None, (*found.sentences, remark)):
        output.say(sentence)
    output.say("Nothing was trained. Later estimates for this model and method here are corrected by it.")
    return 0


def setup_of(services: Services, args: argparse.Namespace, name: str, *, is_file: bool) -> tuple[Setup, Path]:
    """The setup that was named, with what the command line puts over it, and where its paths start."""
    path = expanded(name)
    if getattr(args, "recipe", None):
        setup = recipe(Paths.from_environment().assets, name).setup
    else:
        setup = read_setup(path) if is_file else services.setups.load(name)
    if args.target:
        setup = setup.model_copy(update={"target": Target(args.target)})
    if args.preset:
        setup = setup.model_copy(update={"config": with_preset(setup.config, args.preset)})
    if said := getattr(args, "set", ()):  # the queue's verbs do not have it
        setup = said_over(setup, said)
    setup = with_pod_options(setup, args)
    return setup, path.absolute().parent if is_file else Path.home()


def require_ready(services: Services, request: RunRequest, output: Output) -> Readiness:
    """Say the warnings; raise StudioError with the first error, which names how many more there are."""
    found = services.preflight.check(request)
    say_remarks(found.warnings, output)
    if found.can_start:
        return found
    first, *others = found.errors
    more = f" {len(others)} more: `tunewright check` lists them." if others else ""
    raise StudioError(first.message, f"{first.hint}{more}".strip())


def say_remarks(remarks: tuple[Remark, ...], output: Output) -> None:
    for remark in remarks:
        output.say(f"{remark.level.capitalize()}: {remark.message} {remark.hint}".rstrip())
