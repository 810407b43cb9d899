"""The part of the half-filled form on a rented GPU, as it was typed."""

from dataclasses import dataclass, replace
from math import isfinite

from app.domain.money import typed_money
from app.domain.presets import CHEAPEST_RUNPOD, FASTEST_RUNPOD
from app.domain.renting import NO_POD, Order, PodOptions
from app.domain.runpod_ports import GpuOffer
from app.ui.texts import text

_ORDERS = {FASTEST_RUNPOD: Order.FASTEST, CHEAPEST_RUNPOD: Order.CHEAPEST}


@dataclass(frozen=True)
class PodDraft:
    """Never changed, only replaced, as `SpreadDraft` is."""

    image: str = ""
    gpus: tuple[str, ...] = ()
    """Chosen by hand, in the order to try them; empty: all that fit."""
    order: Order = Order.CHEAPEST
    budget: str = typed_money(NO_POD.budget)
    hours: str = f"{NO_POD.hours:g}"
    highest_price: str = ""
    region: str = ""
    volume: str = ""
    disk_gb: int = NO_POD.disk_gb
    pass_hf_token: bool = False

    @classmethod
    def of(cls, options: PodOptions) -> "PodDraft":
        """So that `options` gives the same again."""
        highest = options.highest_price
        return cls(
            image=options.image,
            gpus=options.gpus,
            order=options.order,
            budget=typed_money(options.budget),
            hours=_text(options.hours),
            highest_price="" if highest is None else typed_money(highest),
            region=options.region,
            volume=options.volume,
            disk_gb=options.disk_gb,
            pass_hf_token=options.pass_hf_token,
        )

    def options(self) -> PodOptions:
        """As it stands, complete or not: what is no number counts as none given, which `problem` says."""
        return PodOptions(
            image=self.image.strip(),
            gpus=self.gpus,
            order=self.order,
            budget=_number(self.budget) or 0.0,
            hours=_number(self.hours) or 0.0,
            highest_price=_number(self.highest_price),
            region=self.region.strip(),
            volume=self.volume.strip(),
            disk_gb=self.disk_gb,
            pass_hf_token=self.pass_hf_token,
        )

    def problem(self) -> str:
        """What is wrong with it, as an order; empty if nothing is."""
        if self.highest_price.strip() and _number(self.highest_price) is None:
            return text("training.missing.highest_price")
        return self.options().problem()

    def as_preset(self, name: str) -> "PodDraft":
        """A preset for Runpod says which GPU comes first; what was chosen by hand is then no more."""
        return replace(self, order=_ORDERS[name], gpus=()) if name in _ORDERS else self

    def agreeing_to(self, offer: GpuOffer) -> "PodDraft":
        """With a yes to that one's price, as if it had been typed."""
        agreed = self.options().agreeing_to(offer)
        return replace(self, gpus=agreed.gpus, highest_price=typed_money(agreed.highest_price or 0.0))

    def toggled(self, gpu: str) -> "PodDraft":
        """One more, behind those that are chosen, or one less."""
        if gpu in self.gpus:
            return replace(self, gpus=tuple(other for other in self.gpus if other != gpu))
        return replace(self, gpus=(*self.gpus, gpu))


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", ".").removeprefix("$"))
    except ValueError:
        return None
    return value if isfinite(value) else None


def _text(value: float) -> str:
    return repr(value).removesuffix(".0")
