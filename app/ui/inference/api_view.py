"""Switch the local API on and off, and what another program needs to use it."""

import flet as ft

from app.domain.errors import StudioError
from app.domain.local_api import Served
from app.services.serving import ServingService
from app.services.talking import TalkingEngine
from app.ui.actions import use_action
from app.ui.inference.draft import InferenceDraft, PickedModel
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.typed import use_typed
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.watching import use_answer


@ft.component
def ApiView(
    serving: ServingService, engine: TalkingEngine, draft: InferenceDraft, model: PickedModel
) -> ft.Control:
    """`model` is the draft's: what is handed over is watched."""
    served, set_served = ft.use_state(serving.served)
    port = use_typed()
    use_answer(lambda: serving.served, set_served, on="served")

    def begin() -> Served:
        ref, placing = model.ref, model.placing
        engine.require_fit(ref, placing, insists=model.insists)
        assert ref is not None
        typed = port.now()
        if typed and not (typed.isdecimal() and 1 <= int(typed) <= 65535):
            raise StudioError(
                "A port is a whole number from 1 to 65535.", "Leave it empty to take a free one."
            )
        sampling = draft.settings.sampling
        return serving.start(ref, placing, sampling=sampling, port=int(typed) if typed else None)

    start = use_action(begin, on_done=set_served)
    stop = use_action(serving.stop, on_done=lambda _: set_served(None))
    lines: list[ft.Control] = [
        ft.Text(
            "Other programs on this computer can ask the chosen model, as they ask OpenAI's. "
            "Nothing is open to the network, and it is off until you switch it on."
        ),
    ]
    if served is None:
        field = ft.TextField(
            label="Port (optional)", value=port.shown, hint_text="a free one", on_change=port.edit
        )
        button = ft.FilledButton(
            "Start the API",
            icon=ft.Icons.POWER_SETTINGS_NEW,
            disabled=model.ref is None or start.is_busy or draft.is_busy,
            on_click=start.run,
        )
        lines += [
            ft.Container(field, width=220),
            Wrap([Identified("api-start", button), *_busy(start.is_busy)]),
        ]
    else:
        lines += _where(served)
        off = ft.OutlinedButton("Stop the API", icon=ft.Icons.STOP, disabled=stop.is_busy, on_click=stop.run)
        lines.append(Wrap([off]))
    lines.append(ErrorBanner(start.problem or stop.problem, on_dismiss=start.dismiss))
    return Identified(
        "api",
        ft.Column(lines, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


def _busy(is_busy: bool) -> list[ft.Control]:
    if not is_busy:
        return []
    ring = ft.ProgressRing(width=18, height=18, stroke_width=2.5, semantics_label="Loading")
    return [ft.Row([ring, ft.Text("Loading the model…")], tight=True)]


def _where(served: Served) -> list[ft.Control]:
    return [
        Identified("api-on", ft.Text(f"On: {served.model} answers."), live=True),
        _copyable("api-address", "Address", served.address),
        _copyable("api-token", "Token", served.token),
        Help("The token is new each time, and kept nowhere. Whoever has it can use the model."),
        Help(
            "In Python: openai.OpenAI(base_url=ADDRESS, api_key=TOKEN).chat.completions.create("
            f'model="{served.model}", messages=[…])'
        ),
    ]


def _copyable(identifier: str, label: str, text: str) -> ft.Control:
    code = Identified(identifier, Selectable(ft.Text(text, font_family=CODE_FONT, size=13)), label=label)
    return ft.Row([ft.Text(f"{label}:"), code, CopyButton(text, what=f"the {label.lower()}")], wrap=True)
