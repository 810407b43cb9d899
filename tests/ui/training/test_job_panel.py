"""A run as a Hugging Face Job: its cost, its script, and how to run it, in place of Start."""

from pathlib import Path

import flet as ft
import pytest

from app.domain.errors import StudioError
from app.domain.previews import PreviewError
from app.domain.runs import Target


@pytest.fixture
def jobs(studio):
    """A beginner who wants a model of the Hub trained there."""
    studio.draft.skill = "beginner"
    studio.draft.is_model_typed, studio.draft.typed_model = True, "owner/model"
    studio.draft.choose_target(Target.HF_JOBS)
    studio.draft.session = str(studio.services.library.sessions()[0].id)
    return studio


def said(screen, identifier):
    found = screen.identified(identifier)
    return found[0] if found else ""


async def test_a_job_has_its_cost_and_a_script_in_place_of_start(jobs):
    async with jobs.opened() as screen:
        await screen.wait_for(lambda: "name a repository" in said(screen, "start-reason"))
        assert not [b for b in screen.controls(ft.FilledButton) if b.content == "Start training"]
        assert screen.button("Write the script").disabled

        await screen.type("Push the result to", "me/ferries")
        await screen.wait_for(lambda: not screen.button("Write the script").disabled)

        assert said(screen, "job-cost").startswith("About $")
        assert "at most" in said(screen, "job-cost")


async def test_writing_it_shows_the_commands_in_order(jobs):
    async with jobs.opened() as screen:
        await screen.type("Push the result to", "me/ferries")
        await screen.type("Longest time", "90m")
        screen.client.answers["save_file"] = lambda args: f"/somewhere/{args['file_name']}"
        await screen.wait_for(lambda: not screen.button("Write the script").disabled)

        await screen.click("Write the script")

        await screen.wait_for_text("hf jobs uv run --flavor a10g-large --timeout 90m --secrets HF_TOKEN")
        await screen.wait_for_text("hf jobs cancel JOB_ID")
        [sent] = [args for name, args in screen.client.calls if name == "save_file"]
        assert b"TRAINER" in sent["src_bytes"]
        assert jobs.runs() == []


async def test_nonsense_in_its_fields_is_said_and_nothing_is_written(jobs):
    async with jobs.opened() as screen:
        await screen.type("Push the result to", "me/ferries")
        await screen.type("Longest time", "forever")
        await screen.wait_for(lambda: "Type the longest time" in said(screen, "start-reason"))

        await screen.type("Longest time", "6h")
        await screen.type("Dollars an hour (optional)", "cheap")

        await screen.wait_for(lambda: "Type dollars" in said(screen, "start-reason"))
        assert screen.button("Write the script").disabled


async def test_a_model_that_learns_no_answers_is_refused_before_a_script_is_there(jobs):
    jobs.trainer.fail_with = PreviewError("bert (BertForMaskedLM) is an encoder.", "Choose another.")
    jobs.trainer.fail_with.is_refusal = True
    async with jobs.opened() as screen:
        await screen.type("Push the result to", "me/ferries")
        await screen.wait_for(lambda: not screen.button("Write the script").disabled)

        await screen.click("Write the script")

        await screen.wait_for_text("is an encoder")
        await screen.wait_for(lambda: not screen.button("Write the script").disabled)
        assert not [name for name, _ in screen.client.calls if name == "save_file"]


def test_no_run_is_ever_started_as_a_job(jobs):
    jobs.draft.push_repo = "me/ferries"
    request = jobs.services.training.request_of(jobs.draft.to_setup(), Path.home())

    with pytest.raises(StudioError, match="starts no Hugging Face Job"):
        jobs.services.training.start(request)
    assert jobs.runs() == []
