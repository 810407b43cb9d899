"""A trainer and a computer that say what a test wants, for the checks before a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.preflight import Download
from app.domain.preflight_ports import Account
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Estimated, Examined

GB = 10**9


class KnownTrainer:
    """A `Looker` that has one answer to each question; keeps what it was asked."""

    def __init__(self) -> None:
        self.estimated = Estimated(
            device="cpu",
            low=2 * GB,
            expected=3 * GB,
            high=4 * GB,
            known_model=True,
            checkpoint_bytes=10**6,
            result_bytes=10**6,
        )
        self.examined = Examined(abilities=(), loggers=())
        self.fail_with: Exception | None = None
        self.asked: list[tuple[RunConfig, str | None, int | None]] = []

    def problem(self) -> str:
        return ""

    def estimate(
        self,
        config: RunConfig,
        *,
        device: Any = None,
        rows: int | None = None,
        longest: Sequence[int] | None = None,
    ) -> Estimated:
        self.asked.append((config, device, rows))
        if self.fail_with:
            raise self.fail_with
        return self.estimated

    def examine(self, config: RunConfig) -> Examined:
        return self.examined

    def open(self, config: RunConfig) -> tuple[str, Sequence[str]]:
        raise NotImplementedError

    def show(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def survey(self, *_: Any, **__: Any) -> int:
        raise NotImplementedError

    def close(self) -> None: ...


class KnownHub:
    """A `Hub` where everything may be had, a gigabyte each; the one of `tests.emulators` refuses, too."""

    def model(self, name: str, *, token: str | None, cache: Path | None) -> Download:
        return Download(GB)

    def require_dataset(self, repo: str, *, token: str | None) -> None: ...

    def account(self, token: str) -> Account:
        return Account("me", (), may_write=True)


@dataclass
class KnownComputer:
    free: int = 16 * GB

    def memory(self) -> tuple[int, int]:
        """(all, what is free)."""
        return 32 * GB, self.free
