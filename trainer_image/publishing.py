"""The result on the Hugging Face Hub, with a card that says what it is; private unless told otherwise.

A push that fails is no failure of the run: the result is on disk, and the notice says how to try again.
"""

import os
import threading
from pathlib import Path
from typing import Final

from trainer_image.card import events_of, model_card
from trainer_image.config import EVENTS_FILE, OUTPUT_DIR, Push, RunConfig
from trainer_image.machine import versions
from trainer_image.problems import RunFailedError, bad_config
from trainer_image.reporting import Reporter

_PATIENCE_SECONDS: Final = 600
_NOT_PUSHED: Final = ("optimizer*", "scheduler*", "rng_state*", "trainer_state.json", "*.pt", "COMPLETE.json")
"""Of a checkpoint: what only resuming needs."""


def require_push_possible(config: RunConfig) -> None:
    """Raise RunFailedError in the first second for what would fail after hours."""
    if config.push is None:
        return
    if config.offline:
        raise bad_config(
            "The run is to push its result to the Hub, and offline mode is on.",
            "Turn 'offline' off, or take 'push' out.",
        )
    from huggingface_hub import get_token  # noqa: PLC0415 a third of a second

    if not get_token():
        raise RunFailedError(
            "The run is to push its result to the Hub, and there is no token.",
            "Set HF_TOKEN to a token that may write (in Docker: let it be passed on), or take 'push' out.",
        )


def push_result(
    run_dir: Path, config: RunConfig, asked: Push, reporter: Reporter, *, best_step: int | None
) -> None:
    """Upload the saved result with its card; a failure is said and ends nothing."""
    card = model_card(config, events_of(run_dir / EVENTS_FILE), best_step=best_step, versions=versions())
    push(run_dir / OUTPUT_DIR, asked, card, reporter)


def push(folder: Path, wish: Push, card: str, reporter: Reporter) -> None:
    """Upload the result folder; whatever goes wrong is a warning with the command that tries again."""
    from huggingface_hub import HfApi  # noqa: PLC0415

    repo = wish.repo_id
    again = f"hf upload {repo} {folder.name} ." + (" --private" if wish.private else "")
    try:
        (folder / "README.md").write_text(card, encoding="utf-8")
        hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        address = hub.create_repo(repo, private=wish.private, exist_ok=True)
        hub.upload_folder(repo_id=repo, folder_path=folder, commit_message="Upload the result of a run")
    except Exception as error:  # the result is safe on disk, whatever it was
        reporter.notice(
            f"The result could not be pushed to {repo}: {type(error).__name__}: {str(error)[:200]}. "
            f"It is whole in the run's folder '{folder.name}'. To try again, there: {again}",
            level="warning",
        )
        return
    reporter.notice(f"The result is on the Hub: {address}")


class PushAtEverySave:
    """Uploads the newest checkpoint beside the training, one at a time; a failure is a warning, no more."""

    def __init__(self, wish: Push, reporter: Reporter) -> None:
        self._wish = wish
        self._reporter = reporter
        self._under_way: threading.Thread | None = None

    def push(self, checkpoint: Path) -> None:
        """Begin to upload it; left out while an earlier one is still under way."""
        if self._under_way and self._under_way.is_alive():
            self._reporter.say(f"{checkpoint.name} is not pushed: an earlier checkpoint is still under way")
            return
        self._under_way = threading.Thread(target=self._upload, args=(checkpoint,), name="push", daemon=True)
        self._under_way.start()

    def wait(self) -> None:
        """Let the last one come to its end, for ten minutes at most: the result is pushed after it."""
        if self._under_way:
            self._under_way.join(_PATIENCE_SECONDS)

    def _upload(self, checkpoint: Path) -> None:
        try:
            from huggingface_hub import HfApi  # noqa: PLC0415

            hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
            hub.create_repo(self._wish.repo_id, private=self._wish.private, exist_ok=True)
            hub.upload_folder(
                repo_id=self._wish.repo_id,
                folder_path=checkpoint,
                path_in_repo="last-checkpoint",
                ignore_patterns=list(_NOT_PUSHED),
                commit_message=f"Upload checkpoint {checkpoint.name}",
            )
        except Exception as error:  # also of a checkpoint that newer ones have replaced meanwhile
            self._reporter.notice(
                f"Checkpoint {checkpoint.name} could not be pushed to {self._wish.repo_id}: "
                f"{type(error).__name__}: {str(error)[:200]}. The run goes on; the next save tries again.",
                level="warning",
            )
        else:
            self._reporter.say(f"Pushed {checkpoint.name} to {self._wish.repo_id}/last-checkpoint")
