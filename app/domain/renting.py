"""Renting a GPU: what a person asks for, which offers serve, in which order, and what it will cost.

Pure: prices and stock are handed in. Money is in US dollars, memory in GB of 10⁹ bytes as cards are sold.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.money import money
from app.domain.runpod_ports import GpuOffer, Stock
from trainer_image.cards import SAFE_SHARE


class Order(StrEnum):
    """Which of the GPUs that fit is tried first."""

    FASTEST = "fastest"
    CHEAPEST = "cheapest"


_IMAGE: Final = re.compile(r"[A-Za-z0-9][\w.:-]*(/[\w.-]+)+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?", re.ASCII)
_HERE: Final = re.compile(r"localhost\b|127\.|0\.0\.0\.0")
"""A registry of this computer: a pod would wait for its image, and cost, until its patience ends."""
_REGION: Final = re.compile(r"[A-Z]{2,5}-[A-Z]{2,5}-\d{1,2}")
_VOLUME: Final = re.compile(r"[A-Za-z0-9]{4,40}")
LEAST_HOURS: Final = 0.1
MOST_HOURS: Final = 24.0 * 7
SETUP_SECONDS: Final = 480.0
"""From the order of a pod to its first step: pulling the image, upload, loading. An image of 8.5 GB took
somebody three and a half minutes; nobody knows before."""
RETRIEVE_SHARE: Final = 0.1
MOST_RETRIEVE: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class PodOptions:
    """What a run on a rented GPU needs beyond its config."""

    image: str = ""
    """Of a registry that Runpod reaches."""
    gpus: tuple[str, ...] = ()
    """Types by their ids, in the order to try them; empty: all that fit, by `order`."""
    order: Order = Order.CHEAPEST
    budget: float = 5.0
    """Never more than this, dollars, with everything, on all pods of the run together: hard."""
    hours: float = 4.0
    """Never longer than this, from the order of the pod on: hard."""
    highest_price: float | None = None
    """An hour. What costs more is not taken without being asked; None: what the first choice costs."""
    region: str = ""
    """Data centre; empty: wherever there is one. With a volume, the volume's."""
    volume: str = ""
    """A network volume by its id; empty: none, and what is not fetched in time is gone with the pod."""
    disk_gb: int = 40
    pass_hf_token: bool = False

    def agreeing_to(self, offer: GpuOffer) -> "PodOptions":
        """With a yes to this one too, at its price."""
        gpus = (*self.gpus, offer.id) if self.gpus and offer.id not in self.gpus else self.gpus
        highest = max(offer.price_per_hour, self.highest_price or 0.0)
        return replace(self, gpus=gpus, highest_price=highest)

    def problem(self) -> str:
        """What is wrong with it, as an order; empty if nothing is."""
        if problem := image_problem(self.image.strip()):
            return problem
        if not 0 < self.budget < 100_000:
            return "Type a budget in dollars, like 5"
        if not LEAST_HOURS <= self.hours <= MOST_HOURS:
            return f"Type a deadline from {LEAST_HOURS} to {MOST_HOURS:.0f} hours"
        if self.highest_price is not None and self.highest_price <= 0:
            return "Type the highest price an hour in dollars, or nothing"
        if self.region and not _REGION.fullmatch(self.region):
            return "Type a region of Runpod like EU-RO-1, or nothing"
        if self.volume and not _VOLUME.fullmatch(self.volume):
            return "Type the network volume's id, as Settings shows it, or nothing"
        return ""


NO_POD: Final = PodOptions()
"""Of a run on this computer."""


def image_problem(image: str) -> str:
    """What keeps Runpod from getting that image, as an order; empty if nothing can be seen from here."""
    if not image:
        return "Type the trainer image, as it is called in its registry"
    if not _IMAGE.fullmatch(image) or _HERE.match(image):
        return "Type the trainer image with a registry Runpod can reach, like ghcr.io/you/trainer:1"
    return ""


