"""The part of Go's text/template that a Modelfile of ours uses: if, else, range, eq, and, index, fields.

By the documentation of Go's package: an action writes its value, `$` is the data, `.` too at the top.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORDS = re.compile(r'"[^"]*"|\(|\)(?:\.\w+)*|[^\s()]+')


def written(template: str, messages: Sequence[Mapping[str, str]]) -> str:
    """What the template writes for these messages, as Ollama hands them to it."""
    data = {"Messages": [{key.capitalize(): value for key, value in m.items()} for m in messages]}
    pieces = re.split(r"\{\{\s*(.*?)\s*\}\}", template, flags=re.DOTALL)
    walk = _Walk(pieces, {"$": data, ".": data})
    text = walk.block(is_written=True)
    assert walk.at >= len(pieces), "an action ends what nothing began"
    return text


@dataclass
class _Walk:
    pieces: Sequence[str]
    """Text and actions in turn, text first."""
    names: dict[str, Any]
    at: int = 0

    def block(self, *, is_written: bool) -> str:
        """Up to the `else` or `end` that it does not own, which is next then."""
        said = ""
        while self.at < len(self.pieces):
            if self.at % 2 == 0:
                said += self.pieces[self.at] if is_written else ""
                self.at += 1
                continue
            word, _, rest = self.pieces[self.at].partition(" ")
            if word in ("else", "end"):
                return said
            self.at += 1
            if word == "if":
                said += self._if(rest, is_written=is_written)
            elif word == "range":
                said += self._range(rest, is_written=is_written)
            elif is_written:
                said += str(self._value(f"{word} {rest}"))
        return said

    def _if(self, condition: str, *, is_written: bool) -> str:
        is_met = is_written and bool(self._value(condition))
        said = self.block(is_written=is_met)
        word, _, rest = self.pieces[self.at].partition(" ")
        self.at += 1
        if word == "end":
            return said
        is_still_open = is_written and not is_met
        if rest:
            return said + self._if(rest.removeprefix("if "), is_written=is_still_open)
        said += self.block(is_written=is_still_open)
        self.at += 1
        return said

    def _range(self, clause: str, *, is_written: bool) -> str:
        names, _, source = clause.partition(":=")
        number, item = (name.strip() for name in names.split(","))
        begin, said = self.at, ""
        values = self._value(source) if is_written else []
        for at, value in enumerate(values):
            self.at = begin
            self.names |= {number: at, item: value}
            said += self.block(is_written=True)
        if not values:
            self.block(is_written=False)
        self.at += 1
        return said

    def _value(self, text: str) -> Any:
        return self._command(_WORDS.findall(text))

    def _command(self, words: list[str]) -> Any:
        operands = []
        while words and not words[0].startswith(")"):
            operands.append(self._operand(words))
        match operands:
            case ["eq", one, other]:
                return one == other
            case ["and", one, other]:
                return one and other
            case ["index", values, number]:
                return values[number]
            case [one]:
                return one
        raise AssertionError(f"no such command: {operands}")

    def _operand(self, words: list[str]) -> Any:
        word = words.pop(0)
        if word == "(":
            value = self._command(words)
            return _field(value, words.pop(0).removeprefix(")"))
        if word.startswith('"'):
            return word.strip('"')
        if word.isdecimal():
            return int(word)
        if word.startswith("."):
            return _field(self.names["."], word)
        if word.startswith("$"):
            name, dot, rest = word.partition(".")
            return _field(self.names[name], dot + rest)
        return word


def _field(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value[name]
    return value
