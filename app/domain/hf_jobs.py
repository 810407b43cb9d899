"""Looks over a pasted `hf jobs` command: what would go wrong with it, and the command put right.

What is said never repeats a token. Flags as in `hf jobs uv run --help` of
huggingface_hub 1.33; a test compares them.
"""

import re
import shlex
from dataclasses import dataclass
from typing import Final

from app.domain.errors import StudioError
from app.domain.redaction import redacted

_WITH_VALUE: Final = {
    "--image", "--flavor", "--env", "-e", "--secrets", "-s", "--name", "--label", "-l", "--volume", "-v",
    "--env-file", "--secrets-file", "--timeout", "--expose", "--network-group", "--network-alias",
    "--resource-group-id", "--namespace", "--token", "--with", "--python", "-p", "--format",
}  # fmt: skip
_ALONE: Final = {"--detach", "-d", "--dry-run", "--ssh", "--json", "--quiet", "-q"}
_MOVED: Final = {"--flavor", "--secrets", "--secret", "--timeout", "--namespace", "--detach", "--image"}
"""Flags that, behind a script, were meant for the job; others may be the script's own."""
_RENAMED: Final = {"--secret": "--secrets", "--environment": "--env", "--hardware": "--flavor"}
_PLACEHOLDER: Final = re.compile(r"^\$|^\$\{|^<.*>$|^(your|my|xxx)", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """What is wrong with the command, and what to do."""

    rule: str
    message: str


@dataclass(frozen=True)
class LintedCommand:
    findings: tuple[Finding, ...]
    command: str
    """As it should be; without any token."""


def lint_command(text: str) -> LintedCommand:
    """Raises StudioError if it is no `hf jobs` command."""
    words, found = _words(text), list[Finding]()
    body = _verb(words, found)
    if body is None:
        return LintedCommand(tuple(found), shlex.join(words))
    begin, flags, script, rest = _parts(body, found)
    flags = _secrets(flags, found)
    if not any(flag == "--timeout" for flag, _ in flags):
        said = (
            "Without --timeout a job is ended after 30 minutes. Give it longer than you expect: --timeout 3h."
        )
        found.append(Finding("no-timeout", said))
    ordered = [*begin, *(word for pair in flags for word in pair if word), *script, *rest]
    return LintedCommand(tuple(found), redacted(shlex.join(ordered)))


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text.replace("\\\n", " ").removeprefix("$ "), comments=True)
    except ValueError as error:
        raise StudioError(f"The command cannot be read: {error}.", "Close every quotation mark.") from error
    if words[:1] == ["huggingface-cli"]:
        words[0] = "hf"
    if words[:2] != ["hf", "jobs"] or len(words) < 3:
        raise StudioError("That is not an `hf jobs` command.", "Paste the whole line, from `hf jobs` on.")
    return words


def _verb(words: list[str], found: list[Finding]) -> list[str] | None:
    """From `hf jobs uv run` on, put right; None for verbs that start nothing."""
    if words[2:4] == ["run", "uv"]:
        found.append(Finding("verb-order", "It is `hf jobs uv run`, not `hf jobs run uv`."))
        return ["hf", "jobs", "uv", "run", *words[4:]]
    if words[2:4] == ["uv", "run"] or words[2] == "run":
        return words
    if words[2] in {"logs", "inspect", "cancel"}:
        said = "A job is found by its id and in its namespace: look both up with `hf jobs ps -a`."
        found.append(Finding("job-not-found", said))
    return None


def _parts(
    body: list[str], found: list[Finding]
) -> tuple[list[str], list[tuple[str, str]], list[str], list[str]]:
    """Beginning, flags with values, script, and what belongs to the script; flags behind it moved forward."""
    length = 4 if body[2] == "uv" else 3
    begin, words = body[:length], body[length:]
    flags, at = _flags(words, 0, found)
    count = 1 if body[2] == "uv" else 2  # `run` has image and command
    script, behind = words[at : at + count], words[at + count :]
    rest: list[str] = []
    late: list[tuple[str, str]] = []
    position = 0
    while position < len(behind):
        is_jobs_own = behind[position].partition("=")[0] in _MOVED
        taken, after = _flags(behind, position, found, most=1) if is_jobs_own else ([], position)
        if taken:
            late.extend(taken)
            position = after
        else:
            rest.append(behind[position])
            position += 1
    if late:
        names = ", ".join(dict.fromkeys(flag for flag, _ in late))
        said = (
            f"{names} must come before the script: behind it the script gets them and the job ignores them."
        )
        found.append(Finding("flag-after-script", said))
    return begin, [*flags, *late], script, rest


def _flags(
    words: list[str], at: int, found: list[Finding], *, most: int | None = None
) -> tuple[list[tuple[str, str]], int]:
    flags: list[tuple[str, str]] = []
    while at < len(words) and (most is None or len(flags) < most):
        name, is_joined, value = words[at].partition("=")
        right = _RENAMED.get(name, name)
        if right not in _WITH_VALUE | _ALONE:
            break
        if right != name:
            found.append(Finding("flag-name", f"It is {right}, not {name}."))
        if right in _ALONE:
            flags.append((right, ""))
            at += 1
        elif is_joined:
            flags.append((right, value))
            at += 1
        else:
            flags.append((right, words[at + 1] if at + 1 < len(words) else ""))
            at += 2
    return flags, at


def _secrets(flags: list[tuple[str, str]], found: list[Finding]) -> list[tuple[str, str]]:
    """A secret by its name alone: its value comes from the computer that starts the job."""
    right = []
    for flag, value in flags:
        name, has_value, given = value.partition("=")
        is_token = "TOKEN" in name.upper() or "KEY" in name.upper() or "SECRET" in name.upper()
        if flag in {"--secrets", "-s"} and has_value:
            what = "a placeholder" if _PLACEHOLDER.match(given) else "a value"
            said = (
                f"Write --secrets {name} without {what}: it is taken from here and stays out of your history."
            )
            found.append(Finding("secret-value", said))
            right.append((flag, name))
        elif flag in {"--env", "-e"} and has_value and is_token:
            said = f"{name} in --env can be read by everybody who sees the job: use --secrets {name}."
            found.append(Finding("secret-in-env", said))
            right.append(("--secrets", name))
        elif flag == "--token":
            said = "A token in a command stays in your shell's history: log in with `hf auth login` instead."
            found.append(Finding("token-in-command", said))
        else:
            right.append((flag, value))
    return right
