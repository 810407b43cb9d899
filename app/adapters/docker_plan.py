"""What the container of a run is to be, worked out before the engine is asked for anything.

The data folder is mounted at /data and the run folder lies in it, so that whatever the trainer writes is on
this computer at once. Paths in the config are rewritten as the container sees them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from app.adapters.run_files import resume_options
from app.domain.errors import TargetError
from app.domain.runs import Run
from app.domain.typed_paths import expanded
from trainer_image.config import (
    MEMORY_HISTORY_VARIABLE,
    ROWS_CACHE_VARIABLE,
    Dataset,
    FileDataset,
    RunConfig,
)
from trainer_image.network import NO_TELEMETRY

DATA: Final = "/data"
_MODELS: Final = "/models"
_INPUTS: Final = "/inputs"
_CACHE: Final = "cache/huggingface"
_ROWS_CACHE: Final = "cache/rows"
_MEMORY_HISTORY: Final = "cache/memory.jsonl"


@dataclass(frozen=True)
class Shared:
    """A folder or file of this computer that the container sees."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class ContainerPlan:
    name: str
    config: RunConfig
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    shared: tuple[Shared, ...]


def labels(run: Run) -> dict[str, str]:
    """How the containers of a run are found again."""
    return {"tunewright.app": "1", "tunewright.run_id": run.id}


def data_dir(run: Run, default: Path) -> Path:
    """What is mounted. A run made before the data folder was changed in Settings keeps the one it is in."""
    chosen = expanded(run.docker.data_dir or default).absolute()
    if (
        run.docker.data_dir is None
        and _inside(run.folder, chosen) is None
        and run.folder.parent.name == "outputs"
    ):
        return run.folder.parent.parent
    return chosen


def plan(
    run: Run,
    data: Path,
    *,
    resume: bool,
    extend: bool = False,
    resume_from: str = "",
    secrets: Mapping[str, str],
    more: tuple[Shared, ...] = (),
    proxy: Mapping[str, str] | None = None,
) -> ContainerPlan:
    """`proxy`: variables that `docker inspect` may show. Raises TargetError if the container could not see
    the run folder. Makes the model cache's folder, as the user's own: the engine would make it root's."""
    folder = _run_dir(run, data)
    model, model_share = _base_model(run.config.base_model)
    dataset, dataset_share = _dataset(run.config, data)
    (data / _CACHE).mkdir(parents=True, exist_ok=True)
    options = resume_options(resume=resume, extend=extend, resume_from=resume_from)
    return ContainerPlan(
        name=run.docker.container_name or f"tunewright-{run.id}",
        config=run.config.model_copy(update={"base_model": model, "dataset": dataset}),
        command=("--run-dir", folder, "--attempt", str(run.attempt), *options),
        environment={
            **_environment(secrets if run.docker.pass_hf_token else {}),
            **(proxy if proxy and not run.config.offline else {}),
        },
        labels={**labels(run), "tunewright.attempt": str(run.attempt)},
        shared=(Shared(data.resolve(), DATA, read_only=False), *model_share, *dataset_share, *more),
    )


def _run_dir(run: Run, data: Path) -> str:
    inside = _inside(run.folder, data)
    if inside is None:
        raise TargetError(
            f"The run's folder {run.folder} is not in the data folder {data} that Docker gets to see.",
            "Choose a data folder for Docker that holds the run, then start again.",
        )
    return inside


def _inside(path: Path, data: Path) -> str | None:
    """The path as the container sees it, if it lies in the data folder."""
    try:
        return str(PurePosixPath(DATA, *path.resolve().relative_to(data.resolve()).parts))
    except ValueError:
        return None


def _base_model(name: str) -> tuple[str, tuple[Shared, ...]]:
    """A folder of this computer is shown read-only at /models; a Hub name stays as it is."""
    folder = expanded(name)
    if not folder.is_absolute() or not folder.is_dir():
        return name, ()
    folder = Path(os.path.normpath(folder))
    if folder.parent.name != "snapshots":
        return f"{_MODELS}/{folder.name}", (Shared(folder, f"{_MODELS}/{folder.name}"),)
    repo = folder.parent.parent  # of the Hub's cache, where a snapshot is links to ../../blobs
    target = f"{_MODELS}/{repo.name}"
    return f"{target}/snapshots/{folder.name}", (Shared(repo, target),)


def _dataset(config: RunConfig, data: Path) -> tuple[Dataset, tuple[Shared, ...]]:
    """A relative path starts at the run folder and needs nothing."""
    dataset = config.dataset
    if not isinstance(dataset, FileDataset) or not Path(dataset.path).is_absolute():
        return dataset, ()
    path = Path(dataset.path)
    if inside := _inside(path, data):
        return dataset.model_copy(update={"path": inside}), ()
    target = f"{_INPUTS}/{path.name}"
    return dataset.model_copy(update={"path": target}), (Shared(path, target),)


def _environment(secrets: Mapping[str, str]) -> dict[str, str]:
    """`docker inspect` shows these, also the token, to whoever may use the engine: root, in effect."""
    return {
        "HOME": "/tmp",  # noqa: S108
        "HF_HOME": f"{DATA}/{_CACHE}",
        ROWS_CACHE_VARIABLE: f"{DATA}/{_ROWS_CACHE}",
        MEMORY_HISTORY_VARIABLE: f"{DATA}/{_MEMORY_HISTORY}",
        "PYTHONUNBUFFERED": "1",
        **NO_TELEMETRY,
        **secrets,
    }
