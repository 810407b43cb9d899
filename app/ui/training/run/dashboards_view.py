"""Ways to the other places where the curves of a run are shown."""

from functools import partial

import flet as ft

from app.domain.dashboards import Dashboard
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Wrap


@ft.component
def Dashboards(found: tuple[Dashboard, ...]) -> ft.Control:
    """Nothing where the run logs nowhere else. Memoise it."""
    if not found:
        return ft.Container(visible=False)
    return Identified(
        "dashboards", Wrap([_way(each) for each in found]), label=text("training.run.dashboards.title")
    )


def _way(dashboard: Dashboard) -> ft.Control:
    if dashboard.page:
        return ft.OutlinedButton(
            text("training.run.dashboards.open", label=dashboard.label),
            icon=ft.Icons.OPEN_IN_NEW,
            on_click=partial(_open, dashboard.page),
        )
    return ft.Row(
        [
            ft.Text(f"{dashboard.label}:", theme_style=ft.TextThemeStyle.BODY_SMALL),
            ft.Text(dashboard.command, font_family=CODE_FONT, size=12),
            CopyButton(
                dashboard.command, what=text("training.run.dashboards.the_command", label=dashboard.label)
            ),
        ],
        spacing=GAP / 2,
        tight=True,
        wrap=True,
    )


async def _open(page: str) -> None:
    await ft.UrlLauncher().launch_url(page)
