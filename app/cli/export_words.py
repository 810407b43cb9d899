"""The words of `tunewright export` and `tunewright exports`."""

import argparse
from collections.abc import Callable

from app.domain.export_formats import ComputesOn, ExportFormat, MlxBits, Quantization

Leaf = Callable[..., argparse.ArgumentParser]


def add_export_words(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf) -> None:
    export = leaf(verbs, "export", "take a run's model along: written, loaded again and certified")
    export.add_argument("run", metavar="RUN", help="name, id, or the start of an id")
    export.add_argument(
        "--format", choices=[f.value for f in ExportFormat], required=True, help="what it becomes"
    )
    export.add_argument(
        "--quantization",
        choices=[q.value for q in Quantization],
        default="q8_0",
        help="of a GGUF: bits of a weight (q8_0)",
    )
    export.add_argument(
        "--mlx-bits",
        choices=[bits.value for bits in MlxBits],
        default=MlxBits.EIGHT.value,
        help="of an MLX model: bits of a weight (8)",
    )
    export.add_argument(
        "--checkpoint", default="", metavar="C", help="one of its checkpoints, like samples_400 (the result)"
    )
    export.add_argument("--to", metavar="FOLDER", help="a folder that is not there yet, or empty")
    export.add_argument(
        "--base", default="", metavar="M", help="merge an adapter into this full-precision copy of its base"
    )
    export.add_argument(
        "--on",
        choices=[one.value for one in ComputesOn],
        default=ComputesOn.AUTO.value,
        help="what computes: the graphics card where the model fits there, or the processor (auto)",
    )
    export.add_argument("--prompts", type=_prompts, default=20, metavar="N", help="how many it is tried with")
    export.add_argument("--estimate", action="store_true", help="say what it would take, and write nothing")
    group = verbs.add_parser("exports", help="what runs were exported to")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    listed = leaf(nouns, "list", "all exports, newest first")
    listed.add_argument("--run", metavar="RUN", help="of this run only")
    push = leaf(nouns, "push", "put an export on the Hugging Face Hub, private unless told otherwise")
    push.add_argument("export", help="its id, or the start of it")
    push.add_argument("repo", metavar="REPO", help="your-name/name")
    push.add_argument("--public", action="store_true", help="for everybody to see")
    push.add_argument("--replace", action="store_true", help="replace files of a model that is there already")
    for name, text in (
        ("delete", "delete an export with the files it wrote; others in its folder stay"),
        ("forget", "take an export off the list; its files stay"),
    ):
        leaf(nouns, name, text).add_argument("export", help="its id, or the start of it")


def _prompts(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise argparse.ArgumentTypeError("it is a number from 1 to 200")
    return int(text)
