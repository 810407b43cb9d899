"""What a restart of the container must know: written before each act."""

import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from trainer_image.pod import durable

Phase = Literal["waiting", "running", "stopping", "interrupted", "ended"]
Outcome = Literal["finished", "stopped", "failed", "lost"]


@dataclass(frozen=True)
class State:
    """Moments in seconds since the epoch."""

    pod_id: str = ""
    booted_at: float = 0.0
    """When this pod was first booted."""
    boots: int = 0
    phase: Phase = "waiting"
    since: float = 0.0
    """When the phase began."""
    attempt: int | None = None
    started_at: float = 0.0
    """When the attempt began."""
    options: tuple[str, ...] = ()
    """What train.py is told beside folder and attempt."""
    had_secrets: bool = False
    wish: Literal["", "save", "leave"] = ""
    """How the training was told to stop."""
    left_for_platform: bool = False
    """The platform stopped the pod while it trained: the training's end was no end of the run."""
    continued: int = 0
    """How often a restart has continued it since it last wrote a checkpoint."""
    continued_from: str = ""
    exit_code: int | None = None
    outcome: Outcome | None = None
    message: str = ""
    retrieved_at: float | None = None
    lease_seconds: float | None = None

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in stored.items() if name in known}
        return cls(**kept | {"options": tuple(kept.get("options", ()))})


class StateFile:
    """May be used from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.now = State.of(durable.read_json(path))

    def change(self, *, must_last: bool = False, **changes: Any) -> State:
        """Without `must_last` it holds in memory at least; with it OSError is raised and nothing changed."""
        with self._lock:
            changed = replace(self.now, **changes)
            try:
                durable.write_json(self._path, asdict(changed))
            except OSError:
                if must_last:
                    raise
            self.now = changed
            return changed
