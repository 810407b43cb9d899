"""What a rented GPU needs: image, which GPU, how much at most, how long at most."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import flet as ft

from app.domain.money import money
from app.domain.renting import Order
from app.domain.runpod_ports import GpuOffer, Stock
from app.services.renting.planning import RentingService
from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Grid, Help, Segments, TextInput, Toggle
from app.ui.training.mounting import keyed
from app.ui.training.pod_draft import PodDraft
from app.ui.training.watching import use_answer

_TYPING_SECONDS: Final = 0.5
_STOCK_SECONDS: Final = 60.0
_MOST_HEIGHT: Final = 240
_STOCK: Final[dict[Stock, Tone]] = {
    Stock.HIGH: "good",
    Stock.MEDIUM: "good",
    Stock.LOW: "warning",
    Stock.NONE: "neutral",
}


def PodFields(draft: TrainingDraft, renting: RentingService) -> list[ft.Control]:
    """Under the target while it is Runpod."""
    pod = draft.pod

    def set_to(**changes: Any) -> None:
        draft.pod = replace(draft.pod, **changes)

    def field(label: str, name: str, help_text: str) -> ft.Control:
        return TextInput(label, getattr(pod, name), lambda t: set_to(**{name: t}), help_text=help_text)

    return [
        Help(text("training.pod.about")),
        Segments(
            "pod-order",
            text("training.pod.first_choice"),
            pod.order.value,
            [
                (Order.CHEAPEST.value, text("training.pod.cheapest")),
                (Order.FASTEST.value, text("training.pod.fastest")),
            ],
            lambda value: set_to(order=Order(value)),
        ),
        keyed(GpuChoice, "gpu-choice", draft, renting),
        Grid(
            [
                field(text("training.pod.budget"), "budget", text("training.pod.budget_help")),
                field(text("training.pod.deadline"), "hours", text("training.pod.deadline_help")),
            ]
        ),
        field(
            text("training.pod.highest_price"),
            "highest_price",
            text("training.pod.highest_price_help"),
        ),
        field(
            text("training.pod.image"),
            "image",
            text("training.pod.image_help"),
        ),
        Grid(
            [
                field(text("training.pod.region"), "region", text("training.pod.region_help")),
                field(
                    text("training.pod.volume"),
                    "volume",
                    text("training.pod.volume_help"),
                ),
            ]
        ),
        Toggle(
            text("training.pod.pass_token"),
            pod.pass_hf_token,
            lambda value: set_to(pass_hf_token=value),
            help_text=text("training.pod.pass_token_help"),
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

    place = (options.region, options.volume)
    on = (config.model_dump_json() if config else "", options.order, place, draft.offline_reason)
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
        return Help(text("training.pod.asking"))
    if not offers:
        return Help(text("training.pod.none_free"))

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
    box = ft.Container(
        ft.Column(rows, spacing=0, scroll=ft.ScrollMode.AUTO),
        height=_MOST_HEIGHT if len(rows) > 5 else None,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=8,
        padding=4,
    )
    column = ft.Column(
        [Help(_how(first, has_chosen=bool(chosen), is_estimated=is_estimated)), box],
        spacing=GAP / 2,
        tight=True,
    )
    return Identified("gpu-ladder", column, label=text("training.pod.to_rent"))


def _how(first: GpuOffer, *, has_chosen: bool, is_estimated: bool) -> str:
    """Which GPUs they are, and in which order they are tried."""
    if has_chosen:
        return text("training.pod.in_order") if is_estimated else text("training.pod.all_in_order")
    name, price = first.name, money(first.price_per_hour)
    if is_estimated:
        return text("training.pod.cheapest_first", name=name, price=price)
    return text("training.pod.all_cheapest_first", name=name, price=price)


def _row(offer: GpuOffer, chosen: tuple[str, ...], on_toggle: Callable[[str], None]) -> ft.Control:
    place = f"{chosen.index(offer.id) + 1}. " if offer.id in chosen else ""
    price = money(offer.price_per_hour)
    label = text("training.pod.offer", place=place, name=offer.name, memory=offer.memory_gb, price=price)
    return ft.Row(
        [
            ft.Checkbox(
                label=label, value=offer.id in chosen, on_change=lambda _: on_toggle(offer.id), expand=True
            ),
            StatusPill(text_in("training.pod.stock", offer.stock.name.lower()), _STOCK[offer.stock]),
        ],
        spacing=GAP,
    )
