"""Measuring in a process of its own: followed, cancelled, failed; whatever happens, none is left."""

import sys
from pathlib import Path

import psutil
import pytest

from app.adapters.probe_process import ProbeProcess
from app.domain.errors import StudioError
from app.domain.probes import ProbeCancelledError, outcome_of
from trainer_image.config import RunConfig

HEAD = """
import json, os, sys, time
words = sys.argv
folder = words[words.index("--run-dir") + 1]
assert "--probe" in words and "--attended" in words
def emit(**event):
    with open(os.path.join(folder, "events.jsonl"), "a") as file:
        file.write(json.dumps(event) + "\\n")
"""
MEASURES = """
emit(type="phase", name="load_model")
emit(type="memory", low=2, expected=3, high=4)
emit(type="probed", steps=3, total_steps=9, seconds_per_step=0.5, peak=5)
"""
HANGS = 'emit(type="phase", name="load_model")\ntime.sleep(60)\n'
PROBLEM = 'emit(type="problem", message="There is not enough memory.", hint="Lower it.")\nsys.exit(1)\n'
DIES = 'print("some library: a last word")\nsys.exit(7)\n'


@pytest.fixture
def measure(tmp_path):
    def measure(body: str, tell=lambda _: None):
        (tmp_path / "trainer").mkdir()
        (tmp_path / "trainer" / "train.py").write_text(HEAD + body)
        (tmp_path / "run").mkdir()
        prober = ProbeProcess(
            tmp_path / "trainer", sys.executable, rows_cache=tmp_path, memory_history=tmp_path / "memory",
            secrets=lambda: None,
        )  # fmt: skip
        return prober.probe(RunConfig(base_model="any"), tmp_path / "run", tell)

    return measure


def is_left(folder: Path) -> bool:
    return any(
        str(folder) in word for p in psutil.process_iter(["cmdline"]) for word in p.info["cmdline"] or ()
    )


def test_what_it_measured_is_read_and_what_it_is_at_is_told(measure, tmp_path):
    found = outcome_of(measure(MEASURES))

    assert found
    assert (found.peak, found.estimated, found.seconds) == (5, (2, 3, 4), 4.5)
    assert (tmp_path / "run" / "config.json").exists()


def test_a_cancel_ends_the_process(measure, tmp_path):
    told: list[str] = []

    def tell(news: str) -> None:
        told.append(news)
        if news == "Loading the model":
            raise ProbeCancelledError

    with pytest.raises(ProbeCancelledError):
        measure(HANGS, tell)

    assert told[0] == "Starting the trainer" or told == ["Loading the model"]
    assert not is_left(tmp_path / "run")


@pytest.mark.parametrize(
    ("body", "said"), [(PROBLEM, "There is not enough memory."), (DIES, "some library: a last word")]
)
def test_a_failure_is_the_trainers_sentence_or_its_last_word(measure, body, said):
    with pytest.raises(StudioError, match=said):
        measure(body)
