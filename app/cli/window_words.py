"""The words without a verb: those that open the window. Light: nothing of what verbs need is imported."""

import argparse
from collections.abc import Sequence

PROG = "tunewright"


def add_window_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--web", action="store_true", help="serve the app to the browser instead of a window")
    parser.add_argument("--port", type=_port, help="port on 127.0.0.1 for --web (a free one otherwise)")
    parser.add_argument("--no-browser", action="store_true", help="with --web: do not open the browser")
    parser.add_argument("--version", action="store_true", help="print the version")


def window_words(words: Sequence[str] | None) -> argparse.Namespace | None:
    """What was asked of the window; None if there is a verb, a plea for help or a wrong word among them.

    The whole parser takes a tenth of the time until the page is served.
    """
    parser = argparse.ArgumentParser(prog=PROG, add_help=False, exit_on_error=False)
    add_window_words(parser)
    try:
        args, rest = parser.parse_known_args(words)
    except argparse.ArgumentError:
        return None
    args.verb = None
    return None if rest else args


def whole_number(text: str, what: str, *, most: int, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{what} is a whole number from {least} to {most}")
    return int(text)


def _port(text: str) -> int:
    return whole_number(text, "a port", most=65535, least=1)
