"""The words for talking to models: one question, two models side by side, kept chats, the local API."""

import argparse
from collections.abc import Callable
from typing import Protocol

from app.domain.chat import DEFAULT_PRESET, PRESETS

PRECISIONS = ("full", "8bit", "4bit")
DEVICES = ("auto", "cpu", "cuda", "mps")
"""As `app.domain.talkers` has them, which would take `--help` too long to import."""


class Leaf(Protocol):
    def __call__(
        self, verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
    ) -> argparse.ArgumentParser: ...


def add_talking_words(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf, number: Callable[[str], int]
) -> None:
    chat = leaf(verbs, "chat", "ask a model: a run's, a folder's or one of the Hub")
    _model(chat, "model", "MODEL")
    chat.add_argument("--prompt", required=True, help="what to ask")
    chat.add_argument("--base", action="store_true", help="let the base model answer instead")
    chat.add_argument("--system", default="", help="what the model is told first; keeps it as a chat")
    chat.add_argument("--continue", dest="chat", metavar="CHAT", help="go on with a kept chat: name or id")
    _sampling(chat, number)
    _placing(chat)

    compare = leaf(verbs, "compare", "ask two models the same, with the same seed")
    _model(compare, "first", "FIRST")
    _model(compare, "second", "SECOND")
    compare.add_argument("--prompt", action="append", default=[], help="what to ask; may be repeated")
    compare.add_argument("--prompts", metavar="FILE", help="a file with a prompt a line")
    compare.add_argument("--session", help="take prompts from random rows of this session")
    compare.add_argument("--count", type=int, default=10, help="how many of the session (10)")
    compare.add_argument("--system", default="", help="what both are told first")
    compare.add_argument("--to", metavar="FILE", help="write the answers: .html, .jsonl, .md or .csv")
    _sampling(compare, number)
    _placing(compare)

    prove = leaf(verbs, "prove", "what a run has learnt and forgotten: its base against it, as a report")
    prove.add_argument("model", metavar="RUN", help="a run (name, id) or RUN/samples_N")
    prove.add_argument("--count", type=int, default=20, metavar="N", help="rows kept aside to ask (20)")
    prove.add_argument("--to", metavar="FILE.html", help="write the report here; else where exports go")
    _placing(prove)

    _chats(verbs.add_parser("chats", help="kept chats with models"), leaf)

    serve = leaf(verbs, "serve", "let programs of this computer ask a model as they ask OpenAI's")
    _model(serve, "model", "MODEL")
    serve.add_argument("--base", action="store_true", help="serve the base model instead")
    serve.add_argument("--port", type=int, help="port on 127.0.0.1 (a free one)")
    _placing(serve)


def _chats(group: argparse.ArgumentParser, leaf: Leaf) -> None:
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    leaf(nouns, "list", "all chats, last used first").add_argument(
        "--search", default="", help="words in name, model or text"
    )
    leaf(nouns, "show", "what was said").add_argument("chat", metavar="CHAT", help="name or id")
    export = leaf(nouns, "export", "write a chat: .txt, .md, or .jsonl with rows to train on")
    export.add_argument("chat", metavar="CHAT", help="name or id")
    export.add_argument("file", help="where to write")
    export.add_argument("--force", action="store_true", help="replace a file that is there")
    session = leaf(nouns, "session", "make a session of liked and corrected answers, or of whole chats")
    session.add_argument("chats", metavar="CHAT", nargs="+", help="name or id")
    session.add_argument("--name", default="", help="name of the session")
    leaf(nouns, "delete", "delete a chat; it can be brought back for a week").add_argument(
        "chat", metavar="CHAT", help="name or id"
    )
    leaf(nouns, "undelete", "bring a deleted chat back").add_argument(
        "chat", metavar="CHAT", help="name or id"
    )


def _model(parser: argparse.ArgumentParser, name: str, shown: str) -> None:
    parser.add_argument(
        name,
        metavar=shown,
        help="a run (name, id), RUN/samples_N, a folder, a Hub name, or any of them as KIND:NAME#base",
    )


def _sampling(parser: argparse.ArgumentParser, number: Callable[[str], int]) -> None:
    parser.add_argument("--preset", choices=list(PRESETS), default=DEFAULT_PRESET, help="how to sample")
    parser.add_argument("--temperature", type=float, help="0 takes always the likeliest word")
    parser.add_argument("--max-new-tokens", type=int, help="longest answer in tokens")
    parser.add_argument("--repetition-penalty", type=float, help="above 1 keeps it from repeating itself")
    parser.add_argument("--top-p", type=float, help="only the likeliest words that make up this probability")
    parser.add_argument("--top-k", type=int, help="only so many of the likeliest words; 0 for all")
    parser.add_argument("--min-p", type=float, help="only words this part as likely as the likeliest")
    parser.add_argument("--stop", action="append", metavar="TEXT", help="ends the answer; may be repeated")
    parser.add_argument("--seed", type=number, help="same seed, same answer")
    parser.add_argument("--no-guard", action="store_true", help="let it say the same over and over")


def _placing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--precision", choices=PRECISIONS, default="full", help="fewer bits take less memory")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute")
    parser.add_argument("--anyway", action="store_true", help="load it though it does not seem to fit")
