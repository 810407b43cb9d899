"""What the inference process holds and does, whether the chosen model fits, and the buttons for it."""

from typing import Final, cast

import flet as ft

from app.domain.chat import EngineStatus
from app.domain.gpus import GIB
from app.domain.talkers import Fit
from app.services.talkers import TalkerService
from app.services.talking import TalkingEngine
from app.ui.actions import Problem, use_action
from app.ui.inference.draft import PickedModel
from app.ui.inference.model_section import fit_icon
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text, text_in
from app.ui.theme import COMPACT, GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.watching import use_answer

_STATUS_SECONDS: Final = 0.5
_TYPING_SECONDS: Final = 0.4


@ft.component
def EngineLine(talkers: TalkerService, engine: TalkingEngine, model: PickedModel) -> ft.Control:
    """Looks by itself what the process does and whether the model fits."""
    status, set_status = ft.use_state(engine.status())  # which never waits
    fit, set_fit = ft.use_state(cast(Fit | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    use_answer(engine.status, set_status, on="engine", every_seconds=_STATUS_SECONDS)

    def look() -> Fit | None:
        ref = model.ref
        return engine.fit(ref, model.placing) if ref is not None else None

    def found(result: Fit | None) -> None:
        set_fit(result)
        set_problem(None)

    use_answer(
        look,
        found,
        on=(str(model.ref), model.placing, status.loaded),
        delay_seconds=_TYPING_SECONDS,
        on_problem=set_problem,
    )
    load = use_action(lambda: engine.load(model.ref, model.placing, insists=model.insists), lambda _: None)
    unload = use_action(engine.unload, lambda _: None)

    async def press_load() -> None:
        model.insists = fit is not None and fit.is_refused
        await load.run()

    is_refused = fit is not None and fit.is_refused
    buttons: list[ft.Control] = [
        ft.OutlinedButton(
            text("inference.engine.load_anyway") if is_refused else text("inference.engine.load"),
            icon=ft.Icons.MEMORY,
            style=COMPACT,
            disabled=model.ref is None or load.is_busy or status.state in ("loading", "generating"),
            on_click=press_load,
        ),
        ft.TextButton(
            text("inference.engine.unload"),
            icon=ft.Icons.EJECT,
            style=COMPACT,
            visible=status.loaded is not None,
            disabled=unload.is_busy,
            on_click=unload.run,
        ),
    ]
    return ft.Column(
        [
            _fit_line(fit),
            ErrorBanner(problem),
            Wrap(buttons),
            _state_line(status),
            _loaded_line(status),
            ErrorBanner(load.problem or unload.problem, on_dismiss=load.dismiss),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _fit_line(fit: Fit | None) -> ft.Control:
    if fit is None:
        return ft.Container(visible=False)
    icon, color = fit_icon(fit)
    row = ft.Row(
        [ft.Icon(icon, size=18, color=color), ft.Text(fit.text, expand=True)],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return Identified("model-fit", row, live=True, label=text("inference.engine.memory"))


def _state_line(status: EngineStatus) -> ft.Control:
    told = status.message if status.state in ("idle", "loading") else ""
    said = told or text_in("inference.engine.states", status.state)
    if status.message and status.state == "error":
        said = text("inference.engine.state_error", state=said, message=status.message)
    color = ft.Colors.ERROR if status.state == "error" else ft.Colors.ON_SURFACE_VARIANT
    return Identified(
        "engine-status", ft.Text(said, color=color), live=True, label=text("inference.engine.status")
    )


def _loaded_line(status: EngineStatus) -> ft.Control:
    loaded = status.loaded
    if loaded is None:
        return ft.Container(visible=False)
    said = text(
        "inference.engine.in_memory",
        model=loaded.label,
        size=_size(loaded.memory_bytes),
        device=loaded.device,
        seconds=loaded.seconds,
    )
    if loaded.adapter_effect is not None:
        said += " " + text("inference.engine.adapter_effect", effect=loaded.adapter_effect)
    return Identified("engine-loaded", Selectable(Help(said)))


def _size(count: int) -> str:
    if count >= GIB / 10:
        return text("inference.engine.gigabytes", size=count / GIB)
    return text("inference.engine.megabytes", size=count / 2**20)
