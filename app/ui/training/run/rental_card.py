"""What a run's pod is, what it has cost, and when it ends at the latest."""

from dataclasses import dataclass
from typing import Final

import flet as ft

from app.domain.money import money
from app.domain.preflight_words import duration
from app.domain.rentals import Rental, RentalState
from app.domain.runs import Run
from app.services.renting.planning import RentingService
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0
_TONES: Final[dict[RentalState, Tone]] = {
    RentalState.CREATING: "active",
    RentalState.BOOTING: "active",
    RentalState.UPLOADING: "active",
    RentalState.TRAINING: "active",
    RentalState.RETRIEVING: "active",
    RentalState.ENDING: "warning",
    RentalState.GONE: "neutral",
}


@dataclass(frozen=True)
class _Seen:
    rental: Rental | None
    cost: float = 0.0
    all_together: float = 0.0
    """Of every attempt of the run."""
    left_seconds: float = 0.0


@ft.component
def RentalCard(renting: RentingService, run: Run) -> ft.Control:
    """Looks once a second while the pod lives; takes no room before there is one."""
    seen, set_seen = ft.use_state(_Seen(None))
    is_over = seen.rental is not None and seen.rental.is_over and run.status.is_final
    use_answer(
        lambda: _look(renting, run),
        set_seen,
        on=(run.id, run.attempt, is_over, run.status),
        every_seconds=None if is_over else _SECONDS,
    )
    rental = seen.rental
    if rental is None:
        return ft.Container(visible=False)
    figures = [
        StatusPill(text_in("training.rental.states", rental.state), _TONES[rental.state]),
        _figure(text("training.rental.gpu"), rental.gpu_name),
        _figure(text("training.rental.price"), text("training.rental.an_hour", price=money(rental.price))),
        _figure(
            text("training.rental.so_far") if not rental.is_over else text("training.rental.cost"),
            money(seen.all_together),
        ),
        _figure(text("training.rental.budget"), money(rental.budget)),
    ]
    if not rental.is_over:
        figures.append(_figure(text("training.rental.ends_in"), duration(max(seen.left_seconds, 0))))
    lines: list[ft.Control] = [Wrap(figures)]
    trouble = "" if rental.trouble in run.message else rental.trouble  # the run's own sentence has it then
    lines.extend(Help(said[:1].upper() + said[1:]) for said in (rental.progress, trouble) if said)
    return Identified(
        "rental", ft.Column(lines, spacing=GAP / 2, tight=True), label=text("training.rental.label")
    )


def _look(renting: RentingService, run: Run) -> _Seen:
    rentals = renting.rentals(run)
    rental = renting.rental(run)
    if rental is None:
        return _Seen(None)
    together = sum(renting.cost(each) for each in rentals)
    return _Seen(rental, renting.cost(rental), together, renting.seconds_left(rental))


def _figure(name: str, value: str) -> ft.Control:
    return ft.Text(
        spans=[
            ft.TextSpan(f"{name} ", ft.TextStyle(color=ft.Colors.ON_SURFACE_VARIANT)),
            ft.TextSpan(value, ft.TextStyle(weight=ft.FontWeight.W_600)),
        ],
        theme_style=ft.TextThemeStyle.BODY_MEDIUM,
    )
