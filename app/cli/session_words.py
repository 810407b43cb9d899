"""The words of `tunewright sessions` that change, find, and publish what was collected."""

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.mapping_words import add_mapping

Leaf = Callable[[Any, str, str], argparse.ArgumentParser]


def add_session_words(nouns: Any, leaf: Leaf, count: Callable[[str], int]) -> None:
    """`leaf` makes a verb, `count` reads a number that is not negative."""

    def one(name: str, text: str) -> argparse.ArgumentParser:
        verb = leaf(nouns, name, text)
        verb.add_argument("session", help="name, id, or the start of an id")
        return verb

    one("rename", "give a session another name").add_argument("name", help="the new name")
    tag = one("tag", "give a session these tags in the place of those it has; none takes them away")
    tag.add_argument("tags", nargs="*", metavar="TAG")
    delete = one("delete", "delete a session; for a week `undelete` brings it back")
    delete.add_argument("--now", action="store_true", help="for good, at once")
    one("undelete", "bring a deleted session back (`sessions list --deleted`)")
    one("duplicate", "copy a session; the copy takes no room until it is changed").add_argument(
        "--name", default="", help="name of the copy"
    )
    append = one("append", "add the rows of a file, or of another session, at the end")
    append.add_argument(
        "rows", metavar="FILE", help="a file as `import` reads it, or with --session a session"
    )
    append.add_argument("--session", dest="is_session", action="store_true", help="FILE is a session")
    add_mapping(append)
    one("versions", "what was done to a session, newest first")
    restore = one("restore", "make an older version's rows the newest ones")
    restore.add_argument("number", metavar="VERSION", type=count, help="as `sessions versions` numbers them")
    _replace(one)
    _find(one, count)
    one("check", "count what looks like e-mail addresses, phone and account numbers, keys")
    _publish(one)


def _replace(one: Callable[[str, str], argparse.ArgumentParser]) -> None:
    replace = one("replace", "find a text in all messages and put another in its place")
    replace.add_argument("find", help="what to find, exactly")
    replace.add_argument("put", help="what to put there")
    replace.add_argument("--preview", action="store_true", help="only say how many rows would change")
    replace.add_argument("--ignore-case", action="store_true", help="capitals do not count")
    replace.add_argument("--role", default="", help="only in messages of this role")


def _find(one: Callable[[str, str], argparse.ArgumentParser], count: Callable[[str], int]) -> None:
    find = one("find", "the rows that say something, or are of a kind")
    find.add_argument("text", nargs="?", default="", help="part of what the row says; capitals do not count")
    find.add_argument("--role", default="", help="some message has this role")
    find.add_argument("--tool-calls", choices=["yes", "no"], help="whether it calls tools")
    find.add_argument("--unmask", choices=["yes", "no"], help="whether it is learnt whole")
    find.add_argument("--min-characters", type=count, metavar="N", help="at least so long")
    find.add_argument("--max-characters", type=count, metavar="N", help="at most so long")
    find.add_argument("--source", default="", help="part of the file, address or author it is from")
    find.add_argument("--start", type=count, default=0, help="how many rows to leave out first")
    find.add_argument("--limit", type=count, default=20, help="how many rows (20)")
    find.add_argument("--version", dest="number", type=count, help="in an older version")


def _publish(one: Callable[[str, str], argparse.ArgumentParser]) -> None:
    publish = one(
        "publish", "put a session on the Hugging Face Hub as a dataset, private unless told otherwise"
    )
    publish.add_argument("repo", metavar="REPO", help="its name there: owner/name")
    publish.add_argument("--public", action="store_true", help="for everybody to see")
    publish.add_argument("--license", default="", help="as the Hub names it: cc-by-4.0, mit …")
    publish.add_argument("--update", action="store_true", help="replace the rows of a dataset that is there")
    publish.add_argument(
        "--accept-personal-data", action="store_true", help="although `sessions check` finds something"
    )
