"""Whatever is typed into a field: the form stays drawn, and why nothing can start with it is said."""

from pathlib import Path

import flet as ft
import pytest

from app.domain.runs import DockerOptions, RunRequest, Target
from app.ui.training.draft import TrainingDraft
from tests.ui.training.conftest import choose_session
from trainer_image.config import RunConfig

NONSENSE = {
    "more digits than a number has": "1" + "0" * 400,
    "no text": "\x00",
}


@pytest.mark.parametrize("typed", NONSENSE.values(), ids=NONSENSE)
async def test_it_may_be_typed_into_every_field_and_the_reason_not_to_start_is_said(studio, typed):
    studio.draft.target = Target.DOCKER
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        for label in {field.label for field in screen.controls(ft.TextField)} - {"Search settings"}:
            for field in [f for f in screen.controls(ft.TextField) if f.label == label]:
                await screen.set_value(field, typed)

        await screen.wait_for(lambda: screen.identified("start-reason"))

        assert screen.button("Start training").disabled


@pytest.mark.parametrize("typed", ["\x00", "x" * 300, "🦆" * 80], ids=["no text", "long", "pictures"])
def test_a_base_model_no_disk_can_hold_is_refused_before_anybody_looks_for_it(studio, typed):
    request = RunRequest(
        RunConfig(base_model=typed), Target.LOCAL, session_id=studio.services.library.sessions()[0].id
    )

    assert "no model and no folder can be called" in studio.services.training.missing(request)
    studio.services.preflight.check(request)  # and whoever looks all the same does not fail


def test_a_data_folder_counts_from_nowhere_but_the_root(studio):
    draft = TrainingDraft(session="any", target=Target.DOCKER, data_dir="data/runs")

    assert draft.missing() == (
        "Type the whole path of the host data folder, like /data/tunewright, or leave it empty"
    )
    draft.data_dir = "~/runs"
    assert draft.missing() == ""


@pytest.mark.parametrize(
    ("docker", "said"),
    [
        (DockerOptions(container_name="my box"), "Choose a container name of letters"),
        (DockerOptions(container_name="-x"), "Choose a container name of letters"),
        (DockerOptions(data_dir=Path("/data/\x00")), "Choose another host data folder"),
    ],
)
def test_what_docker_could_never_take_is_said_before_it_is_asked(studio, docker, said):
    request = RunRequest(
        RunConfig(base_model="owner/model"),
        Target.DOCKER,
        session_id=studio.services.library.sessions()[0].id,
        docker=docker,
    )

    assert studio.services.training.missing(request).startswith(said)
