"""The agent of a rented pod as renting sees it: the calls, the mirror and the transfers in one place."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, get_args

from app.adapters.runpod.agent import PodAgent, PodRefusedError, PodUnreachableError
from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, PartSize, manifest, upload
from app.domain.errors import TargetError
from app.domain.rental_ports import (
    AgentRefusedError,
    AgentSilentError,
    Brought,
    PodHealth,
    PodPhase,
    PodStart,
)

P = ParamSpec("P")
R = TypeVar("R")
_CHECKSUMS_SECONDS = 10
_PHASES = frozenset(get_args(PodPhase))


def _in_our_words(
    call: Callable[Concatenate["RentedAgent", P], R],
) -> Callable[Concatenate["RentedAgent", P], R]:
    """Silence and refusal as renting knows them, and a disk that takes nothing as a trouble of the target."""

    def said(self: "RentedAgent", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(self, *args, **kwargs)
        except PodUnreachableError as error:
            raise AgentSilentError(error.message, error.hint) from error
        except PodRefusedError as error:
            raise AgentRefusedError(error.message, error.hint, is_final=error.is_final) from error
        except OSError as error:
            raise TargetError(
                f"A file of the run could not be read or written: {error.strerror or error}.",
                "Make room on the disk: it is tried again as long as the pod lives.",
            ) from error

    return said


class RentedAgent:
    """Implements `PodAgent` of the domain. What it remembers only saves work."""

    def __init__(self, address: str, token: str, *, pause: Callable[[float], object] = time.sleep) -> None:
        """`pause` waits between two tries."""
        self._agent = PodAgent(address, token, pause=pause)
        self._parts = PartSize()
        self._mirrors: dict[Path, RunMirror] = {}
        self._fetchers: dict[Path, Fetcher] = {}

    def close(self) -> None:
        self._agent.close()

    @_in_our_words
    def health(self) -> PodHealth:
        found = self._agent.health()
        return PodHealth(
            phase=found.phase if found.phase in _PHASES else "running",  # type: ignore[arg-type]
            attempt=found.attempt,
            exit_code=found.exit_code,
            outcome=found.outcome or "",
            message=found.message,
            can_end_itself=found.can_self_terminate,
            why_not=found.why_not,
        )

    @_in_our_words
    def send(self, source: Path, path: str, on_bytes: Callable[[int], None]) -> None:
        upload(self._agent, path, source, progress=lambda done, _: on_bytes(done), part=self._parts)

    @_in_our_words
    def start(self, start: PodStart) -> None:
        self._agent.start(
            start.attempt,
            start.config.model_dump(mode="json"),
            resume=start.resume,
            extend=start.extend,
            resume_from=start.resume_from,
            secrets=start.secrets,
        )

    @_in_our_words
    def mirror(self, folder: Path, *, wait_seconds: float) -> None:
        mirror = self._mirrors.setdefault(folder, RunMirror(folder))
        mirror.bring_up_to_date(self._agent, wait_seconds=int(wait_seconds))

    @_in_our_words
    def stop(self, *, save: bool) -> None:
        self._agent.stop(save=save)

    @_in_our_words
    def ask(self, what: str) -> None:
        self._agent.ask_for(what)

    @_in_our_words
    def bring(self, folder: Path, on_bytes: Callable[[int, int], None]) -> Brought:
        fetcher = self._fetchers.setdefault(folder, Fetcher(self._agent, folder, part=self._parts))
        found = manifest(self._agent, wait_seconds=_CHECKSUMS_SECONDS)
        is_whole = fetcher.fetch(found, on_bytes)
        return Brought(tuple(file.path for file in found.files), is_complete=found.complete and is_whole)

    @_in_our_words
    def retrieved(self) -> None:
        self._agent.retrieved()
