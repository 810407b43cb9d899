"""What the engine says while it builds or pulls, and how that is ended at once."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from app.domain.docker_care import BuildFailedError, CareCancelledError, CareProgress, Told
from app.domain.stopping import Stop

if TYPE_CHECKING:
    from app.adapters.docker_engine import Engine

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_STEP: Final = re.compile(r"Step \d+/\d+ :")
_ABOUT_LAYERS: Final = re.compile(r"\s*--->|Removing intermediate container|The command '")
_SAYS_WHY: Final = re.compile(r"\s*(E: |fatal: |[\w.]*error\b)|.*No space left on device", re.IGNORECASE)
_NETWORK: Final = re.compile(
    r"no matching distribution|could not find a version|name resolution|could not resolve|max retries|"
    r"failed to establish|timed out|network is unreachable|unable to fetch",
    re.IGNORECASE,
)
_HINTS: Final = (
    (_NETWORK, "Without network a build needs packages that were collected before: "
               "scripts/build-trainer-image.sh does that, or install a bundle."),
    (re.compile("no space left", re.IGNORECASE), "Make room, for example with: docker system prune."),
)  # fmt: skip


@contextmanager
def ended_by(stop: Stop, engine: "Engine") -> Iterator[None]:
    """Inside, `stop` closes the connection that the engine answers on; the engine then ends its work,
    however long it says nothing. Raises CareCancelledError then."""
    answers: list[Any] = []

    def heard(answer: Any, *_: object, **__: object) -> None:
        answers.append(answer)
        if stop.is_wanted:
            answer.close()
            raise CareCancelledError

    def close() -> None:
        from docker.types.daemon import CancellableStream  # noqa: PLC0415 - a tenth of a second

        for answer in answers:
            with suppress(
                Exception
            ):  # it has ended meanwhile, or comes by ssh: the next line is the end then
                CancellableStream(iter(()), answer).close()

    engine.client.api.hooks["response"].append(heard)
    with stop.reaching(close):
        try:
            yield
        except Exception as error:  # what a connection raises that is closed in the middle, is many things
            if stop.is_wanted:
                raise CareCancelledError from error
            raise
        if stop.is_wanted:
            raise CareCancelledError


def follow_build(stream: Iterator[dict[str, Any]], told: Told) -> None:
    """Leaving early closes the connection, and with that the engine ends the build."""
    lines: list[str] = []
    with closing(stream):  # type: ignore[type-var]
        for item in stream:
            if error := item.get("error"):
                raise _failed(lines, " ".join(str(error).split()))
            new = _COLOURS.sub("", str(item.get("stream") or item.get("status") or "")).splitlines()
            lines += (said := [line.rstrip() for line in new if line.strip()])
            if said:
                told(CareProgress(said[-1].strip()[:200]))


def _failed(lines: list[str], error: str) -> BuildFailedError:
    """An error that only repeats the step's shell code is told by what the step printed last."""
    from app.adapters.docker_errors import known  # noqa: PLC0415

    output = "\n".join([*lines, error])
    reason = error
    if "returned a non-zero code" in error or "did not complete successfully" in error:
        reason = _why(lines) or f"a step ended with code {error.rpartition(':')[2].strip()}"
    elif sentence := known(error):  # of the engine itself, as of a registry that it cannot reach
        return BuildFailedError(f"The image could not be built. {sentence.message}", sentence.hint, output)
    hint = next((hint for says, hint in _HINTS if says.search(reason)), "Its whole output says more.")
    return BuildFailedError(f"The image could not be built: {reason[:400].rstrip('.')}.", hint, output)


def _why(lines: list[str]) -> str:
    """The last lines of the last step that say what was wrong; else the last ones it printed."""
    begins = max((number for number, line in enumerate(lines) if _STEP.match(line)), default=-1)
    printed = [line.strip() for line in lines[begins + 1 :] if not _ABOUT_LAYERS.match(line)]
    why = [line for line in printed if _SAYS_WHY.match(line)] or printed
    return " ".join(dict.fromkeys(line.removeprefix("ERROR: ") for line in why[-2:]))


def follow_pull(stream: Iterator[dict[str, Any]], told: Told, name: str) -> None:
    from app.adapters.docker_errors import translate  # noqa: PLC0415

    layers: dict[str, tuple[int, int]] = {}
    with closing(stream):  # type: ignore[type-var]
        for item in stream:
            if error := item.get("error"):
                raise translate(Exception(str(error)), image=name)
            detail = item.get("progressDetail") or {}
            if item.get("status") == "Downloading" and detail.get("total"):
                layers[str(item.get("id"))] = int(detail.get("current") or 0), int(detail["total"])
            elif item.get("status") in ("Download complete", "Pull complete") and item.get("id") in layers:
                total = layers[str(item["id"])][1]
                layers[str(item["id"])] = total, total
            done, total = (sum(column) for column in zip(*layers.values(), strict=True)) if layers else (0, 0)
            told(CareProgress(f"{item.get('status', '')} {item.get('id', '')}".strip(), done, total))
