"""What of a run can be taken along: its result, and each of its checkpoints that is whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.runs import Run
from app.domain.typed_paths import is_folder
from app.services.checkpoints import saved_states

_ADAPTER: Final = "adapter_config.json"
_MODEL: Final = "config.json"
_WEIGHTS: Final = ("adapter_model.*", "*.safetensors", "pytorch_model*.bin")
_TO_GO_ON: Final = ("optimizer*", "scheduler*", "rng_state*", "*.pt", "*.distcp", "COMPLETE.json")
RESULT: Final = ""
"""What the result is called where a checkpoint has the name of its folder."""


@dataclass(frozen=True)
class ExportSource:
    """One model a run has written."""

    name: str
    """Empty for the result, else the checkpoint's folder, like samples_400."""
    label: str
    folder: Path
    is_adapter: bool
    size_bytes: int
    """Without the state of the optimiser and what else a checkpoint holds to go on from."""


def sources_of(run: Run) -> list[ExportSource]:
    """The result first, then the whole checkpoints, newest first."""
    return list(_sources(run))


def source_of(run: Run, name: str = RESULT) -> ExportSource:
    """Raises StudioError with what there is instead."""
    found = sources_of(run)
    for source in found:
        if source.name == name:
            return source
    if name == RESULT:
        raise StudioError(f"{run.name} has no result to export.", _instead(found, "Wait until it has ended."))
    raise StudioError(
        f"{run.name} has no whole checkpoint {name} that a model can be made of.",
        _instead(found, "`tunewright runs checkpoints RUN` lists those there are."),
    )


def _sources(run: Run) -> Iterator[ExportSource]:
    folder = run.output_dir
    if folder is not None and is_folder(folder):
        is_adapter = run.output_kind == "adapter" or (folder / _ADAPTER).is_file()
        yield ExportSource(RESULT, "The result", folder.resolve(), is_adapter, _size(folder))
    for state in saved_states(run):
        place = run.checkpoints_dir / state.name
        is_adapter = (place / _ADAPTER).is_file()
        has_weights = any(True for kind in _WEIGHTS for _ in place.glob(kind))
        if not state.damage and has_weights and (is_adapter or (place / _MODEL).is_file()):
            label = f"Checkpoint of step {state.step:,} ({state.name})"
            yield ExportSource(state.name, label, place.resolve(), is_adapter, _size(place))


def _size(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(f.stat().st_size for f in files if not any(f.match(kind) for kind in _TO_GO_ON))


def _instead(found: list[ExportSource], otherwise: str) -> str:
    names = [source.name for source in found if source.name != RESULT]
    return f"There are checkpoints to export: {', '.join(names[:5])}." if names else otherwise
