"""What a verb says and does, over real services and a launcher a test directs."""

import shutil
from types import SimpleNamespace

import pytest

from app.adapters.sqlite.engine import open_database
from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.verbs import stop_run, train
from app.domain.runs import JobPhase, JobState
from tests.preflight.conftest import preflight_of
from tests.preflight.known import KnownComputer, KnownHub, KnownTrainer
from tests.services.conftest import ends, make_world, started, step, whole_checkpoint, write_events
from trainer_image.config import Lora
from trainer_image.events import CheckpointSaved, Result


@pytest.fixture
def world(tmp_path):
    database = open_database(tmp_path / "tunewright.db")
    world = make_world(tmp_path, database)
    world.library.ensure_sample()
    yield world
    database.dispose()


@pytest.fixture
def services(world):
    preflight = preflight_of(world, KnownTrainer(), KnownComputer(), [], KnownHub())
    return SimpleNamespace(training=world.training, monitoring=world.monitoring, preflight=preflight)


@pytest.fixture
def setup(tmp_path, world):
    name = world.library.sessions()[0].name
    file = tmp_path / "setup.toml"
    file.write_text(f'session = "{name}"\n[config]\nbase_model = "owner/model"\nseed = 7\n')
    return file


def test_a_preset_goes_over_the_setups_own_values(services, setup):
    args = make_parser().parse_args(["train", "--config", str(setup), "--preset", "QLoRA template"])

    train(services, args, Output(as_json=False))

    [run] = services.monitoring.runs()
    assert (run.config.learning_rate, run.config.num_epochs, run.config.seed) == (2e-4, 3, 7)
    assert isinstance(run.config.method, Lora)
    assert (run.config.method.lora_r, run.config.method.load_in_4bit) == (64, True)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_resume_is_offered_only_while_the_checkpoint_is_on_disk(world, services, setup, capsys, is_gone):
    train(services, make_parser().parse_args(["train", "--config", str(setup)]), Output(as_json=False))
    [run] = services.monitoring.runs()
    whole_checkpoint(run, 8, 2)
    write_events(run, started(), step(2), CheckpointSaved(step=2, path="checkpoints/samples_8"))
    ends(world, run, JobState(JobPhase.EXITED, 3), Result(status="stopped", step=2))
    world.monitoring.refresh(run.id)
    if is_gone:
        shutil.rmtree(run.folder / "checkpoints")

    stop_run(services, make_parser().parse_args(["runs", "stop", str(run.id)]), Output(as_json=False))

    assert ("runs resume" in capsys.readouterr().out) != is_gone
