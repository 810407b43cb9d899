"""The words for rented pods: what `train` is told of one, and `tunewright runpod list|reap|end`."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.domain.setups import Setup

Leaf = Callable[..., argparse.ArgumentParser]


def add_pod_options(leaf: argparse.ArgumentParser) -> None:
    """Over those of the setup."""
    pod = leaf.add_argument_group("on Runpod")
    pod.add_argument("--gpu", action="append", metavar="TYPE", help="take this GPU; repeat in order of wish")
    pod.add_argument("--order", choices=["fastest", "cheapest"], help="which of those that fit comes first")
    pod.add_argument("--budget", type=float, metavar="DOLLARS", help="never more than this, with everything")
    pod.add_argument("--hours", type=float, help="never longer than this")
    pod.add_argument(
        "--highest-price", type=float, metavar="DOLLARS", help="an hour; else what the first costs"
    )
    pod.add_argument("--image", help="the trainer image, as its registry calls it")
    pod.add_argument("--region", help="data centre, like EU-RO-1")
    pod.add_argument("--volume", metavar="ID", help="a network volume of that region")


def with_pod_options(setup: "Setup", args: argparse.Namespace) -> "Setup":
    from app.domain.renting import Order  # noqa: PLC0415 - not for --help

    told: dict[str, Any] = {
        "gpus": tuple(args.gpu) if getattr(args, "gpu", None) else None,
        "order": Order(args.order) if getattr(args, "order", None) else None,
        **{name: getattr(args, name, None) for name in ("budget", "hours", "highest_price")},
        **{name: getattr(args, name, None) for name in ("image", "region", "volume")},
    }
    given = {name: value for name, value in told.items() if value is not None}
    return setup.model_copy(update={"pod": replace(setup.pod, **given)}) if given else setup


def add_pod_verbs(nouns: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf) -> None:
    leaf(nouns, "list", "pods of this Tunewright that cost money now, and what was spent")
    reap = leaf(nouns, "reap", "end every pod of this Tunewright that works for no run")
    reap.add_argument("--seconds", type=float, default=120, help="wait so long for it to be confirmed (120)")
    end = leaf(nouns, "end", "end one pod of this Tunewright, whatever it does")
    end.add_argument("pod", metavar="POD", help="its id, as `runpod list` shows it")
