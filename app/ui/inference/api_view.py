"""Switch the local API on and off, and what another program needs to use it."""

import flet as ft

from app.domain.errors import StudioError
from app.domain.local_api import Served
from app.services.serving import ServingService
from app.services.talking import TalkingEngine
from app.ui.actions import use_action
from app.ui.inference.draft import InferenceDraft, PickedModel
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.entered import whole
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
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
        wanted = whole(typed)
        if typed and not (wanted and wanted <= 65535):
            raise StudioError(text("inference.api.port_range"), text("inference.api.port_range_hint"))
        sampling = draft.settings.sampling
        return serving.start(ref, placing, sampling=sampling, port=wanted)

    start = use_action(begin, on_done=set_served)
    stop = use_action(serving.stop, on_done=lambda _: set_served(None))
    lines: list[ft.Control] = [
        ft.Text(text("inference.api.about")),
    ]
    if served is None:
        field = TextField(
            label=text("inference.api.port"),
            value=port.shown,
            hint_text=text("inference.api.free_port"),
            on_change=port.edit,
        )
        button = ft.FilledButton(
            text("inference.api.start"),
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
        off = ft.OutlinedButton(
            text("inference.api.stop"), icon=ft.Icons.STOP, disabled=stop.is_busy, on_click=stop.run
        )
        lines.append(Wrap([off]))
    lines.append(ErrorBanner(start.problem or stop.problem, on_dismiss=start.dismiss))
    return Identified(
        "api",
        ft.Column(lines, spacing=GAP * 1.5, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


def _busy(is_busy: bool) -> list[ft.Control]:
    if not is_busy:
        return []
    ring = ft.ProgressRing(
        width=18, height=18, stroke_width=2.5, semantics_label=text("inference.api.loading_ring")
    )
    return [ft.Row([ring, ft.Text(text("inference.api.loading"))], tight=True)]


def _where(served: Served) -> list[ft.Control]:
    return [
        Identified("api-on", ft.Text(text("inference.api.on", model=served.model)), live=True),
        _copyable(
            "api-address", text("inference.api.address"), served.address, text("inference.api.the_address")
        ),
        _copyable("api-token", text("inference.api.token"), served.token, text("inference.api.the_token")),
        Help(text("inference.api.token_help")),
        Help(text("inference.api.in_python", model=served.model)),
    ]


def _copyable(identifier: str, label: str, said: str, name: str) -> ft.Control:
    code = Identified(identifier, Selectable(ft.Text(said, font_family=CODE_FONT, size=13)), label=label)
    return ft.Row(
        [ft.Text(text("inference.api.field", label=label)), code, CopyButton(said, what=name)], wrap=True
    )
