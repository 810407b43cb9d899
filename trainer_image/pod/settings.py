"""What the pod is told by its environment.

Nothing here raises: a first process that ends is started again for ever, and billed. What is wrong stands in
`problems`, and nothing is trained while there are any.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from trainer_image.network import NO_TELEMETRY

_HERE: Final = Path(__file__).resolve().parent
_KEPT_FROM_TRAINER: Final = ("RUNPOD_API_KEY", "STUDIO_TOKEN_SHA256")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Settings:
    """Times in seconds, moments in seconds since the epoch."""

    run_id: str
    token_sha256: str
    home: Path
    trainer: Path
    host: str
    port: int
    deadline: float | None
    longest: float | None
    """How long the pod may live: the deadline as the app's computer has it may be off with its clock."""
    budget_usd: float | None
    price_per_hour: float | None
    save_margin: float
    boot_grace: float
    retrieve_grace: float
    retrieved_grace: float
    retry_seconds: float
    pod_id: str
    api_key: str
    api_url: str
    trainer_environment: Mapping[str, str]
    problems: tuple[str, ...]

    @property
    def run_dir(self) -> Path:
        return self.home / "runs" / self.run_id

    @property
    def own_dir(self) -> Path:
        """The supervisor's own files, which no request reaches."""
        return self.run_dir / ".pod"


def read(environment: Mapping[str, str]) -> Settings:
    found = _Reader(environment)
    home = Path(environment.get("STUDIO_HOME") or "/workspace")
    return Settings(
        run_id=found.matching("STUDIO_RUN_ID", _RUN_ID, "unnamed"),
        token_sha256=found.matching("STUDIO_TOKEN_SHA256", _SHA256, ""),
        home=home,
        trainer=Path(environment.get("STUDIO_TRAINER") or _HERE.parent / "train.py"),
        host=environment.get("STUDIO_HOST") or "0.0.0.0",  # noqa: S104 the platform's proxy comes from outside
        port=int(found.number("STUDIO_PORT", 8080)),
        deadline=found.moment("STUDIO_DEADLINE"),
        longest=found.optional("STUDIO_LONGEST_SECONDS"),
        budget_usd=found.optional("STUDIO_BUDGET_USD"),
        price_per_hour=found.optional("STUDIO_PRICE_PER_HOUR"),
        save_margin=found.number("STUDIO_SAVE_MARGIN", 300),
        boot_grace=found.number("STUDIO_BOOT_GRACE", 1800),
        retrieve_grace=found.number(
            "STUDIO_RETRIEVE_GRACE", 900 if environment.get("RUNPOD_VOLUME_ID") else 3600
        ),
        retrieved_grace=found.number("STUDIO_RETRIEVED_GRACE", 60),
        retry_seconds=found.number("STUDIO_RETRY_SECONDS", 60),
        pod_id=environment.get("RUNPOD_POD_ID", ""),
        api_key=environment.get("RUNPOD_API_KEY", ""),
        api_url=(environment.get("RUNPOD_API_BASE_URL") or "https://api.runpod.io").rstrip("/"),
        trainer_environment=_for_trainer(environment, home),
        problems=tuple(found.problems),
    )


def _for_trainer(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """What is downloaded or learnt about memory stays on the volume, for the next run."""
    passed = {name: value for name, value in environment.items() if name not in _KEPT_FROM_TRAINER}
    return passed | {
        "HF_HOME": str(home / "cache" / "huggingface"),
        "TUNEWRIGHT_ROWS_CACHE": str(home / "cache" / "rows"),
        "TUNEWRIGHT_MEMORY_HISTORY": str(home / "cache" / "memory.jsonl"),
        "PYTHONUNBUFFERED": "1",
        **NO_TELEMETRY,
    }


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def matching(self, name: str, pattern: re.Pattern[str], otherwise: str) -> str:
        text = self._environment.get(name, "")
        if pattern.fullmatch(text):
            return text
        self.problems.append(f"{name} is missing or not of its form.")
        return otherwise

    def number(self, name: str, otherwise: float) -> float:
        value = self.optional(name)
        return otherwise if value is None else value

    def optional(self, name: str) -> float | None:
        text = self._environment.get(name, "")
        try:
            value = float(text) if text else None
        except ValueError:
            value = -1.0
        if value is None or 0 <= value < float("inf"):
            return value
        self.problems.append(f"{name} is no number from 0 on.")
        return None

    def moment(self, name: str) -> float | None:
        text = self._environment.get(name, "")
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            self.problems.append(f"{name} is no time like 2026-11-26T12:00:00Z.")
            return None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
