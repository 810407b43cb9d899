"""Docker for humans, under the Docker fields: the image and how to get it, the GPU, what is left over."""

from collections.abc import Callable, Sequence
from typing import cast

import flet as ft

from app.domain.docker_care import CareProgress, ImageFacts, Leftover
from app.domain.errors import StudioError
from app.services.docker_care import DockerCareService, GpuVerdict, can_be_pulled, described
from app.services.image_work import ImageWorkState
from app.ui.actions import Problem, inside_the_app, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.foldable import Foldable
from app.ui.kit.identified import Identified
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.selectable import Selectable
from app.ui.kit.status_pill import StatusPill
from app.ui.offline import Reason
from app.ui.texts import counted, text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.abilities import Abilities
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer
from trainer_image.look_protocol import Ability

_TYPING_SECONDS = 0.5
_PROGRESS_SECONDS = 0.5
_LOOK_SECONDS = 5.0
_LEFTOVER_SECONDS = 30.0
_MOST_LINES = 500
_FEW_LINES = 8
"""So many are shown as they are, more in a box that scrolls."""
_OUTPUT_HEIGHT = 240

Round = tuple[str, int, int, bool]
"""The name that is asked about, how often the person asked, and which work was or is going on."""
Found = tuple[Round, ImageFacts | None]


