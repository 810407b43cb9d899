"""The switch of offline mode, or what decides instead of it."""

import flet as ft

from app.services.offline import OfflineService
from app.ui.actions import use_action
from app.ui.kit.entered import is_on
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text
from app.ui.training.fields import Help
from app.ui.training.watching import use_answer

_SECONDS = 2.0


@ft.component
def OfflineSwitch(offline: OfflineService) -> ft.Control:
    """Acts at once. Where the environment decides, the switch shows that and cannot be moved."""
    is_offline, show = ft.use_state(False)
    wanted = ft.use_ref(False)
    variable = offline.decided_by
    use_answer(lambda: bool(offline.reason()), show, on="always", every_seconds=_SECONDS)
    switch = use_action(lambda: offline.switch(wanted.current is True), on_done=lambda _: None)

    async def toggle(event: ft.Event[ft.Switch]) -> None:
        wanted.current = is_on(event)
        show(wanted.current)
        await switch.run()

    said = text("settings.network.decided", variable=variable) if variable else ""
    return Section(
        text("settings.network.title"),
        [
            ft.Switch(
                label=text("settings.network.offline"),
                value=is_offline,
                disabled=bool(variable),
                on_change=toggle,
            ),
            Identified(
                "offline-help",
                Help(said + text("settings.network.help")),
            ),
            ErrorBanner(switch.problem, on_dismiss=switch.dismiss),
        ],
    )
