"""What a run's pod is, what it has cost, and when it ends at the latest."""

from dataclasses import dataclass
from typing import Final

import flet as ft

from app.domain.preflight_words import duration
from app.domain.rentals import Rental, RentalState, money
from app.domain.runs import Run
from app.services.renting.planning import RentingService
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill, Tone
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0
_WORDS: Final[dict[RentalState, tuple[str, Tone]]] = {
    RentalState.CREATING: ("Ordering a pod", "active"),
    RentalState.BOOTING: ("The pod boots", "active"),
    RentalState.UPLOADING: ("Sending the data", "active"),
    RentalState.TRAINING: ("Training on the pod", "active"),
    RentalState.RETRIEVING: ("Fetching the result", "active"),
    RentalState.ENDING: ("Ending the pod", "warning"),
    RentalState.GONE: ("The pod is gone", "neutral"),
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
    word, tone = _WORDS[rental.state]
    figures = [
        StatusPill(word, tone),
        _figure("GPU", rental.gpu_name),
        _figure("Price", f"${rental.price:.2f} an hour"),
        _figure("So far, at most" if not rental.is_over else "Cost, at most", money(seen.all_together)),
        _figure("Budget", money(rental.budget)),
    ]
    if not rental.is_over:
        figures.append(_figure("Ends at the latest in", duration(max(seen.left_seconds, 0))))
    lines: list[ft.Control] = [Wrap(figures)]
    lines.extend(Help(text[:1].upper() + text[1:]) for text in (rental.progress, rental.trouble) if text)
    return Identified(
        "rental", ft.Column(lines, spacing=GAP / 2, tight=True), label="The rented pod and what it costs"
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
