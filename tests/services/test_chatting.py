"""Talking to what a run made."""

import pytest

from app.domain.chat import Sampling
from app.domain.errors import EngineError, StudioError
from app.domain.runs import JobPhase, JobState, RunRequest, Target
from tests.services.conftest import NOON, ends
from trainer_image.config import RunConfig
from trainer_image.events import Result


@pytest.fixture
def run(world, session):
    started = world.training.start(
        RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)
    )
    (started.folder / "output").mkdir()
    (started.folder / "output" / "adapter_model.safetensors").write_bytes(b"x")
    result = Result(status="finished", output="output", output_kind="adapter")
    ends(world, started, JobState(JobPhase.EXITED, 0), result)
    return world.monitoring.refresh(started.id)


def ask(world, run, prompt="Hello", voice="tuned"):
    return "".join(world.chats.ask(run.id, prompt, Sampling(), voice))


def test_an_answer_streams_and_is_kept_with_how_it_was_made(world, run):
    pieces = list(world.chats.ask(run.id, "Hello", Sampling(seed=3), "base"))

    assert pieces == ["base: ", "Hello"]
    [turn] = world.chats.turns(run.id)
    assert (turn.prompt, turn.answer, turn.voice, turn.sampling.seed) == ("Hello", "base: Hello", "base", 3)


def test_an_answer_stopped_half_way_keeps_what_was_said(world, run):
    answer = world.chats.ask(run.id, "Hello", Sampling())
    next(answer)
    answer.close()

    assert [turn.answer for turn in world.chats.turns(run.id)] == ["tuned: "]


def test_a_failed_answer_keeps_nothing(world, run):
    world.engine.fail_with = EngineError("The model could not be loaded.", "Try again.")

    with pytest.raises(EngineError):
        ask(world, run)

    assert world.chats.turns(run.id) == []


@pytest.mark.parametrize("says", [(), ("", "\n")])
def test_an_answer_without_a_word_is_said_and_not_kept(world, run, says):
    world.engine.is_silent, world.engine.says = not says, says

    with pytest.raises(EngineError, match="ended its answer at once"):
        ask(world, run)

    assert world.chats.turns(run.id) == []


def test_an_empty_prompt_is_refused(world, run):
    with pytest.raises(StudioError, match="prompt is empty"):
        ask(world, run, prompt="  ")


def test_a_run_whose_result_was_deleted_says_so(world, run):
    (run.output_dir / "adapter_model.safetensors").unlink()

    assert "no longer" in world.chats.blocked(run)
    with pytest.raises(EngineError):
        ask(world, run)


def test_sample_prompts_come_from_the_rows_the_run_saw(world, run, session):
    world.library.delete(session.id)

    assert world.chats.sample_prompts(run.id) == ["Where is Sorrel?"]


def test_a_chat_is_exported_as_text_and_cleared(world, run):
    ask(world, run, "Hello")

    path = world.chats.export(run.id, NOON)
    world.chats.clear(run.id)

    assert "You: Hello\nFine-tuned model: tuned: Hello" in path.read_text()
    assert world.chats.turns(run.id) == []
