"""More about a setting than fits under its field: what it may be, its name in a file, where to read on."""

from pathlib import Path
from typing import Final

import flet as ft

from app.domain.setup_differences import worded
from app.ui.kit.icon_action import IconAction
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.expert.catalogue import Setting
from app.ui.training.expert.typed_limits import limits_of

_DOCS: Final = Path(__file__).resolve().parents[4] / "docs"
"""There in a checkout; an installed app has the sentence and the name of the page."""
_PAGES: Final = {
    "rows": "user/data.md",
    "memory-and-precision": "user/memory.md",
    "several-gpus-and-backend": "user/several-gpus.md",
}
"""Where a whole group is explained; each of its settings that is not, and every other, in the page below."""
_OF_ONE: Final = {
    "method.unfreeze_rank_ratio": "user/methods.md", "method.train_rest": "user/methods.md",
    "method.target_modules": "user/methods.md", "method.target_patterns": "user/setups.md",
    "method_plugin": "user/plugins.md", "backend_plugin": "user/plugins.md",
    "measure_first": "user/watching-a-run.md", "validation": "user/data.md",
    "validation_share": "user/data.md", "validation_file": "user/data.md", "offline": "user/offline.md",
}  # fmt: skip
_SETTINGS: Final = "user/settings.md"
_IN_SETTINGS: Final = frozenset(
    {"precision", "distributed.node_rank", "distributed.rdzv_id", "distributed.rdzv_endpoint",
     "distributed.master_addr", "distributed.master_port"}
)  # fmt: skip


def page_of(setting: Setting) -> str:
    """The page of the documentation that says more, from the folder docs on."""
    if setting.path in _IN_SETTINGS:
        return _SETTINGS
    return _OF_ONE.get(setting.path) or _PAGES.get(setting.group, _SETTINGS)


def help_button(setting: Setting) -> ft.IconButton:
    def show() -> None:
        ft.context.page.show_dialog(_dialog(setting))

    return IconAction(
        ft.Icons.HELP_OUTLINE, text("training.expert.help.on", setting=setting.label), show, size=18
    )


def _dialog(setting: Setting) -> ft.AlertDialog:
    def close() -> None:
        ft.context.page.pop_dialog()

    def read_on() -> None:
        ft.context.page.pop_dialog()
        ft.context.page.show_dialog(_page_dialog(page_of(setting)))

    section = "config" + "".join(f".{part}" for part in setting.path.split(".")[:-1])
    facts = [
        (text("training.expert.help.may_be"), limits_of(setting)),
        (text("training.expert.help.default"), worded(_plain(setting.default))),
    ]
    lines: list[ft.Control] = [
        ft.Text(setting.help),
        *(ft.Text(f"{name}: {said}") for name, said in facts if said),
        ft.Text(
            text("training.expert.help.in_a_file", section=section, name=setting.name),
            font_family=CODE_FONT,
            theme_style=ft.TextThemeStyle.BODY_SMALL,
        ),
        ft.Text(text("training.expert.help.read_on_in", page=page_of(setting))),
    ]
    has_page = (_DOCS / page_of(setting)).is_file()
    return ft.AlertDialog(
        title=ft.Text(setting.label, theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(Selectable(ft.Column(lines, spacing=GAP, tight=True)), width=460),
        actions=[
            *([ft.TextButton(text("training.expert.help.read_on"), on_click=read_on)] if has_page else []),
            ft.TextButton(text("training.expert.help.close"), autofocus=True, on_click=close),
        ],
    )


def _page_dialog(page: str) -> ft.AlertDialog:
    def close() -> None:
        ft.context.page.pop_dialog()

    async def follow(event: ft.Event[ft.Markdown]) -> None:
        link = str(event.data or "")
        if link.startswith("http"):
            await ft.UrlLauncher().launch_url(link)
        elif beside := page_beside(page, link):
            close()
            ft.context.page.show_dialog(_page_dialog(beside))

    read = (_DOCS / page).read_text(encoding="utf-8")
    reader = ft.Markdown(read, selectable=True, on_tap_link=follow)
    body = ft.Column([reader], scroll=ft.ScrollMode.AUTO)
    return ft.AlertDialog(
        content=ft.Container(body, width=760, height=560),
        actions=[ft.TextButton(text("training.expert.help.close"), autofocus=True, on_click=close)],
    )


def page_beside(page: str, link: str) -> str:
    """What a link of a page leads to, from the folder docs on; empty if that is no page of them."""
    found = (_DOCS / page).parent.joinpath(link.partition("#")[0]).resolve()
    if found.suffix != ".md" or not found.is_relative_to(_DOCS) or not found.is_file():
        return ""
    return found.relative_to(_DOCS).as_posix()


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else None if value == {} else value
