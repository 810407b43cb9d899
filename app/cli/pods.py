"""What is done with rented pods from the terminal."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Final

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.money import money
from app.domain.preflight import Readiness
from app.domain.preflight_words import leaving, plan
from app.domain.reaping import Verdict
from app.domain.rentals import Rental
from app.domain.runs import Run
from app.services.everything import Services

Verb = Callable[[Services, argparse.Namespace, Output], int]


def list_pods(services: Services, args: argparse.Namespace, output: Output) -> int:
    billing = services.reaper.billing()
    rentals = services.renting.rentals()
    spent = sum(services.renting.cost(rental) for rental in rentals)
    output.give({"billing": billing, "rentals": rentals, "spent": spent})
    if billing:
        rows = [(b.pod_id, b.name, f"{money(b.price)}/h", b.verdict.value, b.why) for b in billing]
        output.table(["pod", "name", "price", "verdict", "why"], rows)
    else:
        output.say("No pod of this Tunewright costs anything now.")
    output.say(f"Spent so far, at most: {money(spent)} on {_pods(len(rentals))}.")
    return 0


def reap(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Exit code 1 if something is left that costs."""
    services.reaper.reap()
    left = services.reaper.wait(args.seconds)
    strays = [b for b in services.reaper.billing() if b.verdict in (Verdict.END, Verdict.ASK)]
    output.give({"left": strays, "problem": left.problem})
    if left.problem:
        raise StudioError("The pods could not be looked at.", left.problem)
    for pod in strays:
        output.say(f"{pod.name} ({pod.pod_id}) costs {money(pod.price)} an hour. {pod.why}")
        output.say(f"`tunewright runpod end {pod.pod_id}` ends it.")
    if not strays:
        output.say("Nothing of this Tunewright costs money for nothing.")
    return 1 if strays else 0


def end(services: Services, args: argparse.Namespace, output: Output) -> int:
    services.reaper.end(args.pod)
    left = services.reaper.wait(120)
    output.give({"left": left})
    output.say(f"The pod {args.pod} was told to end.")
    return 0


def require_consent(found: Readiness, output: Output, *, is_given: bool) -> None:
    """Say what it costs and what leaves this computer; without a yes nothing is ordered."""
    if found.plan is None:
        return
    output.say(f"Cost: {plan(found.plan)}.")
    output.say(f"Leaves: {leaving(found)}")
    if is_given:
        return
    if not sys.stdin.isatty():
        raise StudioError("Nothing was ordered: it costs money.", "Give --yes to agree to it.")
    if input("Order it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise StudioError("Nothing was ordered.", "Nothing costs anything.")


def say_until_it_trains(services: Services, run: Run, output: Output) -> None:
    """Until the pod can do without this terminal."""
    said = ""

    def tell(rental: Rental) -> None:
        nonlocal said
        text = f"{rental.state.value}{': ' + rental.progress if rental.progress else ''}"
        if text != said:
            output.give({"type": "rental", "state": rental.state.value, "progress": rental.progress})
            output.say(f"  {text}")
        said = text

    rental = services.reaper.until_it_trains(run, tell)
    if rental is not None and rental.is_wanted:
        output.say("It trains now, and goes on without this terminal and this computer until its deadline.")
        output.say("Its results are fetched while the window is open, or with --follow.")


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


VERBS: Final[Mapping[tuple[str, str | None], Verb]] = {
    ("runpod", "list"): list_pods,
    ("runpod", "reap"): reap,
    ("runpod", "end"): end,
}