def offer_text(offer: GpuOffer) -> str:
    """For people: what it is, what it has, what it costs."""
    stock = f"stock {offer.stock.name.lower()}" if offer.stock else "none free"
    return f"{offer.name}, {offer.memory_gb} GB, {money(offer.price_per_hour)}/h, {stock}"


# Dense bfloat16 TFLOP/s with tensor cores, from the makers' data sheets: only their order counts.
_STRENGTH: Final = (
    ("B300", 2250.0), ("B200", 2250.0), ("H200 NVL", 835.0), ("H200", 989.0), ("H100 NVL", 835.0),
    ("H100 PCIe", 756.0), ("H100", 989.0), ("PRO 6000", 480.0), ("6000 Ada", 364.0), ("L40S", 362.0),
    ("A100", 312.0), ("5090", 210.0), ("L40", 181.0), ("4090", 165.0), ("A6000", 155.0), ("A40", 150.0),
    ("5080", 112.0), ("L4", 121.0), ("4080", 97.0), ("A5000", 111.0), ("3090", 71.0), ("A4500", 95.0),
    ("4000 Ada", 107.0), ("2000 Ada", 48.0), ("A4000", 77.0), ("3080", 60.0), ("V100", 28.0),
)  # fmt: skip


def strength(name: str) -> float:
    """How fast it trains beside others, roughly; a card nobody listed counts as a slow one."""
    return next((value for part, value in _STRENGTH if part.lower() in name.lower()), 1.0)


def fits(offer: GpuOffer, needed_bytes: int | None) -> bool:
    """Whether an estimate may fill it; without an estimate every card may do."""
    return needed_bytes is None or needed_bytes <= SAFE_SHARE * offer.memory_gb * 1e9


def stock_of(offer: GpuOffer, region: str) -> Stock:
    """How many are free there, or anywhere without a region."""
    return offer.regions.get(region, Stock.NONE) if region else offer.stock


def ladder(
    offers: Iterable[GpuOffer], needed_bytes: int | None, options: PodOptions, *, with_stock: bool = True
) -> tuple[GpuOffer, ...]:
    """The offers to try one after another: those that fit and can be had, never one that costs more than was
    agreed to.

    What a person chose by hand keeps their order. `with_stock`: leave out what nobody has.
    """
    usable = [
        offer
        for offer in offers
        if offer.price_per_hour > 0
        and fits(offer, needed_bytes)
        and not (with_stock and stock_of(offer, options.region) is Stock.NONE)
    ]
    ordered = sorted(usable, key=_key(options))
    if options.gpus:
        ordered = [offer for offer in ordered if offer.id in options.gpus]
    return tuple(offer for offer in ordered if offer.price_per_hour <= agreed_price(ordered, options))


def agreed_price(ordered: Sequence[GpuOffer], options: PodOptions) -> float:
    """An hour, at most: what was typed, else what the dearest GPU named by hand or the first choice costs."""
    if options.highest_price is not None:
        return options.highest_price
    if options.gpus:
        return max((offer.price_per_hour for offer in ordered), default=0.0)
    return ordered[0].price_per_hour if ordered else 0.0


def beyond(
    offers: Iterable[GpuOffer], needed_bytes: int | None, options: PodOptions, tried: Iterable[GpuOffer]
) -> GpuOffer | None:
    """The next one to ask a person about when all that was agreed to is gone: the cheapest not tried."""
    gone = {offer.id for offer in tried}
    rest = [
        offer
        for offer in offers
        if offer.price_per_hour > 0 and offer.id not in gone and fits(offer, needed_bytes)
        if stock_of(offer, options.region) is not Stock.NONE
    ]
    return min(rest, key=lambda offer: (offer.price_per_hour, offer.id), default=None)


def _key(options: PodOptions) -> Callable[[GpuOffer], tuple[float, ...]]:
    chosen = {gpu: place for place, gpu in enumerate(options.gpus)}

    def key(offer: GpuOffer) -> tuple[float, ...]:
        place = float(chosen.get(offer.id, len(chosen)))
        if options.order is Order.FASTEST:
            return (place, -strength(offer.name), offer.price_per_hour)
        return (place, offer.price_per_hour, -strength(offer.name))

    return key


