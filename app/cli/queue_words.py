"""The words of `tunewright queue`."""

import argparse
from collections.abc import Callable
from typing import Final

from app.domain.presets import PRESETS
from app.domain.targets import LAUNCHED

Leaf = Callable[..., argparse.ArgumentParser]
NO_LIMIT: Final = "none"


def add_queue_words(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf) -> None:
    group = verbs.add_parser("queue", help="runs that wait for their turn")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    leaf(nouns, "list", "what waits, in order, and why")
    add = leaf(nouns, "add", "put a run at the end, with its rows and settings as they are now")
    add.add_argument("--config", required=True, metavar="FILE", help="a setup, .toml or .json")
    add.add_argument("--target", choices=[t.value for t in LAUNCHED], help="where to run; else the setup's")
    add.add_argument("--preset", choices=list(PRESETS), help="these values go over those of the setup")
    add.add_argument("--yes", action="store_true", help="agree to what a rented GPU costs, unasked")
    add.add_argument(
        "--methods",
        metavar="M,M",
        help="one run for each of these methods, with its advised values, on the same rows: lora, osft, sft",
    )
    back = leaf(nouns, "return", "put a stopped or failed run back at the end")
    back.add_argument("--yes", action="store_true", help="agree to what a rented GPU costs, unasked")
    cancel = leaf(nouns, "cancel", "take a run out; it stays in the history")
    move = leaf(nouns, "move", "move a waiting run")
    for one in (back, cancel, move):
        one.add_argument("run", metavar="RUN", help="name, id, or the start of an id")
    move.add_argument("by", type=_places, help="places: -1 is one to the front, 1 one to the back")
    leaf(nouns, "pause", "start nothing more; what is going goes on")
    leaf(nouns, "resume", "go on starting runs")
    rules = leaf(nouns, "rules", "show or set when queued runs may start")
    rules.add_argument("--idle", choices=("yes", "no"), help="only on a GPU that no other program uses")
    rules.add_argument("--night", choices=("yes", "no"), help="only at night")
    rules.add_argument("--hours", type=_hours, metavar="FROM-TO", help="when night is, like 22-6")
    rules.add_argument(
        "--most-dollars",
        type=_dollars,
        metavar="DOLLARS",
        help="all rented runs together cost no more from now on; “none” lifts it",
    )
    run = leaf(nouns, "run", "start what waits, one after another, until nothing waits")
    run.add_argument("--keep", action="store_true", help="and go on waiting for more until Ctrl+C")


def _places(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("it is a whole number like -1") from None


def _dollars(text: str) -> float | str:
    """What is no amount at all. Which amounts may be a limit, the queue says."""
    if text == NO_LIMIT:
        return text
    try:
        return float(text.removeprefix("$"))
    except ValueError:
        raise argparse.ArgumentTypeError("it is an amount like 20, or none") from None


def _hours(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise argparse.ArgumentTypeError("hours are like 22-6")
    return int(first), int(last)
