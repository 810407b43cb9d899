"""The words for what there is at Runpod: `tunewright runpod gpus|volumes|templates|balance`."""

import argparse
from collections.abc import Callable
from typing import Final

Leaf = Callable[..., argparse.ArgumentParser]
_DISK: Final = 40


def add_pod_storage_verbs(nouns: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf) -> None:
    gpus = leaf(nouns, "gpus", "GPUs to rent now: memory, price an hour, stock by region")
    size = gpus.add_mutually_exclusive_group()
    size.add_argument("--config", metavar="FILE", help="a setup: only GPUs that its memory estimate fits")
    size.add_argument("--needs", type=float, metavar="GB", help="only GPUs that so much fits")
    gpus.add_argument("--order", choices=["fastest", "cheapest"], default="cheapest", help="what comes first")
    gpus.add_argument("--region", help="only what is free in this data centre")
    gpus.add_argument("--all", action="store_true", help="also what is not free now")
    leaf(nouns, "balance", "what is left in the account, and what it spends an hour")
    volumes = leaf(nouns, "volumes", "network volumes of the account with their price a month")
    one = volumes.add_mutually_exclusive_group()
    one.add_argument("--ensure", type=int, metavar="GB", help="have one of at least this size")
    one.add_argument("--delete", metavar="VOLUME", help="delete the one of this id with all files on it")
    volumes.add_argument("--gpu", metavar="TYPE", help="with --ensure: where this GPU is free")
    volumes.add_argument("--region", help="with --ensure: in this data centre")
    volumes.add_argument("--yes", action="store_true", help="agree to the price, or to the loss")
    templates = leaf(nouns, "templates", "templates of the account; they cost nothing")
    either = templates.add_mutually_exclusive_group()
    either.add_argument("--ensure", metavar="IMAGE", help="have one that names this image")
    either.add_argument("--delete", metavar="TEMPLATE", help="delete the one of this id")
    templates.add_argument("--disk", type=int, default=_DISK, metavar="GB", help=f"with --ensure ({_DISK})")
    templates.add_argument("--yes", action="store_true", help="delete without asking")
