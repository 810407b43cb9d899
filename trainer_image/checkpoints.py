"""Where a run can go on from: folders `checkpoints/samples_N`, each whole or not there at all.

N is how many examples the run had seen, over all its attempts.

A checkpoint is written under a name starting with a dot, gets `COMPLETE.json` last (what it belongs to,
the size and the checksum of every file), is flushed to disk and then renamed. Only marked folders whose files
have those sizes count; before one is gone on from its checksums are looked at (`resuming.py`). Imports no
training library.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from trainer_image import ranks, soundness
from trainer_image.config import CHECKPOINTS_DIR, EXTENSION_FILE, Method, RunConfig
from trainer_image.problems import RunFailedError
from trainer_image.reporting import write_json_atomically

MARKER: Final = "COMPLETE.json"
_PARTIAL: Final = ".partial"
_REPLACED: Final = "-replaced"
"""End of the name of one that makes place for a newer one of as many examples."""
_DAMAGED: Final = ".damaged-"
"""Begin of the name of one that was passed over."""

# What must be the same for the rest of the run to be what it would have been.
_SCHEDULE: Final = (
    "num_epochs", "max_steps", "learning_rate", "per_device_batch_size", "gradient_accumulation_steps",
    "max_seq_len", "lr_scheduler", "warmup_steps", "weight_decay", "max_grad_norm", "seed", "precision",
    "packing", "eval_steps", "early_stopping_patience", "warmup_ratio", "optimizer", "method_plugin",
    "eval_samples", "eval_at_epoch", "min_improvement",
)  # fmt: skip
_LENGTH: Final = {"num_epochs", "max_steps"}
"""Of these, what may change on purpose: the rest of the run then follows a new schedule."""


class FoundMemory(BaseModel):
    """The size of parts that memory was found to hold, after it had run out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: int | None = None
    """Rows at once (tokens, if they are packed); None: as many as the config says."""
    length: int | None = None
    """Tokens that rows are cut to, by consent."""
    measured: int | None = None
    """Rows measured at once, with the model in parts; None: as many as the config says."""
    recompute: bool = False
    """Whether activations are recomputed though the config does not say so."""


class Progress(BaseModel):
    """How far the run had come, and what it was a run of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: int
    total_steps: int
    samples_seen: int
    tokens_seen: int
    elapsed_seconds: float
    loss: float | None
    identity: dict[str, Any]
    data_sha256: str
    base_print: str | None = None
    """Of the base model's weights; None where they could not be looked at."""
    best_step: int | None = None
    best_loss: float | None = None
    without_gain: int = 0
    baseline_loss: float | None = None
    """Measured before the first step."""
    full_state: bool = True
    """Whether optimiser, schedule and random numbers are in it, without which it can't be resumed from."""
    kept: bool = False
    """Whether it stays when newer ones come: somebody asked for it."""
    memory: FoundMemory | None = None
    """None if memory has never run out."""
    saved_at: float = 0.0
    files: dict[str, int] = {}
    sums: dict[str, str] = {}
    """SHA-256 of every file; none in what an older version wrote."""

    @property
    def name(self) -> str:
        """What the folder of its checkpoint is called."""
        return f"samples_{self.samples_seen}"


