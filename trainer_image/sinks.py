"""Other programs that show a run's curves: TensorBoard, Trackio, Weights & Biases, MLflow, several at once.

`events.jsonl` stays the truth. A sink gets a copy of its numbers in a thread of its own; one that fails is
told about once and left alone, and none can slow down or stop a run. Settings come from the config, else
from the environment variables the programs themselves know; the config wins.
"""

import importlib
import importlib.util
import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from trainer_image.config import Logging, RunConfig
from trainer_image.events import CheckpointSaved, Event
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter

_ENVIRONMENT: Final[Mapping[str, tuple[str, ...]]] = {
    "wandb_project": ("WANDB_PROJECT",),
    "wandb_entity": ("WANDB_ENTITY",),
    "wandb_run_name": ("WANDB_RUN_NAME", "WANDB_NAME"),  # the latter is W&B's own
    "mlflow_tracking_uri": ("MLFLOW_TRACKING_URI",),
    "mlflow_experiment_name": ("MLFLOW_EXPERIMENT_NAME",),
    "mlflow_run_name": ("MLFLOW_RUN_NAME",),
}
_TURNS_ON: Final = {"WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"}
"""Of the variables these alone turn a sink on; a name without a place to log to says nothing."""
_NAMES: Final = {
    "tensorboard": "TensorBoard", "trackio": "Trackio", "wandb": "Weights & Biases", "mlflow": "MLflow",
}  # fmt: skip
DEFAULT_PROJECT: Final = "tunewright"
_WAITING: Final = 1000
_CLOSING_SECONDS: Final = 10.0


