"""What becomes of a training that was under way when the container was restarted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trainer_image.pod import durable
from trainer_image.pod.outputs import checkpoints
from trainer_image.pod.state import Outcome, State

RESULT_FILE: Final = "result.json"
_MOST_TIMES: Final = 3
"""A training that ends its container each time would otherwise be paid for until the deadline."""
_STATUSES: Final = {"finished", "stopped", "failed"}


@dataclass(frozen=True)
class Verdict:
    """It has ended (`outcome`), goes on (`options`, for train.py), or waits for the app (neither)."""

    message: str
    outcome: Outcome | None = None
    exit_code: int | None = None
    options: tuple[str, ...] | None = None


def judge(run_dir: Path, state: State, *, same_pod: bool) -> Verdict:
    result = result_of(run_dir, state.attempt)
    if result and (result["status"] == "finished" or not state.left_for_platform):
        return Verdict("The training had ended when the pod was restarted.", result["status"])
    if state.wish:
        return Verdict("The pod was restarted while the training stopped.", "stopped")
    if not same_pod:
        return Verdict("The pod that trained this run is gone.")
    mark = newest_checkpoint(run_dir)
    if mark == state.continued_from and state.continued >= _MOST_TIMES:
        return Verdict(f"The training ended the pod's container {_MOST_TIMES} times at one place.", "lost")
    is_new = bool(mark) and _saved_at(run_dir, mark) >= state.started_at
    if state.had_secrets and not (is_new and _can_do_without_secrets(run_dir)):
        return Verdict("The pod was restarted; it needs the token again to go on.")
    if is_new:
        extend = tuple(option for option in state.options if option == "--extend")
        return Verdict(
            f"The pod was restarted; the training goes on from {mark}.", options=("--resume", *extend)
        )
    return Verdict("The pod was restarted; the training begins anew.", options=state.options)


def result_of(run_dir: Path, attempt: int | None) -> dict[str, Any]:
    """What the trainer wrote at the end of that attempt; empty if it did not."""
    result = durable.read_json(run_dir / RESULT_FILE)
    return result if result.get("attempt") == attempt and result.get("status") in _STATUSES else {}


def newest_checkpoint(run_dir: Path) -> str:
    """The name of the whole one that was written last; empty if there is none."""
    names = [folder.name for folder in checkpoints(run_dir)]
    return max(names, key=lambda name: _saved_at(run_dir, name), default="")


def _saved_at(run_dir: Path, name: str) -> float:
    saved = durable.read_json(run_dir / "checkpoints" / name / "COMPLETE.json").get("saved_at")
    return float(saved) if isinstance(saved, int | float) else 0.0


def _can_do_without_secrets(run_dir: Path) -> bool:
    return not durable.read_json(run_dir / "config.json").get("push")