class Checkpoint(BaseModel):
    """One whole checkpoint on disk."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    progress: Progress


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, run_dir: Path, *, keep: int) -> None:
        self.folder = run_dir / CHECKPOINTS_DIR
        self._keep = keep
        self.best_step: int | None = None
        """The step whose checkpoint is kept, however old it gets."""

    def newest(self) -> Checkpoint | None:
        """The whole checkpoint written last, if there is one."""
        return max(self._whole(), key=lambda c: c.progress.saved_at, default=None)

    def at(self, step: int) -> Checkpoint | None:
        """The whole checkpoint of that step, if there is one."""
        return next((c for c in self._whole() if c.progress.step == step), None)

    def newest_first(self) -> list[Checkpoint]:
        """All that are whole."""
        return sorted(self._whole(), key=lambda each: -each.progress.saved_at)

    def not_whole(self) -> list[Path]:
        """Folders that were sealed once, and whose marker or files are not what they were then."""
        whole = {each.folder for each in self._whole()}
        return sorted(each.parent for each in self.folder.glob(f"[!.]*/{MARKER}") if each.parent not in whole)

    def make_newest(self, checkpoint: Checkpoint) -> None:
        """Have a plain resume go on from it."""
        _mark(checkpoint.folder, checkpoint.progress.model_copy(update={"saved_at": time.time()}))

    def put_aside(self, damaged: Iterable[Path]) -> None:
        """Have these folders count no longer; they go when the next checkpoint has been written."""
        for folder in damaged:
            aside = folder.with_name(_DAMAGED + folder.name)
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(folder, aside)

    @property
    def partial(self) -> Path:
        """Where one is being written."""
        return self.folder / _PARTIAL

    def clear_partial(self) -> None:
        """Remove what a kill, or a full disk, left of an unfinished one; put back what it was to replace."""
        shutil.rmtree(self.partial, ignore_errors=True)
        for old in self.folder.glob(f"*{_REPLACED}"):
            _put_back(old)

    @contextmanager
    def writing(self, progress: Progress) -> Iterator[None]:
        """Make the folder that the block leaves in `partial` the checkpoint of `progress`.

        If the block or the disk fails, earlier checkpoints are untouched and nothing partial stays.
        """
        self.clear_partial()
        self.partial.mkdir(parents=True)
        try:
            yield
            (written,) = self.partial.iterdir()
            _seal(written, progress)
            _put(written, self.folder / progress.name)
            _flush(self.folder)
        finally:
            self.clear_partial()
        self._drop_old()

    def path_of(self, checkpoint: Checkpoint) -> str:
        """Where it is, as seen from the run folder."""
        return f"{CHECKPOINTS_DIR}/{checkpoint.folder.name}"

    def _drop_old(self) -> None:
        """Keep the newest ones, the best one and those somebody asked for."""
        for old in self.newest_first()[self._keep :]:
            if old.progress.step != self.best_step and not old.progress.kept:
                _remove(old.folder)
        for aside in self.folder.glob(f"{_DAMAGED}*"):
            _remove(aside)

    def _whole(self) -> Iterator[Checkpoint]:
        for folder in self.folder.glob("[!.]*"):
            progress = _read_marker(folder)
            if progress and all(_size(folder / name) == size for name, size in progress.files.items()):
                yield Checkpoint(folder=folder, progress=progress)


def identity(config: RunConfig) -> dict[str, Any]:
    """The part of a config that decides what the run computes. Data is compared by content."""
    schedule = {name: getattr(config, name) for name in _SCHEDULE}
    spread = {"processes": ranks.world_size(), "strategy": config.distributed.strategy}
    method = config.method.model_dump(mode="json")
    return {"base_model": config.base_model, "method": method, **schedule, **spread}


def note_extension(run_dir: Path, config: RunConfig) -> None:
    """Make the new length one that was asked for, before training goes on by it: whatever happens before the
    next checkpoint, a plain resume then goes on by it too."""
    path = run_dir / EXTENSION_FILE
    path.parent.mkdir(exist_ok=True)
    write_json_atomically(path, config.length)


def is_extension(run_dir: Path, config: RunConfig) -> bool:
    """Whether the config's length is one that the run was extended to on purpose."""
    try:
        return bool(json.loads((run_dir / EXTENSION_FILE).read_bytes()) == config.length)
    except (OSError, ValueError):
        return False


def has_new_length(progress: Progress, config: RunConfig) -> bool:
    """Whether the run was to end elsewhere when the checkpoint was written."""
    now = identity(config)
    return any(progress.identity.get(name, now[name]) != now[name] for name in _LENGTH)


