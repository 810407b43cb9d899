"""The words that say which column plays which part, for all verbs that read a table."""

import argparse

from app.domain.mapping import Part, RowKind


def add_mapping(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("--kind", choices=[k.value for k in RowKind], help="what a row is; else it is guessed")
    leaf.add_argument(
        "--map",
        action="append",
        type=_pairing,
        default=[],
        metavar="PART=COLUMN",
        help=f"which column plays a part; may be repeated. Parts: {', '.join(Part)}",
    )


def _pairing(text: str) -> tuple[str, str]:
    part, is_pair, column = text.partition("=")
    if not is_pair or part not in list(Part):
        raise argparse.ArgumentTypeError(f"it is PART=COLUMN, the part one of: {', '.join(Part)}")
    return part, column