class Sink(Protocol):
    """One program's way of taking numbers. Every method may raise anything."""

    def log(self, values: dict[str, float], step: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Wanted:
    """One sink that was asked for, with its settings and who asked."""

    kind: str
    settings: Mapping[str, str]
    origin: str
    """"the config", or the name of the environment variable."""


def label(kind: str) -> str:
    """What people call it."""
    return _NAMES[kind]


def resolve(logging: Logging, environment: Mapping[str, str]) -> list[Wanted]:
    """Which sinks are on, and with what: the config's settings, then the environment's."""
    settings: dict[str, dict[str, str]] = {}
    origins: dict[str, str] = {}
    for name, value in logging.model_dump().items():
        kind = name.partition("_")[0]
        variable = next((v for v in _ENVIRONMENT.get(name, ()) if environment.get(v)), None)
        found = value or (environment[variable] if variable else None)
        if not found:
            continue
        settings.setdefault(kind, {})[name.partition("_")[2]] = found
        if value:
            origins[kind] = "the config"
        elif variable in _TURNS_ON:
            origins.setdefault(kind, str(variable))
    return [Wanted(kind, settings[kind], origin) for kind, origin in origins.items()]


def require_packages(wanted: list[Wanted], reporter: Reporter, *, offline: bool) -> list[Wanted]:
    """What of it can be used; say who asked for each. Raises RunFailedError if the config asks for one whose
    package is missing; an environment variable, which may be meant for other programs, only warns."""
    usable = []
    for want in wanted:
        name = _NAMES[want.kind]
        if importlib.util.find_spec(want.kind) is None:
            if want.origin == "the config":
                raise RunFailedError(
                    f"The run is to log to {name}, and the package '{want.kind}' is not installed.",
                    f"Install it where the trainer runs (pip install {want.kind}), "
                    "or remove it from 'logging'.",
                )
            text = f"{want.origin} is set, and the package '{want.kind}' is not there: no logging to {name}."
            reporter.notice(text, level="warning")
        elif offline and want.kind == "mlflow" and want.settings.get("tracking_uri", "").startswith("http"):
            reporter.notice(f"Offline: nothing is sent to {name}.", level="warning")
        else:
            may_leave = want.kind == "wandb" or "space_id" in want.settings
            where = " (offline: on this computer only)" if offline and may_leave else ""
            reporter.notice(f"Logging to {name} too, as {want.origin} says{where}.")
            usable.append(want)
    return usable


def follow(reporter: Reporter, config: RunConfig, run_dir: Path) -> None:
    """Check what was asked for, then pass every number the reporter emits on. Raises RunFailedError."""
    wanted = resolve(config.logging, os.environ)
    for want in require_packages(wanted, reporter, offline=config.offline):
        reporter.follow(Follower(_NAMES[want.kind], partial(_open, want, config, run_dir), reporter))


class Follower:
    """Feeds one sink from a thread of its own, until it fails."""

    def __init__(self, name: str, make: Callable[[], Sink], reporter: Reporter) -> None:
        """`make` is called in the thread: opening may take a while, or fail."""
        self._name = name
        self._make = make
        self._reporter = reporter
        self._queue: queue.Queue[tuple[dict[str, float], int] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Pass an event's numbers on; never waits. When the sink is a thousand behind, they are dropped."""
        values, step = numbers_of(event), getattr(event, "step", None)
        if values and step is not None and self._thread.is_alive():
            with suppress(queue.Full):
                self._queue.put_nowait((values, step))

    def close(self) -> None:
        """Let the sink take what waits and end; a sink that hangs is left behind after a while."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=_CLOSING_SECONDS if self._thread.is_alive() else 0)
        self._thread.join(_CLOSING_SECONDS)

    def _work(self) -> None:
        try:
            sink = self._make()
            try:
                while item := self._queue.get():
                    sink.log(*item)
            finally:
                sink.close()
        except Exception as error:  # whatever it is, it is not the run's business
            text = f"Logging to {self._name} has ended: {type(error).__name__}: {error}"[:300]
            self._reporter.notice(f"{text}. The run goes on; events.jsonl has every number.", level="warning")


def numbers_of(event: Event) -> dict[str, float]:
    """The numbers of an event that belongs to a step, by names like `train/loss`; none for other events."""
    if not hasattr(event, "step") or isinstance(event, CheckpointSaved):
        return {}
    group = "train" if event.type == "metrics" else event.type
    return {
        f"{group}/{name}": float(value)
        for name, value in event.model_dump(exclude={"time", "step", "total_steps"}).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _open(want: Wanted, config: RunConfig, run_dir: Path) -> Sink:
    name = want.settings.get("run_name", run_dir.name)
    about = config.model_dump(mode="json", exclude={"logging"})
    match want.kind:
        case "tensorboard":
            return _TensorBoard(run_dir / Path(want.settings["log_dir"]).expanduser() / name)
        case "trackio":
            return _Trackio(want.settings, name, about, offline=config.offline)
        case "wandb":
            return _Wandb(want.settings, name, about, folder=run_dir, offline=config.offline)
        case _:
            return _Mlflow(want.settings, name, about, folder=run_dir)


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        board: Any = importlib.import_module("torch.utils.tensorboard")
        self._writer: Any = board.SummaryWriter(str(folder))

    def log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Trackio:
    """On this computer, unless a Space is named and the network may be used."""

    def __init__(
        self, settings: Mapping[str, str], name: str, about: dict[str, Any], *, offline: bool
    ) -> None:
        self._trackio: Any = importlib.import_module("trackio")
        space = None if offline else settings.get("space_id")
        self._trackio.init(
            project=settings.get("project", DEFAULT_PROJECT),
            name=name,
            config=about,
            resume="allow",
            embed=False,
            **({"space_id": space, "private": True} if space else {}),
        )

    def log(self, values: dict[str, float], step: int) -> None:
        self._trackio.log(values, step=step)

    def close(self) -> None:
        self._trackio.finish()


class _Wandb:
    def __init__(
        self, settings: Mapping[str, str], name: str, about: dict[str, Any], *, folder: Path, offline: bool
    ) -> None:
        wandb: Any = importlib.import_module("wandb")
        self._run: Any = wandb.init(
            project=settings.get("project"),
            entity=settings.get("entity"),
            name=name,
            config=about,
            dir=str(folder),
            mode="offline" if offline else None,  # None: as WANDB_MODE says
        )

    def log(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()


class _Mlflow:
    """Without a tracking URI everything goes to the run folder's `mlruns`."""

    def __init__(
        self, settings: Mapping[str, str], name: str, about: dict[str, Any], *, folder: Path
    ) -> None:
        # From 3.17 on it refuses folders unless told; without a server its light package knows nothing else.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self._mlflow: Any = importlib.import_module("mlflow")
        mlflow = self._mlflow
        mlflow.set_tracking_uri(settings.get("tracking_uri", (folder / "mlruns").as_uri()))
        mlflow.set_experiment(settings.get("experiment_name", DEFAULT_PROJECT))
        mlflow.start_run(run_name=name)
        mlflow.log_params({key: value for key, value in about.items() if not isinstance(value, dict)})

    def log(self, values: dict[str, float], step: int) -> None:
        self._mlflow.log_metrics(values, step=step)

    def close(self) -> None:
        self._mlflow.end_run()
