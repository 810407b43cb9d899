"""Orders a pod: the row first, then one GPU after another of those that were agreed to."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from app.domain.errors import TargetError
from app.domain.money import money
from app.domain.rental_names import pod_name
from app.domain.rentals import Rental
from app.domain.renting import beyond, ladder, offer_text, term, too_little_left
from app.domain.runpod_ports import GpuOffer, NoCapacityError, Pod, PodMayExistError, PodOrder, RunpodCloud
from app.domain.runs import Run
from app.services.renting.parts import Renting
from trainer_image.config import RunConfig
from trainer_image.network import NO_TELEMETRY

log = logging.getLogger(__name__)

NeededBytes = Callable[[RunConfig], int | None]
"""The memory a run takes on a GPU, if anybody can tell."""
HOME: Final = "/workspace"
"""Where the pod keeps runs, and where a volume is mounted."""
_CENT: Final = 0.01


@dataclass(frozen=True)
class Resumed:
    """How the trainer is to go on."""

    resume: bool = False
    extend: bool = False
    resume_from: str = ""


class Ordering:
    """Implements the first minute of a rental."""

    def __init__(self, renting: Renting, needed_bytes: NeededBytes) -> None:
        self._renting = renting
        self._needed_bytes = needed_bytes

    def order(self, run: Run, how: Resumed) -> Rental:
        """A rental with a pod, or one whose order was not answered. Raises TargetError if there is surely
        none; then nothing costs."""
        if problem := run.pod.problem():
            raise TargetError(f"{problem}.", "Then start the run again.")
        cloud = self._renting.account.cloud()
        offers = cloud.offers()
        # Those that are named were checked when a person said yes to them, and that takes seconds.
        needed = None if run.pod.gpus else self._needed_bytes(run.config)
        rungs = ladder(offers, needed, run.pod)
        if not rungs:
            raise _none_left(run, beyond(offers, needed, run.pod, ()), ())
        spent = self._renting.spent(run.id)
        if said := too_little_left(rungs[0].price_per_hour, run.pod, spent):
            raise TargetError(*said)
        rental = self._row(run, rungs[0], how, spent)
        for rung in rungs:
            rental = self._renting.rentals.update(rental.name, partial(_on, run=run, rung=rung))
            try:
                pod = cloud.create_pod(_wanted(rental, run))
            except NoCapacityError:
                log.info("Rental %s: there is no %s now", rental.name, rung.id)
                continue
            except PodMayExistError as error:
                log.warning("Rental %s: %s", rental.name, error.message)
                return rental
            except TargetError as error:
                self._refuse(rental, error)
                raise
            return self._take(rental, pod, cloud)
        gone = _none_left(run, beyond(offers, needed, run.pod, rungs), rungs)
        self._refuse(rental, gone)
        raise gone

    def _row(self, run: Run, first: GpuOffer, how: Resumed, spent: float) -> Rental:
        """In the store before anything is ordered, and its token with it."""
        renting = self._renting
        now = renting.clock()
        limits = term(now, first.price_per_hour, run.pod, spent=spent)
        name = pod_name(renting.install(), run.id, run.attempt)
        token = renting.tokens.make(name)
        rental = Rental(
            name=name,
            run_id=run.id,
            attempt=run.attempt,
            gpu=first.id,
            gpu_name=first.name,
            price=first.price_per_hour,
            budget=run.pod.budget,
            created_at=now,
            train_until=limits.train_until,
            ends_by=limits.ends_by,
            token_sha256=hashlib.sha256(token.encode()).hexdigest(),
            folder=run.folder,
            is_resumed=how.resume,
            is_extended=how.extend,
            resume_from=how.resume_from,
            passes_token=run.pod.pass_hf_token,
            keeper=renting.processes.me(),
            spent_before=spent,
        )
        before = renting.rentals.find(run.id, run.attempt)
        if before is not None and before.is_refused:  # nothing ever ran under that name, and it costs nothing
            return renting.rentals.update(name, lambda _: rental)
        renting.rentals.add(rental)
        return rental

    def _take(self, rental: Rental, pod: Pod, cloud: RunpodCloud) -> Rental:
        """The pod's own price counts. Dearer than agreed, it is sent back."""
        now = self._renting.clock()
        agreed = rental.price
        rental = self._renting.rentals.update(rental.name, lambda r: r.made(pod.id, pod.cost_per_hour, now))
        log.info("Rental %s is pod %s at $%.2f an hour", rental.name, pod.id, rental.price)
        if rental.price > agreed + _CENT:
            message = f"The pod costs {money(rental.price)} an hour instead of the agreed {money(agreed)}."
            hint = "It is being ended. Agree to that price, then start again."
            rental = self._renting.rentals.update(rental.name, lambda r: r.failed(message, hint, now))
        return rental

    def _refuse(self, rental: Rental, error: TargetError) -> None:
        self._renting.rentals.update(rental.name, lambda r: r.refused(error.message, error.hint))
        self._renting.tokens.forget(rental.name)


def _on(rental: Rental, *, run: Run, rung: GpuOffer) -> Rental:
    limits = term(rental.created_at, rung.price_per_hour, run.pod, spent=rental.spent_before)
    return replace(
        rental,
        gpu=rung.id,
        gpu_name=rung.name,
        price=rung.price_per_hour,
        train_until=limits.train_until,
        ends_by=limits.ends_by,
        progress=f"ordering {rung.name}",
    )


def _wanted(rental: Rental, run: Run) -> PodOrder:
    """What it says of itself can be read by everybody with the account's key: no secret is in it."""
    margin = (rental.ends_by - rental.train_until).total_seconds()
    return PodOrder(
        name=rental.name,
        image=run.pod.image.strip(),
        gpu_id=rental.gpu,
        region=run.pod.region,
        volume_id=run.pod.volume,
        mount_path=HOME,
        disk_gb=run.pod.disk_gb,
        ports=("8080/http",),
        environment={
            "STUDIO_RUN_ID": rental.run_id,
            "STUDIO_TOKEN_SHA256": rental.token_sha256,
            "STUDIO_HOME": HOME,
            "STUDIO_DEADLINE": f"{rental.ends_by:%Y-%m-%dT%H:%M:%SZ}",
            "STUDIO_LONGEST_SECONDS": f"{(rental.ends_by - rental.created_at).total_seconds():.0f}",
            "STUDIO_BUDGET_USD": f"{rental.budget - rental.spent_before:.4f}",
            "STUDIO_PRICE_PER_HOUR": f"{rental.price:.4f}",
            "STUDIO_SAVE_MARGIN": f"{margin:.0f}",
            **NO_TELEMETRY,
        },
        ends_at=rental.ends_by,
    )


def _none_left(run: Run, later: GpuOffer | None, tried: Sequence[GpuOffer]) -> NoCapacityError:
    names = " and ".join(offer.name for offer in tried)
    message = (
        f"Nobody has a free {names} now." if tried else "No GPU that was agreed to fits and is free now."
    )
    if later is None:
        return NoCapacityError(message, "Try later, or choose another region, or a smaller run.")
    hint = (
        f"Free now: {offer_text(later)}. Set the highest price to {money(later.price_per_hour)} to take it."
    )
    return NoCapacityError(message, hint, later=later)