def require_same_run(progress: Progress, config: RunConfig, *, extend: bool = False) -> None:
    """Raise RunFailedError, naming the settings, if the checkpoint is one of another run.

    With `extend` the run may be longer or shorter than it was to be.
    """
    now = identity(config)
    changed = [name for name, value in progress.identity.items() if now.get(name) != value]
    if "base_model" in changed and _is_carried(str(progress.identity["base_model"]), config.base_model):
        changed.remove("base_model")
    if "method" in changed and _is_method(progress.identity["method"], config.method):
        changed.remove("method")
    if extend:
        changed = [name for name in changed if name not in _LENGTH]
    elif changed and set(changed) <= _LENGTH:
        raise RunFailedError(
            f"This run cannot be resumed: its length has changed ({', '.join(sorted(changed))}), and with it "
            "the learning rate of every step.",
            "Resume with --extend to go on by the new schedule, or put the length back.",
        )
    if changed:
        settings = ", ".join(sorted(changed))
        raise RunFailedError(
            f"This run cannot be resumed: it was started with other settings ({settings}).",
            "Put these settings back, or start a new run.",
        )


def _is_carried(stored: str, now: str) -> bool:
    """Whether one of the two is the other's folder as it is called where the app brought it along."""
    return any(a == f"models/{PurePath(b).name}" for a, b in ((stored, now), (now, stored)))


def _is_method(stored: Any, method: Method) -> bool:
    """Whether these are the same settings; one that is not stored is newer than the checkpoint."""
    try:
        return TypeAdapter[Method](Method).validate_python(stored) == method
    except ValidationError:
        return False


def require_full_state(progress: Progress) -> None:
    """Raise RunFailedError if the checkpoint holds weights only: going on from it would be another run."""
    if not progress.full_state:
        raise RunFailedError(
            "This run cannot be resumed: its checkpoints hold the weights only, not the optimiser's state.",
            "Start a new run with 'save_full_state' on; a checkpoint's folder can be its base model.",
        )


def require_same_base(checkpoint: Checkpoint | None, base_print: str | None) -> None:
    """Raise RunFailedError if other weights lie where the base model lay when the run began."""
    before = checkpoint.progress.base_print if checkpoint else None
    if before and base_print and before != base_print:
        raise RunFailedError(
            "This run cannot be resumed: its base model is not the one it was started with, "
            "though it goes by the same name.",
            "Put the weights back as they were, or start a new run.",
        )


def require_same_data(checkpoint: Checkpoint | None, data_sha256: str) -> None:
    """Raise RunFailedError if the tokens to train on are not those of the checkpoint."""
    if checkpoint and checkpoint.progress.data_sha256 != data_sha256:
        raise RunFailedError(
            "This run cannot be resumed: its training data has changed since the checkpoint.",
            "Put the data back as it was, or start a new run.",
        )


def sha256_of(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _seal(folder: Path, progress: Progress) -> None:
    names = {path: path.relative_to(folder).as_posix() for path in _files(folder)}
    with soundness.counting(list(names)) as sums:
        for path in names:
            os.chmod(path, 0o644)  # safetensors 0.8 writes 0600: unreadable outside a container
            _flush(path)
    written = {
        "saved_at": time.time(),
        "files": {name: path.stat().st_size for path, name in names.items()},
        "sums": {name: sums[path] for path, name in names.items()},
    }
    _mark(folder, progress.model_copy(update=written))
    _flush(folder)


def _mark(folder: Path, progress: Progress) -> None:
    write_json_atomically(folder / MARKER, soundness.sealed(progress.model_dump(mode="json")))


def _read_marker(folder: Path) -> Progress | None:
    try:
        content = json.loads((folder / MARKER).read_bytes())
        return Progress.model_validate(content) if soundness.is_sound(content) else None
    except (OSError, ValueError, AttributeError, ValidationError):
        return None


def _put(written: Path, target: Path) -> None:
    """Give it its name; one that had the name before stays whole until the new one stands."""
    old = target.with_name(target.name + _REPLACED)
    if target.exists():
        os.replace(target, old)
    os.replace(written, target)
    _remove(old)


def _put_back(old: Path) -> None:
    target = old.with_name(old.name.removesuffix(_REPLACED))
    if target.exists():
        _remove(old)
    else:
        with suppress(OSError):  # another process of the run was faster
            os.replace(old, target)


def _remove(folder: Path) -> None:
    (folder / MARKER).unlink(missing_ok=True)  # first, so that half a removal is never taken for whole
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _flush(path: Path) -> None:
    """Bring a file or a folder's names to the disk; a folder can't be opened on Windows."""
    if os.name == "nt" and path.is_dir():
        return
    file = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
