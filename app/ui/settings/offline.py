"""The switch of offline mode, or what decides instead of it."""

import flet as ft

from app.services.offline import OfflineService
from app.ui.actions import use_action
from app.ui.kit.entered import is_on
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
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

    said = f"The environment variable {variable} decides. " if variable else ""
    return Section(
        "Network",
        [
            ft.Switch(label="Offline mode", value=is_offline, disabled=bool(variable), on_change=toggle),
            Identified(
                "offline-help",
                Help(
                    f"{said}While it is on, nothing leaves this computer: no dataset or model is fetched, "
                    "nothing is collected, published or pushed, runs and chats use what is here, and "
                    "containers have no network."
                ),
            ),
            ErrorBanner(switch.problem, on_dismiss=switch.dismiss),
        ],
    )
