"""What a request for a run names: its session, its data, itself; and what offline it cannot have."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError, UnknownSessionError
from app.domain.runs import DockerOptions, Run, RunId, RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL, Setup
from app.domain.typed_paths import expanded, is_file, is_folder, is_possible, looks_like_path
from app.services.library import LibraryService
from trainer_image.config import DATA_FILE, FileDataset, HubDataset, RunConfig

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CONTAINER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,254}")
"""Docker's own rule; its length is that of a label."""


def session_of(library: LibraryService, setup: Setup) -> Session | None:
    """Never one of the same name in its place. Raises UnknownSessionError."""
    try:
        return library.find(setup.session) if setup.session else None
    except UnknownSessionError as error:
        if not setup.session_name:
            raise
        raise UnknownSessionError(
            f"The session “{setup.session_name}” of this setup is not here.",
            "Choose another session, or bring it back in the Data tab.",
        ) from error


def offline_problem(request: RunRequest, *, is_mode: bool) -> str:
    """What of a request an offline run cannot have, as an order; empty if there is nothing.

    `is_mode`: the whole app is offline.
    """
    if not (is_mode or request.config.offline):
        return ""
    if is_mode and request.target.needs_network:
        return f"Choose a target on this computer: {request.target.label} needs the network"
    if isinstance(request.config.dataset, HubDataset):
        return "Choose a session or a file: offline mode is on"
    if is_mode and request.config.push is not None:
        return "Leave “Push to Hub repository” empty: offline mode is on"
    return ""


def request_of_run(run: Run, **changes: Any) -> RunRequest:
    """A run that exists, asked for once more: its rows are those in its folder."""
    rows = run.folder / DATA_FILE if isinstance(run.config.dataset, FileDataset) else None
    request = RunRequest(
        target=run.target,
        config=run.config,
        data_file=rows,
        docker=run.docker,
        pod=run.pod,
        goes_on=run.id,
    )
    return replace(request, **changes)


def setup_of_run(library: LibraryService, bundled_model: Path, run: Run, config: RunConfig) -> Setup:
    """The setup that makes a run like this one, with `config` in the place of its own.

    Its rows are those of the session as it is now; if that is gone, the copy in the run's folder. Raises
    StudioError for an imported run, whose settings nobody knows.
    """
    if run.is_imported:
        raise StudioError("The settings of an imported run are not known.", "Fill in the form by hand.")
    if config.base_model == str(bundled_model.resolve()):
        config = config.model_copy(update={"base_model": BUNDLED_MODEL})
    is_hub = isinstance(config.dataset, HubDataset)
    session = None if is_hub else _session_left(library, run)
    return Setup(
        target=run.target,
        session=session,
        file=None if is_hub or session else run.folder / DATA_FILE,
        docker=replace(run.docker, container_name=""),
        pod=run.pod,
        config=config,
    )


def _session_left(library: LibraryService, run: Run) -> str | None:
    return next((str(s.id) for s in library.sessions() if s.id == run.session_id), None)


def config_of_run(request: RunRequest, bundled_model: Path, *, is_offline: bool) -> RunConfig:
    """The config as a run keeps it: a model of this computer by its whole path, the rows in its folder."""
    config = request.config
    model = str(bundled_model) if config.base_model == BUNDLED_MODEL else config.base_model
    if looks_like_path(model):
        model = str(expanded(model).resolve())
    dataset = config.dataset if isinstance(config.dataset, HubDataset) else FileDataset()
    return config.model_copy(
        update={"base_model": model, "dataset": dataset, "offline": config.offline or is_offline}
    )


def data_label(request: RunRequest, session: Session | None) -> str:
    if session is not None:
        return session.name
    if request.data_file:
        return request.data_file.name
    assert isinstance(request.config.dataset, HubDataset)
    return request.config.dataset.repo


def is_name(text: str) -> bool:
    """Whether a run's folder can be called so everywhere."""
    return _NAME.fullmatch(text) is not None


def made_up_name(label: str, method: str, run_id: RunId) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40] or "data"
    return f"{slug}-{method}-{run_id[:6]}"


def file_problem(file: Path | None) -> str:
    """Why no rows can be read from there, as an order; empty if they may be."""
    if file is None or is_file(file):
        return ""
    kind = "is a folder" if is_folder(file) else "does not"
    return f"Choose a data file that exists: {(file.name or str(file))[:100]} {kind}"


def model_problem(name: str) -> str:
    """Why there can be no such base model, as an order; empty if there may be."""
    if looks_like_path(name) and not is_folder(expanded(name)):
        return f"Choose a base model that exists: there is no folder {name[:200]}"
    if not is_possible(name):
        return "Choose a base model that exists: no model and no folder can be called as that is"
    return ""


def place_problem(request: RunRequest, *, is_offline: bool) -> str:
    """What speaks against the target and what the run takes from the network, as an order; empty if nothing.

    `is_offline`: the whole app is.
    """
    if problem := offline_problem(request, is_mode=is_offline):
        return problem
    if request.target.is_by_script:
        return "Choose another target: the app starts no Hugging Face Job, it writes the script that does"
    if request.target is Target.DOCKER:
        return _docker_problem(request.docker)
    return request.pod.problem() if request.target is Target.RUNPOD else ""


def _docker_problem(docker: DockerOptions) -> str:
    """What can be told without asking Docker."""
    if docker.container_name and not _CONTAINER.fullmatch(docker.container_name):
        return "Choose a container name of letters, digits, dots, dashes and underscores, or leave it empty"
    if docker.data_dir is not None and not is_possible(docker.data_dir):
        return "Choose another host data folder: none can be called as that is"
    return ""
