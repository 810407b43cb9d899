"""An Ollama Modelfile: the chat template in Ollama's own language, and where an answer stops.

Ollama does not run the Jinja template of a model. What that does is found out by giving it words that occur
nowhere else and looking at what is written around them; the Go template made of these pieces is then tried
against the Jinja template on more conversations. Where they differ there is no Modelfile, and a reason.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.errors import StudioError
from app.worker.exporting.parity import difference

Messages = Sequence[Mapping[str, str]]
Render = Callable[[Messages, bool], str]

_SYSTEM, _USER, _ANSWER, _AGAIN = "§system§", "§user§", "§answer§", "§again§"
_TRIED: Final[Sequence[Messages]] = (
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
    [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
        {"role": "assistant", "content": "Four"},
        {"role": "user", "content": "Five"},
    ],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ],
)

_BLANKS: Final[Sequence[Messages]] = (
    [{"role": "user", "content": "  Hi \n"}],
    [{"role": "system", "content": " Be kind.\n"}, {"role": "user", "content": "Hi"}],
    [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "\n Two "},
        {"role": "user", "content": "Three"},
    ],
)
"""Many templates cut these off, which Ollama's language cannot: said, but no reason to have no Modelfile."""


@dataclass(frozen=True)
class Pieces:
    """What a template writes around what is said."""

    opening: str
    """Before all; without the first special token, which Ollama puts there itself."""
    default_system: str
    """Written where nobody gave a system message."""
    system: tuple[str, str]
    """Around a system message; if `is_in_user`, around it within the first message of the user."""
    is_in_user: bool
    user: tuple[str, str]
    answer: tuple[str, str]
    prompt: str
    """Before the answer that is to come."""

    def text(self, messages: Messages) -> str:
        """What the Go template writes, up to where the answer begins."""
        system = messages[0]["content"] if messages[0]["role"] == "system" else None
        text = self.opening
        if system is None:
            text += self.default_system
        elif not self.is_in_user:
            text += self.system[0] + system + self.system[1]
        for at, message in enumerate(m for m in messages if m["role"] != "system"):
            before, after = self.user if message["role"] == "user" else self.answer
            if at == 0 and system is not None and self.is_in_user:
                before += self.system[0] + system + self.system[1]
            text += before + message["content"] + after
        return text + self.prompt

    def go(self) -> str:
        """The same in Go's template language."""
        has_system = '{{ if eq (index .Messages 0).Role "system" }}'
        given = "{{ (index .Messages 0).Content }}"
        system = "" if self.is_in_user else f"{self.system[0]}{given}{self.system[1]}"
        first = ""
        if self.is_in_user:
            condition = '{{ if and (eq $i 1) (eq (index $.Messages 0).Role "system") }}'
            said = "{{ (index $.Messages 0).Content }}"
            first = f"{condition}{self.system[0]}{said}{self.system[1]}{{{{ end }}}}"
        otherwise = f"{{{{ else }}}}{self.default_system}" if self.default_system else ""
        heading = f"{has_system}{system}{otherwise}{{{{ end }}}}" if system or otherwise else ""
        return (
            f"{self.opening}{heading}{{{{ range $i, $m := .Messages }}}}"
            f'{{{{ if eq $m.Role "user" }}}}{self.user[0]}{first}{{{{ $m.Content }}}}{self.user[1]}'
            f'{{{{ else if eq $m.Role "assistant" }}}}{self.answer[0]}{{{{ $m.Content }}}}{self.answer[1]}'
            f"{{{{ end }}}}{{{{ end }}}}{self.prompt}"
        )


def modelfile(
    tokenizer: Any, file: str, stops: Sequence[str], settings: Mapping[str, float]
) -> tuple[str, Sequence[str]]:
    """(the text of a Modelfile for the GGUF `file` beside it, what is otherwise in Ollama all the same).

    Raises StudioError with the exact reason where there can be none."""

    def render(messages: Messages, to_answer: bool) -> str:
        return str(
            tokenizer.apply_chat_template(list(messages), add_generation_prompt=to_answer, tokenize=False)
        )

    first_token = tokenizer.bos_token or ""
    pieces = pieces_of(render, first_token)
    lines = [f"FROM ./{file}", f'TEMPLATE """{pieces.go()}"""']
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    lines += [f"PARAMETER {name} {value:g}" for name, value in settings.items()]
    return "\n".join(lines) + "\n", differences(render, first_token, pieces)


