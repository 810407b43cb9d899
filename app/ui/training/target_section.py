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
from app.ui.texts import text, text_in
from app.ui.texts.words import all_of
from app.ui.theme import CODE_FONT
from app.ui.training.docker_care import DockerCare, ImageGoingOn
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice, Grid, Help, TextInput, Toggle
from app.ui.training.job_fields import JobFields
from app.ui.training.mounting import keyed
from app.ui.training.pod_fields import PodFields
from trainer_image.config import RunConfig


def TargetSection(draft: TrainingDraft, care: DockerCareService, renting: RentingService) -> ft.Control:
    """The choice of the target, and the settings of Docker or Runpod while it is that."""

    def choose(value: str) -> None:
        draft.choose_target(Target(value))

    elsewhere = [target for target in Target if target.needs_network and draft.offline_reason]
    body = [
        Choice(
            "target",
            text("training.target.field"),
            draft.target,
            [(target.value, target.label) for target in Target],
            choose,
            help_text=text_in("training.target.about", draft.target),
            disabled=elsewhere,
        )
    ]
    if elsewhere:
        names = all_of(target.label for target in elsewhere)
        body.append(
            Reason(
                text("training.target.not_offline", reason=draft.offline_reason, targets=names),
                identifier="target-offline",
            )
        )
    if draft.target is Target.DOCKER:
        body.extend(_docker_fields(draft))
        body.append(keyed(DockerCare, "docker-care", care, draft.image, draft.offline_reason))
    else:
        body.append(keyed(ImageGoingOn, "image-going-on", care))
    if draft.target is Target.RUNPOD:
        body.extend(PodFields(draft, renting))
    if draft.target is Target.HF_JOBS:
        body.extend(JobFields(draft))
    return Section(text("training.target.title"), body)


def _docker_fields(draft: TrainingDraft) -> list[ft.Control]:
    def edit_image(typed: str) -> None:
        draft.image = typed

    def edit_data_dir(typed: str) -> None:
        draft.data_dir = typed

    def edit_name(typed: str) -> None:
        draft.container_name = typed

    def toggle_gpu(value: bool) -> None:
        draft.use_gpu = value

    def toggle_token(value: bool) -> None:
        draft.pass_hf_token = value

    return [
        TextInput(
            text("training.target.image"),
            draft.image,
            edit_image,
            help_text=text("training.target.image_help"),
        ),
        TextInput(
            text("training.target.data_folder"),
            draft.data_dir,
            edit_data_dir,
            help_text=text("training.target.data_folder_help"),
        ),
        TextInput(
            text("training.target.container_name"),
            draft.container_name,
            edit_name,
            help_text=text("training.target.container_name_help"),
        ),
        Grid(
            [
                Toggle(
                    text("training.target.use_gpu"),
                    draft.use_gpu,
                    toggle_gpu,
                    help_text=text("training.target.use_gpu_help"),
                ),
                Toggle(
                    text("training.target.pass_token"),
                    draft.pass_hf_token,
                    toggle_token,
                    help_text=text("training.target.pass_token_help"),
                ),
            ]
        ),
    ]


def OutputSection(training: TrainingService, draft: TrainingDraft) -> ft.Control:
    """The name of the run, and the real folder that follows from it."""

    def edit(typed: str) -> None:
        draft.output_name = typed

    if draft.target.is_by_script:
        said = text("training.output.of_script")
        name = TextInput(text("training.output.name"), draft.output_name, edit, help_text=said)
        return Section(text("training.output.title"), [name])
    folder = training.output_folder(_request(draft))
    lines: list[ft.Control] = [
        TextInput(
            text("training.output.name"),
            draft.output_name,
            edit,
            help_text=text("training.output.name_help"),
        ),
        Identified(
            "output-folder",
            Selectable(
                ft.Text(
                    text("training.output.folder", folder=folder),
                    font_family=CODE_FONT,
                    theme_style=ft.TextThemeStyle.BODY_SMALL,
                )
            ),
        ),
    ]
    lines.append(keyed(OpenFolderButton, "open-output", training.show_folder, folder))
    if draft.target is Target.DOCKER:
        lines.append(Help(text("training.output.in_container", folder=folder.name)))
    return Section(text("training.output.title"), lines)


def _request(draft: TrainingDraft) -> RunRequest:
    """As much of a request as decides about the folder; the rest of the form may be incomplete."""
    return RunRequest(
        RunConfig(base_model="any"),
        draft.target,
        output_name=draft.output_name.strip(),
        docker=draft.docker_options(),
    )
