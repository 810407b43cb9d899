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
from app.ui.kit.typed import Typed, use_typed
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
            "Make the volume larger?" if plan.existing else "Make the volume?",
            _price(plan),
            confirm="Make it larger" if plan.existing else "Make it",
            on_confirm=make.run,
            on_cancel=lambda: set_plan(None),
            is_busy=make.is_busy,
            problem=make.problem,
            is_dangerous=False,
        )
        if plan is not None and not plan.is_done
        else None
    )
    there = f"There is one already, in {plan.region}." if plan is not None and plan.is_done else ""
    return ft.Column(
        [
            Grid(
                [
                    _field("Size in GB", size, f"From {LEAST_GB} to {MOST_GB}; it can grow, never shrink."),
                    _field("GPU (optional)", gpu, "Like RTX 4090: the volume goes where it is free."),
                    _field("Region of the volume (optional)", region, "Like EU-RO-1."),
                ],
                columns=3,
            ),
            Wrap(
                [
                    ft.OutlinedButton(
                        "Get a volume", icon=ft.Icons.ADD, disabled=find.is_busy, on_click=find.run
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
            ft.Row([_field("Image of the template", image, "As its registry calls it.")]),
            Wrap(
                [
                    ft.OutlinedButton(
                        "Make the template",
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
    stock = f" The GPU's stock there is {plan.stock.name.lower()}." if plan.stock else ""
    return (
        f"{plan.size_gb} GB in {plan.region}: {plan.adds_in_words}, from now on until it is "
        f"deleted, also while no pod uses it.{stock}"
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise StudioError("The size is a whole number of GB.", "Type one like 50.")
    return int(text)


def _field(label: str, typed: Typed, help_text: str) -> ft.Control:
    return ft.TextField(
        label=label,
        value=typed.shown,
        helper=help_text,
        helper_max_lines=3,
        on_change=typed.edit,
        expand=True,
    )
