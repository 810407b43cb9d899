"""Where the run executes, what that place needs, and where the result goes."""

import flet as ft

from app.domain.runs import RunRequest, Target
from app.services.docker_care import DockerCareService
from app.services.renting.planning import RentingService
from app.services.training import TrainingService
from app.ui.kit.identified import Identified
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.offline import Reason
from app.ui.theme import CODE_FONT
from app.ui.training.docker_care import DockerCare
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, TextInput, Toggle
from app.ui.training.job_fields import JobFields
from app.ui.training.mounting import keyed
from app.ui.training.pod_fields import PodFields
from trainer_image.config import RunConfig

_TARGET_HELP = {
    Target.LOCAL: "A separate process here. It goes on when the app is closed.",
    Target.DOCKER: "A container on this computer's Docker engine. It goes on when the app is closed.",
    Target.RUNPOD: "A rented GPU. It goes on when this computer is off, until its deadline or its budget.",
    Target.HF_JOBS: "A machine of the Hub. The app writes a script and the commands; you start it yourself.",
}


def TargetSection(draft: TrainingDraft, care: DockerCareService, renting: RentingService) -> ft.Control:
    """The choice of the target, and the settings of Docker or Runpod while it is that."""

    def choose(value: str) -> None:
        draft.choose_target(Target(value))

    elsewhere = [target for target in Target if target.needs_network and draft.offline_reason]
    body = [
        Choice(
            "target",
            "Training target",
            draft.target,
            [(target.value, target.label) for target in Target],
            choose,
            help_text=_TARGET_HELP[draft.target],
            disabled=elsewhere,
        )
    ]
    if elsewhere:
        names = " and ".join(target.label for target in elsewhere)
        body.append(Reason(f"{draft.offline_reason} {names} cannot be chosen.", identifier="target-offline"))
    if draft.target is Target.DOCKER:
        body.extend(_docker_fields(draft))
        body.append(keyed(DockerCare, "docker-care", care, draft.image, draft.offline_reason))
    if draft.target is Target.RUNPOD:
        body.extend(PodFields(draft, renting))
    if draft.target is Target.HF_JOBS:
        body.extend(JobFields(draft))
    return Section("Target", body)


def _docker_fields(draft: TrainingDraft) -> list[ft.Control]:
    def edit_image(text: str) -> None:
        draft.image = text

    def edit_data_dir(text: str) -> None:
        draft.data_dir = text

    def edit_name(text: str) -> None:
        draft.container_name = text

    def toggle_gpu(value: bool) -> None:
        draft.use_gpu = value

    def toggle_token(value: bool) -> None:
        draft.pass_hf_token = value

    return [
        TextInput("Docker image", draft.image, edit_image, help_text="The trainer image to run."),
        TextInput(
            "Host data folder (optional)",
            draft.data_dir,
            edit_data_dir,
            help_text="Mounted as /data in the container. Empty: the app's own data folder.",
        ),
        TextInput(
            "Container name (optional)",
            draft.container_name,
            edit_name,
            help_text="Empty: made from the run's id.",
        ),
        Grid(
            [
                Toggle(
                    "Use GPU",
                    draft.use_gpu,
                    toggle_gpu,
                    help_text="NVIDIA GPUs, where there are any; one, for most runs.",
                ),
                Toggle(
                    "Pass HF token",
                    draft.pass_hf_token,
                    toggle_token,
                    help_text="For private or gated models; by environment only.",
                ),
            ]
        ),
    ]


def OutputSection(training: TrainingService, draft: TrainingDraft) -> ft.Control:
    """The name of the run, and the real folder that follows from it."""

    def edit(text: str) -> None:
        draft.output_name = text

    if draft.target.is_by_script:
        said = "The script is named after it; the result is pushed to the repository above."
        name = TextInput("Output name (optional)", draft.output_name, edit, help_text=said)
        return Section("Output", [name])
    folder = training.output_folder(_request(draft))
    lines: list[ft.Control] = [
        TextInput(
            "Output name (optional)",
            draft.output_name,
            edit,
            help_text="Empty: made from the data and the method.",
        ),
        Identified(
            "output-folder",
            Selectable(
                ft.Text(f"Folder: {folder}", font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
            ),
        ),
    ]
    lines.append(keyed(OpenFolderButton, "open-output", training.show_folder, folder))
    if draft.target is Target.DOCKER:
        lines.append(Help(f"Inside the container: /data/outputs/{folder.name}"))
    return Section("Output", lines)


def _request(draft: TrainingDraft) -> RunRequest:
    """As much of a request as decides about the folder; the rest of the form may be incomplete."""
    return RunRequest(
        RunConfig(base_model="any"),
        draft.target,
        output_name=draft.output_name.strip(),
        docker=draft.docker_options(),
    )
