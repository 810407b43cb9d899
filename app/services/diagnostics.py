"""What somebody who is to help needs to know about a run, as one text or one file, without secrets.

Rows of the data never get in: neither samples nor the run's copy of the rows.
"""

import json
import os
import platform
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.file_names import file_name
from app.domain.ports import Secrets
from app.domain.redaction import redacted, secrets_in
from app.domain.runs import Run, RunEvent
from app.domain.troubleshooting import Trouble, diagnose
from app.services.monitoring import MonitoringService
from trainer_image.events import Started, parse_event

LOG_LINES: Final = 200
APP_LOG_LINES: Final = 100
_EVENTS: Final = 100
_TAIL_BYTES: Final = 64 * 1024
_PACKAGES: Final = (
    "tunewright", "flet", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes",
    "unsloth", "huggingface_hub",
)  # fmt: skip


class DiagnosticsService:
    """Blocking. `environment` is where values that must never get in are found by their names."""

    def __init__(
        self,
        monitoring: MonitoringService,
        secrets: Secrets,
        exports: Path,
        *,
        app_log: Path,
        environment: Callable[[], Mapping[str, str]] = lambda: os.environ,
    ) -> None:
        self._monitoring = monitoring
        self._secrets = secrets
        self._exports = exports
        self._app_log = app_log
        self._environment = environment

    def trouble(self, run: Run) -> Trouble | None:
        """The known way in which a failed run failed; None if there is none."""
        return diagnose(run, self._log_tail(run))

    def text(self, run: Run) -> str:
        """Versions, the run, its config, its last events, the end of its log and of the app's."""
        return self._clean("\n\n".join(f"## {title}\n{body}" for title, body in self._parts(run).items()))

    def save(self, run: Run) -> Path:
        """Write the same as a zip into the folder for exports; an earlier one of this run is replaced.

        Raises StudioError if it can't be written.
        """
        path = self._exports / f"{file_name(run.name)}-{run.id}-diagnostics.zip"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                for title, body in self._parts(run).items():
                    file.writestr(f"{_file_of(title)}.txt", self._clean(body))
        except OSError as error:
            reason = error.strerror or error
            raise StudioError(
                f"{path} could not be written: {reason}.", "Make room, then try again."
            ) from error
        return path

    def _parts(self, run: Run) -> dict[str, str]:
        return {
            "Versions": _versions(run),
            "Run": _facts(run),
            "Config": json.dumps(run.config.model_dump(mode="json"), indent=1),
            "Events": _told(self._monitoring.events(run.id, last=_EVENTS)),
            f"Last {LOG_LINES} lines of the log": self._log_tail(run) or "(empty)",
            f"Last {APP_LOG_LINES} lines of the app's log": _end_of(self._app_log) or "(empty)",
        }

    def _log_tail(self, run: Run) -> str:
        text, _ = self._monitoring.log_tail(run, limit=_TAIL_BYTES)
        return "\n".join(text.splitlines()[-LOG_LINES:])

    def _clean(self, text: str) -> str:
        token = self._secrets.hf_token()
        known = [*secrets_in(self._environment()), *([token] if token else [])]
        return redacted(text, secrets=known, home=str(Path.home()))


def _file_of(title: str) -> str:
    return title.lower().replace("'", "").replace(" ", "-")


def _end_of(log: Path) -> str:
    """Whole lines only: half a secret at the beginning would not be known as one."""
    try:
        with log.open("rb") as file:
            begin = max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0)
            file.seek(begin)
            lines = file.read().decode(errors="replace").splitlines()[1 if begin else 0 :]
    except OSError as error:
        return f"({log.name} cannot be read: {error.strerror or error})"
    return "\n".join(lines[-APP_LOG_LINES:])


def _facts(run: Run) -> str:
    facts = {
        "id": run.id,
        "target": run.target.value,
        "image": run.docker.image,
        "status": run.status.value,
        "attempt": run.attempt,
        "step": f"{run.step} of {run.total_steps}",
        "last loss": run.loss,
        "message": run.message,
        "hint": run.hint,
        "checkpoint": run.checkpoint,
        "data": f"{run.content_hash[:12] or 'not from a session'}",
        "created": run.created_at.isoformat(),
        "ended": run.ended_at.isoformat() if run.ended_at else None,
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def _told(events: Sequence[RunEvent]) -> str:
    lines = [
        f"{e.time.isoformat(timespec='seconds')} {e.level} {e.text}" for e in events if e.type != "sample"
    ]
    return "\n".join(lines) or "(none)"


def _versions(run: Run) -> str:
    """This computer's, and those the trainer reported where it ran."""
    lines = [f"Python {platform.python_version()} on {platform.platform()}"]
    lines += [f"{name} {version}" for name in _PACKAGES if (version := _version(name))]
    if started := _started(run):
        there = ", ".join(f"{name} {version}" for name, version in started.versions.items())
        lines.append(f"The trainer ran on {started.device}: {there or 'versions not told'}")
    return "\n".join(lines)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _started(run: Run) -> Started | None:
    """The newest; events.jsonl is read, as the timeline has its sentence only."""
    try:
        with run.events_path.open(encoding="utf-8", errors="replace") as lines:
            told = [parse_event(line) for line in lines if '"started"' in line]
    except OSError:
        return None
    return next((event for event in reversed(told) if isinstance(event, Started)), None)