def differences(render: Render, first_token: str, pieces: Pieces) -> Sequence[str]:
    """What Ollama writes otherwise of texts with blanks at their ends, as sentences."""
    for messages in _BLANKS:
        wanted = _taken(render, first_token, messages)
        if wanted is None:
            continue
        found = pieces.text(messages)
        if wanted == found:
            continue
        cut = [dict(message, content=message["content"].strip()) for message in messages]
        if wanted == pieces.text(cut):
            return (
                "Ollama keeps blanks and empty lines at the beginning and end of what is said, which the "
                "training's chat template cuts off: write there without them. llama.cpp cuts them itself.",
            )
        return (f"Where text begins or ends with blanks, Ollama's text {difference(wanted, found)}",)
    return ()


def pieces_of(render: Render, first_token: str) -> Pieces:
    """Raises StudioError where the template does what the Go template could not."""
    pieces = _taken_apart(lambda messages, to_answer: _bare(render, first_token, messages, to_answer))
    for text in (pieces.go(), first_token):
        if '"""' in text:
            raise StudioError("No Modelfile was written: the chat template has three quotes in a row.")
    for messages in _TRIED:
        try:
            wanted = _bare(render, first_token, messages, True)
        except Exception:  # a template without a system role refuses one; Ollama would take it
            if messages[0]["role"] == "system":
                continue
            raise
        if wanted != (found := pieces.text(messages)):
            raise StudioError(
                "No Modelfile was written: Ollama's template language cannot say what this chat template "
                f"does. It {difference(wanted, found)}",
                "The GGUF file itself has the template; llama.cpp and LM Studio use it.",
            )
    return pieces


def _taken(render: Render, first_token: str, messages: Messages) -> str | None:
    """None where the template refuses them, as one without a system role does."""
    try:
        return _bare(render, first_token, messages, True)
    except Exception:
        return None


def _bare(render: Render, first_token: str, messages: Messages, to_answer: bool) -> str:
    return render(messages, to_answer).removeprefix(first_token)


def _taken_apart(render: Render) -> Pieces:
    talk = [
        {"role": "user", "content": _USER},
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _AGAIN},
    ]
    head, between, after, _ = _cut(render(talk, False), _USER, _ANSWER, _AGAIN)
    *_, end = _cut(render(talk, True), _USER, _ANSWER, _AGAIN)
    turn_end = _shared_start(between, end)
    answer_before = between[len(turn_end) :]
    user_before = _shared_end(after, head)
    answer_after = after.removesuffix(user_before)
    opening = head.removesuffix(user_before)
    prompt = end.removeprefix(turn_end)
    system, is_in_user, default = _system(render, head, opening)
    return Pieces(
        opening="" if default else opening,
        default_system=default,
        system=system,
        is_in_user=is_in_user,
        user=(user_before, turn_end),
        answer=(answer_before, answer_after),
        prompt=prompt,
    )


def _system(render: Render, head: str, opening: str) -> tuple[tuple[str, str], bool, str]:
    """(around a system message, whether it is in the user's, what stands there without one)."""
    try:
        text = render([{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}], False)
        before, after, _ = _cut(text, _SYSTEM, _USER)
    except Exception:  # the template has no system role
        return ("", ""), True, ""
    user_before = head.removeprefix(opening)
    if user_before and after.endswith(user_before):
        return (before, after.removesuffix(user_before)), False, opening
    return (before.removeprefix(head), after), True, ""


def _cut(text: str, *marks: str) -> list[str]:
    found = re.split("|".join(map(re.escape, marks)), text)
    if len(found) != len(marks) + 1:
        raise StudioError(
            "No Modelfile was written: the chat template leaves out what was said, or repeats it."
        )
    return found


def _shared_start(one: str, other: str) -> str:
    pairs = zip(one, other, strict=False)
    return one[: next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))]


def _shared_end(one: str, other: str) -> str:
    return _shared_start(one[::-1], other[::-1])[::-1]
