"""A tiny random model, an adapter on it, and an engine in whose process the libraries never stop printing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import Sampling
from app.domain.runs import DockerOptions, Run, RunId, RunStatus, Target
from app.domain.talkers import LoadableModel
from app.services.talkers import model_of
from tests.worker.tiny import make_adapter, make_base
from trainer_image.config import Lora, RunConfig, Sft

NOISE = """
import os, threading, time

def print_for_ever():
    while os.fstat(1).st_ino != os.fstat(2).st_ino:  # the process has not yet put its pipes away
        time.sleep(0.001)
    while True:
        print("a library prints", flush=True)
        os.write(1, b"a library writes without a line end")
        time.sleep(0.002)

if os.environ.get("TUNEWRIGHT_TEST_NOISE"):
    threading.Thread(target=print_for_ever, daemon=True).start()
"""


@dataclass(frozen=True)
class TinyRuns:
    base: Path
    adapter: Run
    weights: Run


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory: pytest.TempPathFactory) -> TinyRuns:
    root = tmp_path_factory.mktemp("models")
    make_base(root / "base", seed=1)
    make_adapter(root / "base", root / "adapter-run" / "output", seed=2)
    make_base(root / "weights-run" / "output", seed=3)
    run = Run(
        id=RunId("a1"),
        name="tiny",
        target=Target.LOCAL,
        config=RunConfig(base_model=str(root / "base"), method=Lora(), offline=True),
        docker=DockerOptions(),
        folder=root / "adapter-run",
        data_label="none",
        session_id=None,
        status=RunStatus.FINISHED,
        created_at=datetime.now(UTC),
        output="output",
        output_kind="adapter",
    )
    whole = replace(
        run,
        id=RunId("w1"),
        folder=root / "weights-run",
        output_kind="weights",
        config=run.config.model_copy(update={"method": Sft()}),
    )
    return TinyRuns(root / "base", run, whole)


@pytest.fixture(scope="session")
def log_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, log_dir: Path) -> Iterator[WorkerEngine]:
    """One engine for all tests (its process takes seconds to start), whose process prints all the time."""
    noise = tmp_path_factory.mktemp("noise")
    (noise / "sitecustomize.py").write_text(NOISE)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(noise))
        environment.setenv("TUNEWRIGHT_TEST_NOISE", "1")
        environment.setenv("OMP_NUM_THREADS", "1")
        environment.setenv("OMP_DISPLAY_ENV", "VERBOSE")
        engine = WorkerEngine(log_dir=log_dir)
        yield engine
        engine.unload()


def question(run: Run, prompt: str, voice: str = "tuned") -> tuple[LoadableModel, list[dict[str, str]]]:
    """What an engine is given for it."""
    return model_of(run, voice), [{"role": "user", "content": prompt}]


@pytest.fixture
def ask(engine: WorkerEngine) -> Callable[..., str]:
    def answer(
        run: Run, prompt: str = "Where does the ferry go?", *, voice: str = "tuned", **how: object
    ) -> str:
        sampling = Sampling(**{"temperature": 0.0, "max_new_tokens": 24, "repetition_penalty": 1.0} | how)
        return "".join(engine.generate(*question(run, prompt, voice), sampling))

    return answer