@dataclass(frozen=True)
class Term:
    """How long a pod may live: both ends are hard, and fixed when it is ordered."""

    train_until: datetime
    """Then it saves and stops, so that there is time to fetch what it made."""
    ends_by: datetime
    """Then it is ended whatever it does."""


def term(now: datetime, price: float, options: PodOptions, *, spent: float = 0.0) -> Term:
    """By deadline and budget, whichever comes first. `price` is what an hour of this pod costs, `spent` what
    the run has cost on others."""
    hours = hours_left(price, options, spent)
    length = timedelta(hours=hours)
    reserve = min(length * RETRIEVE_SHARE, MOST_RETRIEVE)
    return Term(train_until=now + length - reserve, ends_by=now + length)


def hours_left(price: float, options: PodOptions, spent: float) -> float:
    """Of a pod of that price, by deadline and by what is left of the budget."""
    left = max(options.budget - spent, 0.0)
    return min(options.hours, left / price) if price > 0 else options.hours


def too_little_left(price: float, options: PodOptions, spent: float) -> tuple[str, str] | None:
    """What is said of a run whose budget pays for no further pod; None if it does."""
    if not spent or hours_left(price, options, spent) >= LEAST_HOURS:
        return None
    return (
        f"The run has cost {money(spent)} of its budget of {money(options.budget)}: "
        f"what is left pays for no pod of {money(price)} an hour.",
        "The budget is for everything together. Give it a larger one to go on.",
    )


@dataclass(frozen=True)
class Leaving:
    """A file that is sent to the pod."""

    name: str
    size: int


@dataclass(frozen=True)
class CostPlan:
    """What a person is told before a pod is ordered."""

    offer: GpuOffer
    others: tuple[GpuOffer, ...]
    """Tried next, in this order, if it is gone."""
    budget: float
    hours: float
    """At most: by deadline and budget."""
    train_seconds: float | None
    """From measured steps on this very type of GPU; None where it was never seen."""
    measured_steps: int = 0
    leaving: tuple[Leaving, ...] = ()
    balance: float | None = None
    later: GpuOffer | None = field(default=None)
    """The next one that would need a yes to a higher price."""
    spent: float = 0.0
    """What the run has cost before, on other pods."""

    @property
    def seconds(self) -> float | None:
        return None if self.train_seconds is None else self.train_seconds + SETUP_SECONDS

    @property
    def total(self) -> float | None:
        """Expected; None where nobody knows how long it takes."""
        return None if self.seconds is None else self.seconds / 3600 * self.offer.price_per_hour

    @property
    def most(self) -> float:
        """What it can cost at most, from now on."""
        return min(max(self.budget - self.spent, 0.0), self.hours * self.dearest)

    @property
    def dearest(self) -> float:
        """An hour, of all that may be taken."""
        return max(offer.price_per_hour for offer in (self.offer, *self.others))

    def agreed(self, options: PodOptions) -> PodOptions:
        """What is ordered after a yes to this: these GPUs by name, at these prices at most."""
        gpus = tuple(offer.id for offer in (self.offer, *self.others))
        return replace(options, gpus=gpus, highest_price=self.dearest)

    @property
    def leaving_bytes(self) -> int:
        return sum(each.size for each in self.leaving)


def plan_of(
    rungs: Sequence[GpuOffer],
    options: PodOptions,
    *,
    train_seconds: float | None = None,
    measured_steps: int = 0,
    leaving: Iterable[Leaving] = (),
    balance: float | None = None,
    later: GpuOffer | None = None,
    spent: float = 0.0,
) -> CostPlan:
    """Of a ladder that has at least one rung."""
    first, *others = rungs
    return CostPlan(
        offer=first,
        others=tuple(others),
        budget=options.budget,
        hours=hours_left(first.price_per_hour, options, spent),
        train_seconds=train_seconds,
        measured_steps=measured_steps,
        leaving=tuple(leaving),
        balance=balance,
        later=later,
        spent=spent,
    )
