"""Write a run as one script for Hugging Face Jobs."""

import gzip
import io
import shlex
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.job_scripts import MOST_ROW_BYTES, job_command, job_problem, job_script
from app.domain.previews import PreviewError
from app.domain.runs import RunRequest
from app.domain.setups import BUNDLED_MODEL
from app.domain.typed_paths import expanded, is_folder
from app.services.library import LibraryService
from app.services.run_data import write_run_data
from trainer_image.config import DATA_FILE, FileDataset, HubDataset, RunConfig


@dataclass(frozen=True)
class JobScript:
    """A script, and what is to be said with it."""

    text: str
    command: str
    """Starts it."""
    caution: str = ""
    """What could not be looked at, as a sentence."""


class JobScriptService:
    def __init__(
        self, library: LibraryService, trainer: Path, look_at_model: Callable[[RunConfig], object]
    ) -> None:
        """`look_at_model` raises a PreviewError that is a refusal where a run would not begin."""
        self._library = library
        self._trainer = trainer
        """Folder of the package `trainer_image`."""
        self._look_at_model = look_at_model

    def write(self, request: RunRequest, path: Path, *, flavor: str, timeout: str) -> JobScript:
        """Write the script to `path`; its command names that. Raises StudioError."""
        made = self.script(request, path.name, flavor=flavor, timeout=timeout)
        try:
            path.write_text(made.text, encoding="utf-8")
        except OSError as error:
            raise StudioError(
                f"{path} could not be written: {error.strerror or error}.", "Choose another place."
            ) from error
        command = shlex.join(job_command(str(path), flavor=flavor, timeout=timeout))
        return JobScript(made.text, command, made.caution)

    def script(self, request: RunRequest, name: str, *, flavor: str, timeout: str) -> JobScript:
        """The script that is to be called `name`. The base model's `config.json` is looked at, on the Hub if
        need be: that takes seconds. Raises StudioError."""
        if problem := self.problem(request):
            raise StudioError("This run cannot be a job yet.", problem)
        model, is_on_hub = request.config.base_model, _is_on_hub(request)
        command = job_command(name, flavor=flavor, timeout=timeout)
        caution = self._caution(request.config)
        config = request.config.model_copy(
            update={"dataset": request.config.dataset if is_on_hub else FileDataset()}
        )
        text = job_script(
            config,
            title=f"Fine-tune {model} ({config.method.kind}).",
            command=command,
            pinned=_pinned(self._trainer / "constraints.txt"),
            trainer=packed_trainer(self._trainer),
            rows=b"" if is_on_hub else self._rows(request),
        )
        return JobScript(text, shlex.join(command), caution)

    def problem(self, request: RunRequest) -> str:
        """Why this run cannot be a job, as a sentence; empty if it can."""
        return job_problem(request.config, is_model_a_folder=_is_here(request.config.base_model))

    def _caution(self, config: RunConfig) -> str:
        """Raises StudioError, in the trainer's own words, if the job would end in its first seconds."""
        try:
            self._look_at_model(config)
        except PreviewError as error:
            if error.is_refusal:
                raise
            return (
                f"Whether this model can be trained was not looked at: {error.message} If it is none that "
                "writes text, the job says so and ends in its first seconds."
            )
        return ""

    def _rows(self, request: RunRequest) -> bytes:
        with tempfile.TemporaryDirectory(prefix="tunewright-job-") as folder:
            target = Path(folder) / DATA_FILE
            session = self._library.get(request.session_id) if request.session_id else None
            write_run_data(self._library, request, session, target)
            rows = gzip.compress(target.read_bytes(), mtime=0)
        if len(rows) > MOST_ROW_BYTES:
            raise StudioError(
                f"The rows take {len(rows) / 1024**2:.1f} MB, packed; a script carries up to "
                f"{MOST_ROW_BYTES // 1024**2}.",
                "Publish the session to a private dataset on the Hub, and name that in the setup.",
            )
        return rows


def _is_on_hub(request: RunRequest) -> bool:
    return isinstance(request.config.dataset, HubDataset)


def _is_here(model: str) -> bool:
    return model == BUNDLED_MODEL or model.startswith((".", "/", "~")) or is_folder(expanded(model))


def _pinned(constraints: Path) -> list[str]:
    lines = constraints.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def packed_trainer(trainer: Path) -> bytes:
    """The same bytes for the same code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(trainer.rglob("*.py")):
            entry = zipfile.ZipInfo(f"trainer_image/{file.relative_to(trainer).as_posix()}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()
