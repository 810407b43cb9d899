"""What a rented GPU needs: image, which GPU, how much at most, how long at most."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import flet as ft

from app.domain.renting import Order
from app.domain.runpod_ports import GpuOffer, Stock
from app.services.renting.planning import RentingService
from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Grid, Help, Segments, TextInput, Toggle
from app.ui.training.mounting import keyed
from app.ui.training.pod_draft import PodDraft
from app.ui.training.watching import use_answer

_TYPING_SECONDS: Final = 0.5
_STOCK_SECONDS: Final = 60.0
_MOST_HEIGHT: Final = 240
_STOCK: Final[dict[Stock, tuple[str, Tone]]] = {
    Stock.HIGH: ("many free", "good"),
    Stock.MEDIUM: ("some free", "good"),
    Stock.LOW: ("few free", "warning"),
    Stock.NONE: ("none free", "neutral"),
}


def PodFields(draft: TrainingDraft, renting: RentingService) -> list[ft.Control]:
    """Under the target while it is Runpod."""
    pod = draft.pod

    def set_to(**changes: Any) -> None:
        draft.pod = replace(draft.pod, **changes)

    def text(label: str, name: str, help_text: str) -> ft.Control:
        return TextInput(label, getattr(pod, name), lambda t: set_to(**{name: t}), help_text=help_text)

    return [
        Help(
            "A GPU is rented by the second and ended by itself. Before Start you see what it costs; it never "
            "costs more than the budget and never lives past the deadline."
        ),
        Segments(
            "pod-order",
            "First choice",
            pod.order.value,
            [(Order.CHEAPEST.value, "Cheapest that fits"), (Order.FASTEST.value, "Fastest that fits")],
            lambda value: set_to(order=Order(value)),
        ),
        keyed(GpuChoice, "gpu-choice", draft, renting),
        Grid(
            [
                text("Budget in dollars", "budget", "Hard: everything together never costs more."),
                text("Deadline in hours", "hours", "Hard: then it has saved, and the pod is gone."),
            ]
        ),
        text(
            "Highest price an hour (optional)",
            "highest_price",
            "Other GPUs up to this price are taken if the first choice is gone. Empty: no dearer ones.",
        ),
        text(
            "Trainer image",
            "image",
            "As its registry calls it, like ghcr.io/you/tunewright-trainer:1; the guide says how.",
        ),
        Grid(
            [
                text("Region (optional)", "region", "A data centre like EU-RO-1; empty: any."),
                text(
                    "Network volume (optional)",
                    "volume",
                    "Its id. It keeps models; costs by the month.",
                ),
            ]
        ),
        Toggle(
            "Pass HF token",
            pod.pass_hf_token,
            lambda value: set_to(pass_hf_token=value),
            help_text="For private or gated models; sent once, when training starts, and kept nowhere.",
        ),
    ]


@dataclass(frozen=True)
class _Asked:
    """What decides which GPUs are shown."""

    setup: str
    pod: PodDraft


@ft.component
def GpuChoice(draft: TrainingDraft, renting: RentingService) -> ft.Control:
    """The GPUs that fit, with memory, price and stock of now; checked ones are the ladder, in order."""
    offers, set_offers = ft.use_state(cast("tuple[GpuOffer, ...] | None", None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    config = None if draft.incomplete() else draft.to_setup().config
    options = draft.pod.options()

    def ask() -> tuple[GpuOffer, ...]:
        return tuple(renting.choices(config, options))

    def take(found: tuple[GpuOffer, ...]) -> None:
        set_offers(found)
        set_problem(None)

    on = (config.model_dump_json() if config else "", options.order, options.region, draft.offline_reason)
    use_answer(
        ask,
        take,
        on=on,
        delay_seconds=_TYPING_SECONDS,
        every_seconds=_STOCK_SECONDS,
        on_problem=set_problem,
    )
    if problem is not None:
        return ErrorBanner(problem)
    if offers is None:
        return Help("Asking Runpod which GPUs are free…")
    if not offers:
        return Help("No GPU that holds this run is free now. Try another region, or a smaller run.")

    def toggle(gpu: str) -> None:
        draft.pod = draft.pod.toggled(gpu)

    return _Ladder(offers, draft.pod.gpus, toggle, is_estimated=config is not None)


def _Ladder(
    offers: tuple[GpuOffer, ...],
    chosen: tuple[str, ...],
    on_toggle: Callable[[str], None],
    *,
    is_estimated: bool,
) -> ft.Control:
    first = next((offer for offer in offers if offer.stock), offers[0])
    rows = [_row(offer, chosen, on_toggle) for offer in offers]
    fits = (
        "that hold this run" if is_estimated else "there are; which hold the run shows when it is described"
    )
    how = (
        "They are tried in the order you checked them."
        if chosen
        else f"None is checked: {first.name} at ${first.price_per_hour:.2f} an hour is tried first."
    )
    box = ft.Container(
        ft.Column(rows, spacing=0, scroll=ft.ScrollMode.AUTO),
        height=_MOST_HEIGHT if len(rows) > 5 else None,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=8,
        padding=4,
    )
    column = ft.Column([Help(f"GPUs {fits}. {how}"), box], spacing=GAP / 2, tight=True)
    return Identified("gpu-ladder", column, label="GPUs to rent")


def _row(offer: GpuOffer, chosen: tuple[str, ...], on_toggle: Callable[[str], None]) -> ft.Control:
    text, tone = _STOCK[offer.stock]
    place = f"{chosen.index(offer.id) + 1}. " if offer.id in chosen else ""
    label = f"{place}{offer.name}, {offer.memory_gb} GB, ${offer.price_per_hour:.2f}/h"
    return ft.Row(
        [
            ft.Checkbox(
                label=label, value=offer.id in chosen, on_change=lambda _: on_toggle(offer.id), expand=True
            ),
            StatusPill(text, tone),
        ],
        spacing=GAP,
    )