@ft.component
def DockerCare(care: DockerCareService, image: str, offline_reason: str = "") -> ft.Control:
    """Looks at the image whenever its name changes, when work on one has ended, and now and then: Docker is
    started and images are built in terminals, too."""
    found, set_found = ft.use_state(cast(Found | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    left, set_left = ft.use_state(cast(Sequence[Leftover], ()))
    turn, set_turn = ft.use_state(0)
    work, set_work = ft.use_state(care.work.state)
    name = image.strip()
    asked: Round = (name, turn, work.number, work.is_busy)

    def heard(answer: Found) -> None:
        set_problem(None)
        set_found(answer)

    def look_again() -> None:
        set_problem(None)
        set_turn(turn + 1)

    def look() -> Found:
        return asked, care.image(name) if name else None

    use_answer(
        look,
        heard,
        on=asked,
        delay_seconds=_TYPING_SECONDS,
        every_seconds=_LOOK_SECONDS,
        on_problem=set_problem,
    )
    use_answer(
        lambda: care.work.state,
        set_work,
        on=work.is_busy,
        every_seconds=_PROGRESS_SECONDS if work.is_busy else _LOOK_SECONDS,
    )
    is_known = found is not None and found[0] == asked and problem is None
    facts = found[1] if found and is_known else None
    use_answer(care.leftovers, set_left, on=(turn, is_known), every_seconds=_LEFTOVER_SECONDS)
    return ft.Column(
        [
            Identified(
                "docker-image", _image(name, facts, problem, look_again, is_known=is_known), live=True
            ),
            GetImage(
                care,
                name,
                work,
                set_work,
                is_here=facts is not None,
                is_offered=is_known,
                offline_reason=offline_reason,
            ),
            GpuTest(care, name, is_offered=facts is not None),
            keyed(ImageAbilities, f"abilities-{facts.created}", care, name) if facts else ft.Container(),
            Leftovers(care, left, set_left),
        ],
        spacing=GAP,
        tight=True,
    )


def _image(
    name: str,
    facts: ImageFacts | None,
    problem: Problem | None,
    look_again: Callable[[], None],
    *,
    is_known: bool,
) -> ft.Control:
    if problem is not None:
        return ErrorBanner(problem, retry=(text("training.docker.look_again"), look_again))
    if not name:
        return Help(text("training.docker.type_name"))
    if not is_known:
        return Help(text("training.docker.looking", name=name))
    if facts is not None:
        pill, said = StatusPill(text("training.docker.here"), "good"), f"{name}: {described(facts)}"
        return Wrap([pill, _small(said)])
    again = ft.TextButton(text("training.docker.look_again"), icon=ft.Icons.REFRESH, on_click=look_again)
    pill = StatusPill(text("training.docker.missing"), "warning")
    return Wrap([pill, _small(text("training.docker.not_here", name=name)), again])


def _small(said: str) -> ft.Control:
    return Selectable(ft.Text(said, theme_style=ft.TextThemeStyle.BODY_SMALL))


@ft.component
def GetImage(
    care: DockerCareService,
    name: str,
    work: ImageWorkState,
    on_changed: Callable[[ImageWorkState], None],
    *,
    is_here: bool,
    is_offered: bool,
    offline_reason: str = "",
) -> ft.Control:
    """Build or pull, with what is going on, of whichever image, and a way to stop it."""

    def then(act: Callable[[], None]) -> Callable[[], None]:
        def clicked() -> None:
            act()
            on_changed(care.work.state)

        return clicked

    lines: list[ft.Control] = []
    if work.failed is not None:
        lines.append(ErrorBanner(_problem(work.failed), on_dismiss=then(care.work.forget)))
        lines.append(keyed(Output, f"output-{work.number}", work.output) if work.output else ft.Container())
    if work.is_busy:
        lines += _going_on(work, then(care.work.cancel))
    elif is_offered and name:
        build = then(lambda: care.work.begin(care.build, name))
        pull = then(lambda: care.work.begin(care.pull, name)) if can_be_pulled(name) else None
        lines.append(_buttons(build, pull, is_here=is_here, is_off=bool(offline_reason)))
        lines.append(
            Reason(
                offline_reason and text("training.docker.no_image", reason=offline_reason),
                identifier="image-offline",
            )
        )
    return ft.Column(lines, spacing=GAP, tight=True)


def _problem(failed: Exception) -> Problem:
    """Of a bug, which was logged where it happened."""
    return Problem(failed.message, failed.hint) if isinstance(failed, StudioError) else inside_the_app()


def _going_on(work: ImageWorkState, cancel: Callable[[], None]) -> list[ft.Control]:
    if work.is_cancelling:
        return [ProgressLine(text("training.docker.cancelling"), None, identifier="docker-progress")]
    shown = work.progress or CareProgress(text("training.docker.starting"))
    said = text("training.docker.getting", name=work.image, doing=_said(shown))
    button = ft.OutlinedButton(text("training.docker.cancel"), icon=ft.Icons.CLOSE, on_click=cancel)
    return [ProgressLine(said, shown.share, identifier="docker-progress"), ft.Row([button])]


@ft.component
def ImageGoingOn(care: DockerCareService) -> ft.Control:
    """How far an image is that is built or pulled, and Cancel: where Docker's own fields are not shown."""
    work, set_work = ft.use_state(care.work.state)
    use_answer(
        lambda: care.work.state,
        set_work,
        on=work.is_busy,
        every_seconds=_PROGRESS_SECONDS if work.is_busy else _LOOK_SECONDS,
    )

    def cancel() -> None:
        care.work.cancel()
        set_work(care.work.state)

    if not work.is_busy:
        return ft.Container(visible=False)
    return ft.Column(_going_on(work, cancel), spacing=GAP, tight=True)


@ft.component
def Output(printed: str) -> ft.Control:
    """What a build has printed, to be opened: its end, and all of it to be copied."""
    printed_lines = printed.splitlines()
    lines = printed_lines[-_MOST_LINES:]
    is_cut = len(lines) < len(printed_lines)
    cut = (
        [Help(text("training.docker.output_end", count=len(lines), of=len(printed_lines)))] if is_cut else []
    )
    box = ft.Column(
        [
            Selectable(
                ft.Text("\n".join(lines), font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
            )
        ],
        scroll=ft.ScrollMode.AUTO,
        height=_OUTPUT_HEIGHT if len(lines) > _FEW_LINES else None,
    )
    copy = CopyButton(printed, what=text("training.docker.the_output"))
    return Foldable(
        text("training.docker.output"), lambda: [*cut, box], badge=copy, identifier="docker-output"
    )


def _buttons(
    build: Callable[[], object], pull: Callable[[], object] | None, *, is_here: bool, is_off: bool
) -> ft.Control:
    """Without `pull` there is no registry to pull from."""
    again = ft.OutlinedButton if is_here else ft.FilledTonalButton
    by_pull = ft.OutlinedButton(
        text("training.docker.pull"), icon=ft.Icons.DOWNLOAD, disabled=is_off, on_click=pull
    )
    return Wrap(
        [
            again(
                text("training.docker.build_again") if is_here else text("training.docker.build"),
                icon=ft.Icons.BUILD,
                disabled=is_off,
                on_click=build,
            ),
            *([by_pull] if pull else []),
            Help(text("training.docker.building_takes")),
        ]
    )


def _said(progress: CareProgress) -> str:
    if not progress.total:
        return progress.text
    return text(
        "training.docker.progress",
        doing=progress.text,
        done=progress.done / 1000000.0,
        total=progress.total / 1000000.0,
    )


@ft.component
def GpuTest(care: DockerCareService, name: str, *, is_offered: bool) -> ft.Control:
    """Start a container that looks for the GPU; what to type if it finds none can be copied."""
    verdict, set_verdict = ft.use_state(cast(GpuVerdict | None, None))
    test = use_action(lambda: care.test_gpu(name), on_done=set_verdict)
    lines: list[ft.Control] = [
        ft.Row(
            [
                ft.OutlinedButton(
                    text("training.docker.test_gpu"),
                    icon=ft.Icons.MEMORY,
                    disabled=not is_offered,
                    on_click=test.run,
                )
            ]
        ),
        ErrorBanner(test.problem, on_dismiss=test.dismiss),
    ]
    if test.is_busy:
        lines.append(ProgressLine(text("training.docker.starting_container"), identifier="gpu-test-progress"))
    if verdict is not None:
        lines.append(_verdict(verdict))
    return Identified("gpu-test", ft.Column(lines, spacing=GAP, tight=True), live=True)


@ft.component
def ImageAbilities(care: DockerCareService, name: str) -> ft.Control:
    """Start a container that says what it can train here; give it the image's age as key."""
    found, set_found = ft.use_state(cast(tuple[Ability, ...], ()))
    ask = use_action(lambda: care.abilities(name), on_done=set_found)
    button = ft.OutlinedButton(
        text("training.docker.what_can_it_train"),
        icon=ft.Icons.CHECKLIST,
        on_click=ask.run,
    )
    lines: list[ft.Control] = [ft.Row([button]), ErrorBanner(ask.problem, on_dismiss=ask.dismiss)]
    if ask.is_busy:
        lines.append(
            ProgressLine(text("training.docker.starting_container"), identifier="abilities-progress")
        )
    if found:
        lines.append(
            Abilities(found, text("training.docker.can_train", name=name), identifier="image-abilities")
        )
    return ft.Column(lines, spacing=GAP, tight=True)


def _verdict(verdict: GpuVerdict) -> ft.Control:
    pill = (
        StatusPill(text("training.docker.works"), "good")
        if verdict.works
        else StatusPill(text("training.docker.not_yet"), "warning")
    )
    lines: list[ft.Control] = [Wrap([pill, Selectable(ft.Text(verdict.text))])]
    if verdict.commands:
        commands = "\n".join(verdict.commands)
        lines.append(
            ft.Row(
                [
                    ft.Container(
                        Selectable(
                            ft.Text(commands, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
                        ),
                        expand=True,
                    ),
                    CopyButton(commands, what=text("training.docker.the_commands")),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
        )
    return ft.Column(lines, spacing=GAP, tight=True)


@ft.component
def Leftovers(
    care: DockerCareService, left: Sequence[Leftover], on_changed: Callable[[Sequence[Leftover]], None]
) -> ft.Control:
    """Containers nobody needs any more; no line at all while there are none."""
    asked, ask = ft.use_state(cast(Sequence[Leftover], ()))

    def remove() -> Sequence[Leftover]:
        care.clean([each.container.id for each in asked])
        return care.leftovers()

    def removed(rest: Sequence[Leftover]) -> None:
        ask(())
        on_changed(rest)

    clean = use_action(remove, on_done=removed)
    ft.use_dialog(
        ConfirmDialog(
            counted("training.docker.remove_question", len(asked)),
            text("training.docker.what_stays"),
            confirm=text("training.docker.remove_confirm"),
            on_confirm=clean.run,
            on_cancel=lambda: ask(()),
            is_busy=clean.is_busy,
            problem=clean.problem,
        )
        if asked
        else None
    )
    if not left:
        return ft.Container(visible=False)
    lines: list[ft.Control] = [
        ft.Text(f"{each.container.name}: {each.text}", theme_style=ft.TextThemeStyle.BODY_SMALL)
        for each in left
    ]
    button = ft.TextButton(
        counted("training.docker.remove", len(left)), icon=ft.Icons.DELETE_OUTLINE, on_click=lambda: ask(left)
    )
    return Identified("docker-leftovers", ft.Column([*lines, ft.Row([button])], spacing=GAP, tight=True))
