"""What a request for a run names: its session, its data, itself; and what offline it cannot have."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app.domain.errors import UnknownSessionError
from app.domain.runs import Run, RunId, RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL, Setup
from app.domain.typed_paths import expanded, looks_like_path
from app.services.library import LibraryService
from trainer_image.config import DATA_FILE, FileDataset, HubDataset, RunConfig

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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


def place_problem(request: RunRequest, *, is_offline: bool) -> str:
    """What speaks against the target and what the run takes from the network, as an order; empty if nothing.

    `is_offline`: the whole app is.
    """
    if problem := offline_problem(request, is_mode=is_offline):
        return problem
    if request.target.is_by_script:
        return "Choose another target: the app starts no Hugging Face Job, it writes the script that does"
    return request.pod.problem() if request.target is Target.RUNPOD else ""
