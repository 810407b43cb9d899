"""The words of `sessions collect`: one option for each field of the sources that come with Tunewright.

Not made from the sources themselves, which `--help` must not wait for; a test keeps the two together. Fields
of other packages' sources are set by `--set`.
"""

import argparse
from typing import Any, Final

_LINES: Final = {
    "tag": "a tag the questions must have; may be given several times",
}
_TEXTS: Final = {
    "site": "stackexchange: which site (stackoverflow)",
    "query": "only what has these words",
    "sort": "which come first",
    "subreddit": "reddit: which subreddit",
    "post": "reddit: only this post, by its address",
    "period": "reddit: of which time the best posts are",
    "list": "hackernews: which stories",
    "item": "hackernews: only this story, by its address or number",
    "crawl-prefix": "web: follow only links that begin with this address",
}
_NUMBERS: Final = {
    "min-score": "only answers with at least this score",
    "answers": "how many answers of one post or story",
    "crawl-depth": "web: follow links this far, on the same host",
    "pages": "web: how many pages at most",
    "passage": "web: longest passage in characters",
    "limit": "how many rows at most (100)",
}
_FLAGS: Final = {
    "replies": "also what was replied to an answer",
    "sitemap": "web: the addresses are sitemaps, or sites that have one",
}


def collecting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", help="stackexchange, reddit, hackernews, web, or another package's"
    )
    parser.add_argument("places", nargs="*", metavar="URL", help="web: the addresses")
    parser.add_argument("--name", default="", help="name of the new session")
    parser.add_argument("--resume", metavar="ID", help="go on with this scrape, into the same session")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of another package's source",
    )
    for name, text in _LINES.items():
        parser.add_argument(f"--{name}", action="append", default=argparse.SUPPRESS, help=text)
    for name, text in (*_TEXTS.items(), *_NUMBERS.items()):
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=text)
    for name, text in _FLAGS.items():
        parser.add_argument(f"--{name}", action="store_true", default=argparse.SUPPRESS, help=text)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The fields that were given, by their names."""
    names = {name.replace("-", "_") for name in (*_LINES, *_TEXTS, *_NUMBERS, *_FLAGS)}
    fields = {name: value for name, value in vars(args).items() if name in names}
    if args.places:
        fields["urls"] = args.places
    for assignment in args.set:
        name, _, value = assignment.partition("=")
        fields[name] = {"true": True, "false": False}.get(value, value)
    return fields
