"""Other people's trainers for several GPUs, as backends of a run: the same functions in each module.

Neither runs without CUDA, so what is here has been tested up to the arguments they are given and from the
files they leave; their own training has not been run with it.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from trainer_image import plugins
from trainer_image.backend_fields import fault_of
from trainer_image.backends import instructlab, mini_trainer
from trainer_image.config import RunConfig
from trainer_image.events import Event
from trainer_image.problems import RunFailedError, bad_config


class Backend(Protocol):
    """What a backend's module offers."""

    @property
    def NAME(self) -> str: ...

    @property
    def PACKAGE(self) -> str:
        """What is imported."""

    @property
    def FIELDS(self) -> frozenset[str]:
        """Names of its training arguments in the version this is written to."""

    @property
    def OURS(self) -> Mapping[str, str]:
        """Its arguments that settings of the run decide → which ones."""

    @property
    def METRICS_FILE(self) -> str: ...

    def require_expressible(self, config: RunConfig) -> None:
        """Raise RunFailedError if a setting has no counterpart there, so that none is dropped in silence."""

    def arguments(
        self,
        config: RunConfig,
        model: str,
        folder: Path,
        *,
        processes: int,
        warmup: int,
        has_validation: bool,
    ) -> dict[str, Any]:
        """Its training arguments for this run, whose files lie in `folder`."""

    def event_of(self, row: Mapping[str, Any], total_steps: int) -> Event | None:
        """A line of its metrics file as one of our events."""


EXTERNAL: Final[dict[str, Backend]] = {module.NAME: module for module in (instructlab, mini_trainer)}


def of(config: RunConfig) -> Backend | None:
    """Who trains the run instead of the native loop; None if that does. Raises RunFailedError."""
    if config.backend_plugin:
        offered: Backend = plugins.find("backend", config.backend_plugin).offers
        return offered
    return EXTERNAL.get(config.backend)


def require_possible(config: RunConfig, *, device: str, resume: bool) -> None:
    """Raise RunFailedError, within a second, if the run's backend cannot train it here. Native always can."""
    if config.method_plugin:
        plugins.find("method", config.method_plugin)
    backend = of(config)
    if backend is None:
        return
    require_known(backend, config.backend_args)
    backend.require_expressible(config)
    if importlib.util.find_spec(backend.PACKAGE.partition(".")[0]) is None:
        raise _missing(backend, f"The package {backend.NAME} is not installed here.")
    if device != "cuda" and getattr(backend, "NEEDS_CUDA", True):
        raise _missing(backend, f"The backend {backend.NAME} needs an NVIDIA GPU, and there is none here.")
    if resume:
        raise RunFailedError(
            f"A run of the backend {backend.NAME} cannot be resumed here.",
            "Start a new run, or use the backend 'native', whose runs can be.",
        )


def require_own_loop(config: RunConfig) -> None:
    """Raise RunFailedError if somebody else's loop trains the run: of that nothing can be measured before."""
    if backend := of(config):
        raise bad_config(
            f"The backend {backend.NAME} cannot be probed: it measures memory in a run only.",
            "Probe with the backend 'native', or start the run: its longest rows come first.",
        )


def require_known(backend: Backend, given: Mapping[str, Any]) -> None:
    """Raise RunFailedError, for exit code 2, if one is unknown there or decided by the run's settings."""
    fields = _real_fields(backend)
    for name in given:
        if fault := fault_of(backend.NAME, name, fields, written_to=(backend.FIELDS, backend.OURS)):
            raise bad_config(*fault)


def _real_fields(backend: Backend) -> frozenset[str]:
    """Those of the installed version; empty if it is not installed or does not import here."""
    if importlib.util.find_spec(backend.PACKAGE.partition(".")[0]) is None:
        return frozenset()
    try:
        module: ModuleType = importlib.import_module(backend.PACKAGE)
    except Exception:  # CUDA, flash-attn or another part of it is missing
        return frozenset()
    arguments = module.TrainingArgs
    found = getattr(arguments, "model_fields", None) or getattr(arguments, "__dataclass_fields__", {})
    return frozenset(found)


def _missing(backend: Backend, sentence: str) -> RunFailedError:
    return RunFailedError(
        sentence,
        "Set the backend to 'native', which does the same on any computer and on several GPUs, or see "
        "docs/user/several-gpus.md for what this one needs.",
    )
