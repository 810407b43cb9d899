"""One of several processes that train together: who speaks, and what each tells the one that started them.

That one (`launching.py`) names a folder in the environment. In it each process leaves its id once it
listens for signals, its exit code, and why it failed; what those of other computers must know too it leaves
in the folder that all of them see, once there is one (`computers.py`). Imports no training library at import.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from trainer_image.events import EXIT_STOPPED
from trainer_image.problems import RunFailedError
from trainer_image.stopping import StopRequest, Wish

FOLDER: Final = "TUNEWRIGHT_RANKS"
"""Environment variable; absent where there is one process, or where torchrun was started by hand."""

_PR_SET_PDEATHSIG: Final = 1
_CUT_OFF: Final = (
    "onnection closed by peer",
    "onnection reset by peer",
    "Broken pipe",
    "remote process exited",
)
"""What gloo and NCCL say when the process at the other end is gone."""
_WISHES: Final[tuple[Wish | None, ...]] = (None, "save", "leave")


def world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the process that reports and saves."""
    return os.environ.get("RANK", "0") == "0"


def computers() -> int:
    return int(os.environ.get("GROUP_WORLD_SIZE", "1"))


def folder() -> Path | None:
    """Where the processes leave notes for the one that started them."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


def note(kind: str, text: str) -> None:
    """Leave this process's note of that kind, if there is somebody to read it."""
    if place := folder():
        write(place / f"{_local_rank()}.{kind}", text)


def note_for_all(kind: str, text: str) -> None:
    """The same, on the other computers too. Raises OSError."""
    if place := shared():
        write(place / f"{os.environ['RANK']}.{kind}", text)
    note(kind, text)


def shared() -> Path | None:
    """Where processes leave notes for those of other computers."""
    place = folder()
    return shared_in(place) if place else None


def shared_in(folder: Path) -> Path | None:
    """By the notes in that folder."""
    told = next(folder.glob("*.shared"), None)
    return Path(told.read_text(encoding="utf-8")) if told else None


def group_in(folder: Path) -> int | None:
    """The number of this computer, by the notes in that folder; in 0 is the first process of all. None until
    one has started."""
    told = next(folder.glob("*.group"), None)
    return int(told.read_text(encoding="utf-8")) if told else None


def announce() -> None:
    """Tell the starter that signals are listened for, and end with torchrun if that is killed."""
    if folder():
        die_with_parent()
        note("group", os.environ.get("GROUP_RANK", "0"))
        note("pid", str(os.getpid()))


def note_exit(code: int) -> int:
    """Leave the exit code for the starter; returns the one for torchrun, to which a stop is no failure."""
    if not folder():
        return code
    note("exit", str(code))
    return 0 if code == EXIT_STOPPED else code


def note_problem(problem: RunFailedError) -> None:
    """Leave the reason of a failure, which only the first process may report."""
    words = {"message": problem.message, "hint": problem.hint, "exit_code": problem.exit_code}
    with suppress(OSError):  # on a full disk the others are told less
        note_for_all("problem", json.dumps(words))


def problem_of_another(error: Exception) -> RunFailedError | None:
    """The reason if this process's error is only the consequence of another's end."""
    places = [place for place in (folder(), shared()) if place]
    noted = next((problem for place in places for problem in problems_in(place)), None)
    is_cut_off = world_size() > 1 and any(text in str(error) for text in _CUT_OFF)
    return noted or (without_a_word() if is_cut_off else None)


def without_a_word() -> RunFailedError:
    return RunFailedError(
        "One of the processes that train together ended without a word.",
        "Often the memory ran out; the log may have more. Resuming continues from the last checkpoint.",
    )


def problems_in(folder: Path) -> Iterator[RunFailedError]:
    for path in sorted(folder.glob("*.problem"), key=lambda file: file.stat().st_mtime):
        words = json.loads(path.read_text(encoding="utf-8"))
        yield RunFailedError(words["message"], words["hint"], exit_code=words["exit_code"])


def agree(stop: StopRequest) -> Wish | None:
    """What any of the processes was asked for: they must all leave after the same step."""
    from trainer_image import agreement  # noqa: PLC0415 imports torch

    stop.wish = _WISHES[agreement.most(_WISHES.index(stop.wish))]
    return stop.wish


def on_plain_cpu(arguments: Any) -> Any:
    """Call the device of several processes on a CPU "cpu": torch 2.13 loads no optimiser state onto "cpu:0",
    as transformers 5.17 calls it, and so could not resume."""
    import torch  # noqa: PLC0415

    if arguments.device.type == "cpu":
        vars(arguments)["_setup_devices"] = torch.device("cpu")
    return arguments


def die_with_parent() -> None:
    """Linux: have the kernel kill this process when the one that started it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def write(path: Path, text: str) -> None:
    """Whole or not at all: the starter looks while it is written."""
    partial = path.with_suffix(path.suffix + "-partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _local_rank() -> str:
    return os.environ.get("LOCAL_RANK", "0")
