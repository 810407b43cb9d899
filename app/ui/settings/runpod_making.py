"""Having a volume or a template at Runpod: what is there is taken, what costs is asked for first."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.runpod_ports import PodTemplate
from app.domain.runpod_storage import LEAST_GB, MOST_GB, VolumePlan
from app.services.runpod_storage import RunpodStorageService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import Typed, use_typed
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Grid, Help, Wrap

Again = Callable[[], Coroutine[Any, Any, None]]
_TEMPLATE_DISK = 40


@ft.component
def NewVolume(storage: RunpodStorageService, again: Again) -> ft.Control:
    """First where and for how much, then a yes."""
    size, gpu, region = use_typed("50"), use_typed(), use_typed()
    plan, set_plan = ft.use_state(cast(VolumePlan | None, None))

    def wanted() -> dict[str, Any]:
        return {"size_gb": _whole(size.now()), "gpu": gpu.now(), "region": region.now().upper()}

    def made(_: VolumePlan) -> None:
        set_plan(None)
        ft.context.page.run_task(again)

    find = use_action(lambda: storage.plan_volume(**wanted()), on_done=set_plan)
    make = use_action(lambda: storage.ensure_volume(**wanted()), on_done=made)
    ft.use_dialog(
        ConfirmDialog(
            text("settings.runpod.volumes.grow_question")
            if plan.existing
            else text("settings.runpod.volumes.make_question"),
            _price(plan),
            confirm=text("settings.runpod.volumes.grow")
            if plan.existing
            else text("settings.runpod.volumes.make"),
            on_confirm=make.run,
            on_cancel=lambda: set_plan(None),
            is_busy=make.is_busy,
            problem=make.problem,
            is_dangerous=False,
        )
        if plan is not None and not plan.is_done
        else None
    )
    there = (
        text("settings.runpod.volumes.there", region=plan.region) if plan is not None and plan.is_done else ""
    )
    return ft.Column(
        [
            Grid(
                [
                    _field(
                        text("settings.runpod.volumes.size"),
                        size,
                        text("settings.runpod.volumes.size_help", least=LEAST_GB, most=MOST_GB),
                    ),
                    _field(
                        text("settings.runpod.volumes.gpu"), gpu, text("settings.runpod.volumes.gpu_help")
                    ),
                    _field(
                        text("settings.runpod.volumes.region"),
                        region,
                        text("settings.runpod.volumes.region_help"),
                    ),
                ],
                columns=3,
            ),
            Wrap(
                [
                    ft.OutlinedButton(
                        text("settings.runpod.volumes.get"),
                        icon=ft.Icons.ADD,
                        disabled=find.is_busy,
                        on_click=find.run,
                    ),
                    Identified("volume-there", Help(there), live=True),
                ]
            ),
            ErrorBanner(find.problem, on_dismiss=find.dismiss),
        ],
        spacing=GAP,
        tight=True,
    )


@ft.component
def NewTemplate(storage: RunpodStorageService, again: Again) -> ft.Control:
    image = use_typed()

    def made(_: PodTemplate) -> None:
        ft.context.page.run_task(again)

    make = use_action(
        lambda: storage.ensure_template(image=image.now(), disk_gb=_TEMPLATE_DISK), on_done=made
    )
    return ft.Column(
        [
            ft.Row(
                [
                    _field(
                        text("settings.runpod.templates.image"),
                        image,
                        text("settings.runpod.templates.image_help"),
                    )
                ]
            ),
            Wrap(
                [
                    ft.OutlinedButton(
                        text("settings.runpod.templates.make"),
                        icon=ft.Icons.ADD,
                        disabled=make.is_busy or not image.shown.strip(),
                        on_click=make.run,
                    )
                ]
            ),
            ErrorBanner(make.problem, on_dismiss=make.dismiss),
        ],
        spacing=GAP,
        tight=True,
    )


def _price(plan: VolumePlan) -> str:
    size, region, price = plan.size_gb, plan.region, plan.adds_in_words
    if plan.stock is None:
        return text("settings.runpod.volumes.price", size=size, region=region, price=price)
    stock = text_in("settings.runpod.volumes.stock", plan.stock.name.lower())
    return text("settings.runpod.volumes.price_and_stock", size=size, region=region, price=price, stock=stock)


def _whole(typed: str) -> int:
    """Raises StudioError."""
    if not (typed.isascii() and typed.isdigit() and len(typed) < 6):
        raise StudioError(
            text("settings.runpod.volumes.size_wrong"), text("settings.runpod.volumes.size_wrong_hint")
        )
    return int(typed)


def _field(label: str, typed: Typed, help_text: str) -> ft.Control:
    return TextField(
        label=label,
        value=typed.shown,
        helper=help_text,
        helper_max_lines=3,
        on_change=typed.edit,
        expand=True,
    )
