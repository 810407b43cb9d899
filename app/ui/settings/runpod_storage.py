"""What is kept at Runpod between runs, with its price a month, and a way to have or to delete it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.money import credit, money
from app.domain.runpod_ports import Balance, PodTemplate
from app.domain.runpod_storage import VolumeState, a_month, is_ours
from app.services.renting.planning import RentingService
from app.services.runpod_storage import RunpodStorageService, Stored
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.progress_line import ProgressLine
from app.ui.kit.section import Section
from app.ui.settings.runpod_making import Again, NewTemplate, NewVolume
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer


@dataclass(frozen=True)
class Seen:
    """One look at the account."""

    stored: Stored
    balance: Balance | None


@ft.component
def RunpodStorage(storage: RunpodStorageService, renting: RentingService, *, is_shown: bool) -> ft.Control:
    """Runpod is asked at the button only."""
    seen, set_seen = ft.use_state(cast(Seen | None, None))
    reason, set_reason = ft.use_state("")
    use_answer(lambda: storage.problem() if is_shown else "", set_reason, on=is_shown)

    def look() -> Seen:
        return Seen(storage.stored(), _balance(renting))

    show = use_action(look, on_done=set_seen)
    parts: list[ft.Control] = [ErrorBanner(show.problem, on_dismiss=show.dismiss)]
    if reason:
        parts.append(Identified("runpod-reason", Help(reason)))
    if show.is_busy:
        parts.append(ProgressLine(text("settings.runpod.asking"), identifier="runpod-progress"))
    if seen is not None:
        parts += _seen(seen, storage, show.run)
    return Section(
        text("settings.runpod.title"),
        parts,
        subtitle=text("settings.runpod.subtitle"),
        trailing=ft.OutlinedButton(
            text("settings.runpod.again") if seen else text("settings.runpod.look"),
            icon=ft.Icons.CLOUD_OUTLINED,
            disabled=show.is_busy or bool(reason),
            on_click=show.run,
        ),
    )


def _balance(renting: RentingService) -> Balance | None:
    """A key may do without the right to see it: the rest is shown all the same."""
    try:
        return renting.balance()
    except StudioError:
        return None


def _seen(seen: Seen, storage: RunpodStorageService, again: Again) -> list[ft.Control]:
    stored = seen.stored
    volumes = [keyed(Volume, state.volume.id, storage, state, again) for state in stored.volumes]
    templates = [keyed(Template, template.id, storage, template, again) for template in stored.templates]
    total = stored.in_words if volumes else text("settings.runpod.none")
    return [
        Identified(
            "runpod-balance",
            LabeledValue(text("settings.runpod.balance"), _standing(seen.balance)),
            live=True,
        ),
        _list("runpod-volumes", text("settings.runpod.volumes.title"), total, volumes),
        keyed(NewVolume, "new-volume", storage, again),
        _list(
            "runpod-templates",
            text("settings.runpod.templates.title"),
            "" if templates else text("settings.runpod.none"),
            templates,
        ),
        keyed(NewTemplate, "new-template", storage, again),
    ]


def _standing(balance: Balance | None) -> str:
    if balance is None:
        return text("settings.runpod.balance_hidden")
    has, spending = credit(balance.credit), money(balance.spend_per_hour)
    return text("settings.runpod.balance_now", credit=has, spending=spending)


def _list(identifier: str, title: str, said: str, rows: list[ft.Control]) -> ft.Control:
    lines: list[ft.Control] = [ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_SMALL)]
    if said:
        lines.append(Help(said))
    return Identified(identifier, ft.Column([*lines, *rows], spacing=GAP / 2, tight=True), label=title)


@ft.component
def Volume(storage: RunpodStorageService, state: VolumeState, again: Again) -> ft.Control:
    volume = state.volume
    pods = ", ".join(state.pods)
    return _Line(
        text(
            "settings.runpod.volumes.volume",
            name=volume.name,
            id=volume.id,
            size=volume.size_gb,
            region=volume.region,
            price=a_month(state.monthly),
            used=text("settings.runpod.volumes.used_by", pods=pods)
            if pods
            else text("settings.runpod.volumes.unused"),
        ),
        "" if state.is_ours else text("settings.runpod.not_ours"),
        text("settings.runpod.volumes.delete", id=volume.id),
        text("settings.runpod.volumes.delete_question", size=volume.size_gb, region=volume.region),
        text("settings.runpod.volumes.delete_text"),
        (lambda: storage.delete_volume(volume.id)) if state.is_ours and not state.pods else None,
        again,
    )


@ft.component
def Template(storage: RunpodStorageService, template: PodTemplate, again: Again) -> ft.Control:
    ours = is_ours(template.name)
    return _Line(
        text(
            "settings.runpod.templates.template",
            name=template.name,
            id=template.id,
            image=template.image,
            disk=template.disk_gb,
        ),
        "" if ours else text("settings.runpod.not_ours"),
        text("settings.runpod.templates.delete", id=template.id),
        text("settings.runpod.templates.delete_question", name=template.name),
        text("settings.runpod.templates.delete_text"),
        (lambda: storage.delete_template(template.id)) if ours else None,
        again,
    )


def _Line(
    about: str,
    note: str,
    name: str,
    question: str,
    consequence: str,
    delete: Callable[[], object] | None,
    again: Again,
) -> ft.Control:
    """A line with a button that asks before it deletes; without `delete` the button is off."""
    is_asking, ask = ft.use_state(False)

    def deleted(_: object) -> None:
        ask(False)
        ft.context.page.run_task(again)

    action = use_action(delete or (lambda: None), on_done=deleted)
    ft.use_dialog(
        ConfirmDialog(
            question,
            consequence,
            confirm=text("settings.runpod.delete"),
            on_confirm=action.run,
            on_cancel=lambda: ask(False),
            is_busy=action.is_busy,
            problem=action.problem,
        )
        if is_asking
        else None
    )
    said: list[ft.Control] = [ft.Text(about)]
    if note:
        said.append(Help(note))
    return ft.Row(
        [
            ft.Column(said, spacing=0, tight=True, expand=True),
            IconAction(ft.Icons.DELETE_OUTLINE, name, lambda: ask(True), disabled=delete is None),
        ],
        spacing=GAP,
    )
