"""Two models side by side in the window."""

import json
import threading

import flet as ft
import pytest

from app.domain.chat import Sampling
from app.domain.talkers import ModelRef
from app.services.comparing import ComparingService
from tests.ui.training.conftest import choose_segment


def said(screen, pair: int, side: int) -> str:
    return " ".join(screen.identified(f"answer-{pair}-{side}"))


async def test_base_and_tuned_answer_in_turns_with_one_seed_and_differences_are_marked(parlour, tmp_path):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "When does it leave?\nAnd back?")
        await screen.click("Compare now")
        for answer in ("It leaves at nine.", "It leaves at six.", "Yes.", "Yes."):
            parlour.engine.say(answer)
            parlour.engine.finish()

        await screen.wait_for_text("4 of 4 answers")
        assert [voice for _, voice, _ in parlour.engine.asked] == ["base", "tuned", "base", "tuned"]
        assert len({sampling.seed for _, _, sampling in parlour.engine.asked}) == 1
        assert "75% of the words are the same." in screen.identified("pair-1")
        assert "The answers are the same." in screen.identified("pair-2")
        marked = [s.text for t in screen.controls(ft.Text) for s in t.spans or [] if s.style is not None]
        assert marked == [" nine.", " six."]

        await screen.click("JSON lines")
        await screen.wait_for_text("Exported to")
        [file] = (tmp_path / "exports").glob("compared-*.jsonl")
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(row["first"], row["second"]) for row in rows][1] == ("Yes.", "Yes.")


async def test_stop_in_the_first_moment_of_a_comparison_holds(parlour, monkeypatch):
    parlour.run("ferry")
    may_begin, run = threading.Event(), ComparingService.run

    def held(*args):
        assert may_begin.wait(20)
        yield from run(*args)

    monkeypatch.setattr(ComparingService, "run", held)
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "When does it leave?")
        await screen.click("Compare now")
        await screen.wait_for(lambda: parlour.draft.compare.is_busy)
        await screen.click("Stop comparing")
        await screen.wait_for(lambda: parlour.engine.stops)

        may_begin.set()

        await screen.wait_for(lambda: not parlour.draft.compare.is_busy)
        assert parlour.engine.asked == []


async def test_an_answer_without_a_word_is_said_beside_the_other(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "When does it leave?")
        await screen.click("Compare now")
        parlour.engine.finish()
        parlour.engine.say("At six.")
        parlour.engine.finish()

        await screen.wait_for_text("2 of 2 answers")
        assert "The model ended its answer at once." in said(screen, 1, 1)
        assert "The model ended" not in said(screen, 1, 2)


def run_with_a_row(parlour) -> None:
    run = parlour.run("ferry")
    row = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Nine."}]}
    (run.folder / "data").mkdir(exist_ok=True)
    (run.folder / "data" / "train.jsonl").write_text(json.dumps(row) + "\n")


async def prove(screen, parlour) -> None:
    """Wrong before, right now; and twenty general prompts that are answered as before."""
    await choose_segment(screen, "inference-view", "compare")
    await screen.click("Prove what was learnt")
    for answer in ("Six.", "Nine.", *["The same."] * 40):
        parlour.engine.say(answer)
        parlour.engine.finish()


async def test_what_a_run_has_learnt_is_proved_and_the_report_is_written_at_the_end(parlour, tmp_path):
    run_with_a_row(parlour)
    async with parlour.opened() as screen:
        await prove(screen, parlour)

        await screen.wait_for_text("Report: ")
        said = " ".join(screen.identified("proof"))
        assert "Exact answers: 0 → 1 of 1." in said
        assert "0 of 20 are answered otherwise" in said
    [page] = (tmp_path / "exports").glob("compared-*.html")
    assert "What was learnt" in page.read_text()


@pytest.mark.parametrize("fails", [False, True])
async def test_a_report_that_is_written_while_another_comparison_begins_is_not_told_as_that_of_the_other(
    parlour, monkeypatch, fails
):
    run_with_a_row(parlour)
    export = ComparingService.export
    is_writing, may_write, is_written = threading.Event(), threading.Event(), threading.Event()

    def held(*args):
        is_writing.set()
        assert may_write.wait(20)
        try:
            if fails:
                raise OSError("the disk is full")
            return export(*args)
        finally:
            is_written.set()

    monkeypatch.setattr(ComparingService, "export", held)
    compare = parlour.draft.compare
    async with parlour.opened() as screen:
        await prove(screen, parlour)
        await screen.wait_for(is_writing.is_set)
        await screen.type("Prompts, one a line", "When does it leave?")
        await screen.click("Compare now")
        await screen.wait_for(lambda: compare.is_busy and compare.plan.proof is None)

        may_write.set()
        await screen.wait_for(is_written.is_set)
        await screen.settle()
        for _ in range(2):
            parlour.engine.say("At six.")
            parlour.engine.finish()
        await screen.wait_for(lambda: not compare.is_busy)

        assert compare.report == ""
        assert compare.problem is None


async def test_stop_ends_the_whole_batch_and_keeps_what_is_whole(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "One\nTwo\nThree")
        await screen.click("Compare now")
        parlour.engine.say("First.")
        parlour.engine.finish()
        await screen.wait_for(lambda: parlour.draft.compare.plan and parlour.draft.compare.plan.answers)
        await screen.wait_for(lambda: len(parlour.engine.asked) == 2)

        await screen.click("Stop comparing")

        await screen.wait_for_text("1 of 6 answers")
        await screen.wait_for(lambda: "; stopped" in screen.text())
        assert len(parlour.engine.asked) == 2


async def test_a_checkpoint_is_compared_to_the_result_on_prompts_of_a_session(parlour):
    run = parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await choose_segment(screen, "against", "other")
        await screen.choose("Other model", str(ModelRef("checkpoint", f"{run.id}/samples_4")))
        await screen.click("Take all of these")
        await screen.click("Compare now")
        for _ in range(2):
            parlour.engine.say("North.")
            parlour.engine.finish()

        await screen.wait_for_text("2 of 2 answers")
        assert said(screen, 1, 1).startswith("ferry · samples_4")
        assert [prompt for prompt, _, _ in parlour.engine.asked] == ["Where is Sorrel?"] * 2


async def test_what_is_missing_is_said_beside_the_button(parlour):
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.wait_for_text("Type prompts, or take some of a session.")
        await screen.type("Prompts, one a line", "Hello")

        await screen.wait_for_text("A whole model has no base here.")
        assert screen.button("Compare now").disabled


async def test_the_local_api_is_switched_on_shows_its_token_and_goes_off(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "api")
        assert parlour.services.serving.served is None
        await screen.click("Start the API")
        await screen.wait_for_text("On: ferry answers.")
        served = parlour.services.serving.served
        assert served is not None
        assert screen.identified("api-token") == [served.token]
        assert screen.identified("api-address") == [served.address]

        await screen.click("Stop the API")

        await screen.wait_for(lambda: parlour.services.serving.served is None)
        assert not screen.identified("api-token")


async def test_a_wrong_port_is_a_sentence(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "api")
        await screen.type("Port (optional)", "99999")
        await screen.click("Start the API")

        await screen.wait_for_text("A port is a")


def test_the_presets_are_those_of_quick_inference(parlour):
    assert parlour.draft.settings.sampling == Sampling()
