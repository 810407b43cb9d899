"""Processes that share a home, of which one holds a model and another needs its room."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import build_services
from app.domain.chat import Sampling
from app.domain.talkers import ModelRef
from app.paths import Paths
from app.services.everything import Services
from tests.worker.conftest import TinyRuns

pytestmark = pytest.mark.training

ENDLESS = Sampling(temperature=0.0, max_new_tokens=6000, repetition_penalty=1.0, guard_repetition=False)
ANOTHER = "from app.bootstrap import build_services; from app.paths import Paths; "
A_RUN_BEGINS = "build_services(Paths.from_environment()).training._launching._make_room()"


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Services]:
    paths = Paths(tmp_path)
    paths.make()
    services = build_services(paths)
    yield services
    services.talking.unload()


def test_a_run_of_another_process_has_the_window_let_go_of_its_model(
    window: Services, tiny_runs: TinyRuns, tmp_path: Path
) -> None:
    model = ModelRef("folder", str(tiny_runs.base))
    chat = window.conversations.begin(model, ENDLESS)
    answer = window.conversations.ask(chat.id, "Where does the ferry go?", ENDLESS)
    began = next(answer)
    (tmp_path / "in-memory" / "1234567890").write_text("of an app that crashed")

    subprocess.run(
        [sys.executable, "-c", ANOTHER + A_RUN_BEGINS],
        env={**os.environ, "TUNEWRIGHT_HOME": str(tmp_path)},
        check=True,
    )

    status = window.talking.status()
    assert (status.state, status.loaded) == ("idle", None)
    assert "A run or an export needed the memory" in status.message
    assert not list((tmp_path / "in-memory").iterdir())
    said = began + "".join(answer)  # it ends there, and what came is kept
    assert window.conversations.messages(chat.id)[-1].content == said
