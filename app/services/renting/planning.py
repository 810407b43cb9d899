"""Before a pod is ordered: which GPUs serve, what they cost, how long it takes, and what leaves here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError, TargetError
from app.domain.money import money
from app.domain.ports import RunStore
from app.domain.rentals import Rental, spent_since
from app.domain.renting import (
    CostPlan,
    Leaving,
    PodOptions,
    beyond,
    ladder,
    offer_text,
    plan_of,
    stock_of,
    too_little_left,
)
from app.domain.runpod_ports import Balance, GpuOffer, NoCapacityError, RunpodCloud
from app.domain.runs import Run, RunId, RunRequest
from app.services.remembering import Remembering
from app.services.renting.carrying import leaving, sizes
from app.services.renting.parts import Renting
from app.services.resuming import begins_at, on_ground
from trainer_image.config import CHECKPOINTS_DIR, DATA_FILE, FileDataset, RunConfig

_RENTALS_ASKED: Final = 100

NeededBytes = Callable[[RunConfig], int | None]


@dataclass(frozen=True)
class Speed:
    """Seconds an example took on a type of GPU, and over how many steps that was measured."""

    seconds_per_example: float
    steps: int


class RentingService:
    """Blocking: asks Runpod, up to seconds. The UI calls it off the event loop."""

    def __init__(
        self,
        renting: Renting,
        runs: RunStore,
        needed_bytes: NeededBytes,
        data_size: Callable[[RunRequest], int | None],
        local_model: Callable[[RunConfig], RunConfig],
    ) -> None:
        """`data_size`: bytes of a request's rows, if anybody knows. `local_model`: the config with a bundled
        model as the folder it is."""
        self._renting = renting
        self._runs = runs
        self._needed_bytes = needed_bytes
        self._data_size = data_size
        self._local_model = local_model
        self._remembered = Remembering()

    def problem(self) -> str:
        """Why nothing can be rented now, as a sentence; empty if it can."""
        return self._renting.account.problem()

    def offers(self) -> Sequence[GpuOffer]:
        """Of this minute. Raises TargetError."""
        return self._remembered.asked(("offers", self._minute()), lambda: self._cloud().offers())

    def choices(self, config: RunConfig | None, options: PodOptions) -> Sequence[GpuOffer]:
        """All that fit the run, if it is known, in the order of `options`, whatever they cost, those out of
        stock too. Raises TargetError."""
        every = replace(self._placed(options), gpus=(), highest_price=float("inf"))
        needed = self.needed_bytes(config) if config else None
        return ladder(self._offers_in(every.region), needed, every, with_stock=False)

    def needed_bytes(self, config: RunConfig) -> int | None:
        return self._remembered.asked(
            ("needed", config.model_dump_json()), lambda: self._needed_bytes(config)
        )

    def balance(self) -> Balance:
        return self._remembered.asked(("balance", self._minute()), lambda: self._cloud().balance())

    def plan(self, request: RunRequest, steps: int | None) -> CostPlan:
        """What it will cost, `steps` long. Raises TargetError, NoCapacityError if nothing serves."""
        options, config = self._placed(request.pod), request.config
        offers, needed = self._offers_in(options.region), self.needed_bytes(config)
        rungs = ladder(offers, needed, options)
        later = beyond(offers, needed, options, rungs)
        if not rungs:
            raise none_serves(later, needed)
        before = self._runs.get(request.goes_on) if request.goes_on else None
        spent = self._renting.spent(before.id) if before else 0.0
        if said := too_little_left(rungs[0].price_per_hour, options, spent):
            raise TargetError(*said)
        speed = self._speed(rungs[0].id, config)
        seconds = None
        if speed and steps is not None:
            left = max(steps - (begins_at(before, request.checkpoint) if before else 0), 0)
            seconds = speed.seconds_per_example * left * config.effective_batch_size
        return plan_of(
            rungs,
            options,
            train_seconds=seconds,
            measured_steps=speed.steps if speed else 0,
            leaving=self._leaving(request, before),
            balance=self._credit(),
            later=later,
            spent=spent,
        )

    def _offers_in(self, region: str) -> Sequence[GpuOffer]:
        """With what is free there, or anywhere without a region."""
        return [replace(offer, stock=stock_of(offer, region)) for offer in self.offers()]

    def _placed(self, options: PodOptions) -> PodOptions:
        """In the region of its volume, which no other region has. Raises TargetError."""
        if not options.volume:
            return options
        volumes = self._remembered.asked(("volumes", self._minute()), lambda: self._cloud().volumes())
        volume = next((volume for volume in volumes if volume.id == options.volume), None)
        if volume is None:
            hint = "Settings → Runpod lists those there are, with their ids; a run needs none."
            raise TargetError(f"Runpod knows no network volume {options.volume}.", hint)
        if options.region not in ("", volume.region):
            message = f"The volume {volume.id} is in {volume.region}, not in {options.region}."
            raise TargetError(message, "Empty one of the two fields.")
        return replace(options, region=volume.region)

    def rental(self, run: Run) -> Rental | None:
        """Of its newest attempt."""
        return self._renting.rentals.find(run.id, run.attempt)

    def rentals(self, run: Run | None = None) -> Sequence[Rental]:
        """Of a run, or all; the newest first."""
        return self._renting.rentals.all() if run is None else self._renting.rentals.of(run.id)

    def cost(self, rental: Rental) -> float:
        """Dollars so far."""
        return rental.cost(self._renting.clock())

    def spent(self, run_id: RunId) -> float:
        """Dollars that a run has cost so far, on all its pods."""
        return self._renting.spent(run_id)

    def spent_since(self, moment: datetime) -> float:
        """Dollars that all rented runs together have cost from then on."""
        return spent_since(self._renting.rentals.all(), moment, self._renting.clock())

    def seconds_left(self, rental: Rental) -> float:
        """Until its hard end."""
        return (rental.ends_by - self._renting.clock()).total_seconds()

    def _leaving(self, request: RunRequest, before: Run | None) -> Sequence[Leaving]:
        """Of a run that goes on its checkpoint and its record, too."""
        config = self._local_model(request.config)
        if before is not None:
            named = f"{CHECKPOINTS_DIR}/{request.checkpoint}" if request.checkpoint else ""
            checkpoint = named or on_ground(before).checkpoint or ""
            going = leaving(before.folder, config, checkpoint=checkpoint)
            return [*sizes(going), Leaving("config.json", len(config.model_dump_json()))]
        found = sizes(leaving(Path("/nowhere"), config))
        size = self._data_size(request)
        rows = (
            [Leaving(DATA_FILE, size)] if size is not None and isinstance(config.dataset, FileDataset) else []
        )
        return [*rows, *found, Leaving("config.json", len(config.model_dump_json()))]

    def _cloud(self) -> RunpodCloud:
        return self._renting.account.cloud()

    def _minute(self) -> str:
        return f"{self._renting.clock():%H:%M}"

    def _credit(self) -> float | None:
        """None where the key may not read it: that keeps nobody from starting."""
        try:
            return self.balance().credit
        except StudioError:
            return None

    def _speed(self, gpu: str, config: RunConfig) -> Speed | None:
        """By the newest run of this model, method and length on such a GPU."""
        model = self._local_model(config).base_model
        for rental in islice(self._renting.rentals.all(), _RENTALS_ASKED):
            if rental.gpu != gpu or not rental.is_started:
                continue
            try:
                run = self._runs.get(rental.run_id)
            except StudioError:
                continue
            is_like_it = (run.config.base_model, run.config.method.kind, run.config.max_seq_len) == (
                model,
                config.method.kind,
                config.max_seq_len,
            )
            metrics = self._runs.metrics(run.id, after_step=max(run.step - 1, 0)) if is_like_it else ()
            if metrics and metrics[-1].step:
                examples = metrics[-1].step * run.config.effective_batch_size
                return Speed(metrics[-1].elapsed_seconds / examples, metrics[-1].step)
        return None


def none_serves(later: GpuOffer | None, needed: int | None) -> NoCapacityError:
    """Why there is no first rung, and what would be one."""
    size = f" that holds {needed / 1e9:.0f} GB" if needed else ""
    if later is None:
        return NoCapacityError(
            f"No GPU{size} is free at Runpod now.", "Choose another region, a smaller run, or try later."
        )
    return NoCapacityError(
        f"No GPU{size} is free at the price you agreed to.",
        f"Free now: {offer_text(later)}. Set the highest price to {money(later.price_per_hour)} to take it.",
        later=later,
    )
