"""What the verbs of `tunewright queue` do."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, cast, get_args

from app.cli.checking import require_ready, setup_of
from app.cli.output import Output
from app.cli.pods import require_consent
from app.cli.queue_words import NO_LIMIT
from app.domain.errors import StudioError
from app.domain.fan_out import fan_out
from app.domain.money import money
from app.domain.presets import Method
from app.domain.queue import QueueRules
from app.domain.runs import Run, RunRequest, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.services.run_requests import request_of_run

Verb = Callable[[Services, argparse.Namespace, Output], int]

_POLL_SECONDS: Final = 0.5


def list_queue(services: Services, args: argparse.Namespace, output: Output) -> int:
    standing = services.queue.standing(services.monitoring.refresh_all())
    output.give({"runs": standing.runs, "rules": standing.rules, "reason": standing.reason})
    if not standing.runs:
        output.say("Nothing waits. `tunewright queue add --config FILE` puts a run here.")
        return 0
    rows = [
        (place, run.id, run.name, run.target.value, run.config.method.kind)
        for place, run in enumerate(standing.runs, start=1)
    ]
    output.table(["place", "id", "name", "target", "method"], rows)
    for run in standing.runs:
        _say_what_hinders(run, output)
    output.say(standing.reason or "`tunewright queue run`, or the open window, starts the first one.")
    return 0


def add(services: Services, args: argparse.Namespace, output: Output) -> int:
    setup, folder = setup_of(services, args, args.config, is_file=True)
    setups = [setup] if args.methods is None else fan_out(setup, _methods(args), rows=_rows(services, setup))
    requests = [services.training.request_of(one, folder) for one in setups]
    if setup.target is Target.RUNPOD:
        requests = [_agreed(services, request, args, output) for request in requests]
    runs = [services.queue.add(request) for request in requests]
    output.give(runs if args.methods else runs[0])
    for run in runs:
        output.say(f"{run.name} ({run.id}) waits, with its rows and settings as they are now.")
        _say_what_hinders(run, output)
    output.say("It starts while the window is open, or `tunewright queue run` goes on in a terminal.")
    return 0


def _agreed(services: Services, request: RunRequest, args: argparse.Namespace, output: Output) -> RunRequest:
    """A yes is given before it waits: when its turn comes nobody is asked."""
    found = require_ready(services, request, output)
    require_consent(found, output, is_given=args.yes)
    return request if found.plan is None else replace(request, pod=found.plan.agreed(request.pod))


def add_back(services: Services, args: argparse.Namespace, output: Output) -> int:
    before, pod = services.monitoring.find(args.run), None
    if before.target is Target.RUNPOD and not services.queue.add_back_blocked(before):
        pod = _agreed(services, request_of_run(before), args, output).pod
    run = services.queue.add_back(before.id, pod=pod)
    output.give(run)
    output.say(f"{run.name} waits at the end of the queue.")
    _say_what_hinders(run, output)
    return 0


def move(services: Services, args: argparse.Namespace, output: Output) -> int:
    services.queue.move(services.monitoring.find(args.run).id, args.by)
    return list_queue(services, args, output)


def cancel(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.queue.cancel(services.monitoring.find(args.run).id)
    output.give(run)
    output.say(f"{run.name} is out of the queue. `tunewright queue return {run.id}` puts it back.")
    return 0


def pause(services: Services, args: argparse.Namespace, output: Output) -> int:
    services.queue.pause()
    output.give(services.queue.rules())
    output.say("Nothing more starts from the queue. What is going goes on.")
    return 0


def resume(services: Services, args: argparse.Namespace, output: Output) -> int:
    services.queue.pause(False)
    output.give(services.queue.rules())
    output.say("The queue goes on while the window is open, or `tunewright queue run` does.")
    return 0


def set_rules(services: Services, args: argparse.Namespace, output: Output) -> int:
    changes: dict[str, bool | int] = {}
    if args.idle:
        changes["only_idle"] = args.idle == "yes"
    if args.night:
        changes["only_at_night"] = args.night == "yes"
    if args.hours:
        changes |= {"night_from": args.hours[0], "night_to": args.hours[1]}
    if changes:
        services.queue.change_rules(**changes)
    if args.most_dollars is not None:
        services.queue.limit_money(None if args.most_dollars == NO_LIMIT else args.most_dollars)
    rules = services.queue.rules()
    output.give(rules)
    for line in describe(rules):
        output.say(line)
    return 0


def run(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Ctrl+C leaves what is going as it is. Exit code 1 if one of those it started failed."""
    watched: dict[str, Run] = {}
    said = ""
    try:
        while True:
            runs = services.monitoring.refresh_all()
            _tell_ends(watched, runs, output)
            turn = services.queue.advance(runs)
            if turn.run is not None:
                watched[turn.run.id] = turn.run
                output.give({"type": "started", "run": turn.run})
                output.say(f"Started {turn.run.name} ({turn.run.id}).")
                continue
            if turn.reason and turn.reason != said:
                said = turn.reason
                output.say(said)
            is_done = not services.queue.standing(runs).runs and not _going(watched)
            if is_done and not args.keep:
                return 1 if any(r.status == "failed" for r in watched.values()) else 0
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        output.say("\nNothing more starts. What is going goes on without this terminal.")
        return 130


def _say_what_hinders(run: Run, output: Output) -> None:
    if run.message:
        output.say(f"{run.name}, as things are, will not start: {run.message} {run.hint}".rstrip())


def describe(rules: QueueRules) -> list[str]:
    hours = f"only from {rules.night_from}:00 to {rules.night_to}:00"
    night = hours if rules.only_at_night else "at any hour"
    idle = "only on a GPU that no other program uses" if rules.only_idle else "also beside other programs"
    limit = []
    if rules.most_dollars is not None:
        since = f"{datetime.fromisoformat(rules.counted_from).astimezone():%d %B %H:%M}"
        limit = [f"All rented runs together cost at most {money(rules.most_dollars)} from {since} on."]
    return [
        f"Queued runs start {night}, {idle}.",
        *limit,
        *(["The queue is paused."] if rules.is_paused else []),
    ]


def _tell_ends(watched: dict[str, Run], runs: Sequence[Run], output: Output) -> None:
    for run in runs:
        before = watched.get(run.id)
        if before is None:
            continue
        watched[run.id] = run
        if run.status.is_final and not before.status.is_final:
            output.give({"type": "ended", "run": run})
            output.say(f"{run.name}: {run.status}. {run.message}".rstrip())


def _going(watched: Mapping[str, Run]) -> list[Run]:
    return [run for run in watched.values() if not run.status.is_final]


def _methods(args: argparse.Namespace) -> list[Method]:
    names = [name.strip() for name in args.methods.split(",")]
    if unknown := [name for name in names if name not in get_args(Method)]:
        raise StudioError(f"There is no method {unknown[0]}.", "The methods are lora, osft and sft.")
    return cast(list[Method], names)


def _rows(services: Services, setup: Setup) -> int:
    """For the advice; a file or a dataset of the Hub counts as a small one."""
    return services.library.find(setup.session).row_count if setup.session else 0


QUEUE_VERBS: Final[Mapping[str, Verb]] = {
    "list": list_queue,
    "add": add,
    "return": add_back,
    "move": move,
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "rules": set_rules,
    "run": run,
}
