"""What is kept at Runpod between runs: network volumes, which cost by the month, and templates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.money import money
from app.domain.runpod_ports import GpuOffer, NetworkVolume, Region, Stock

OURS: Final = "tunewright"
"""The name of what Tunewright makes there; it deletes nothing that is called otherwise."""
LEAST_GB: Final = 10
MOST_GB: Final = 4096
AGENT_PORT: Final = "8080/http"

_DOLLARS_A_GB: Final = {"STANDARD": 0.07}
"""List prices of 2026 (docs.runpod.io, Storage options); beyond a terabyte it is cheaper, so that this is
never too low. Of high-performance storage Runpod publishes only that it is dearer and differs by data centre
(docs.runpod.io, High-Performance Storage)."""


def monthly_price(size_gb: int, kind: str = "STANDARD") -> float | None:
    """Dollars, by list price; None where none is published. No interface of Runpod tells it."""
    price = _DOLLARS_A_GB.get(kind)
    return None if price is None else round(size_gb * price, 2)


def a_month(dollars: float | None) -> str:
    """For people, in half a sentence."""
    return "a price a month that is not known here" if dollars is None else f"about {money(dollars)} a month"


def is_ours(name: str) -> bool:
    return name == OURS or name.startswith(f"{OURS}-")


@dataclass(frozen=True)
class VolumeState:
    """A volume with what it costs and who uses it."""

    volume: NetworkVolume
    monthly: float | None
    """None where the price is not known."""
    pods: Sequence[str] = ()
    """Names of the pods that have it now."""

    @property
    def is_ours(self) -> bool:
        return is_ours(self.volume.name)


@dataclass(frozen=True)
class VolumePlan:
    """What `ensure` will come to: a volume that is there, to grow, or to make; and what that costs."""

    region: str
    size_gb: int
    monthly: float | None
    """Of the whole volume, from then on; None where the price is not known."""
    stock: Stock | None
    """Of the GPU that was named, there."""
    existing: NetworkVolume | None = None

    @property
    def is_done(self) -> bool:
        return self.existing is not None and self.existing.size_gb >= self.size_gb

    @property
    def adds(self) -> float | None:
        """Dollars a month more than now; None where the price is not known."""
        now = monthly_price(self.existing.size_gb, self.existing.kind) if self.existing else 0.0
        return None if self.monthly is None or now is None else round(self.monthly - now, 2)

    @property
    def adds_in_words(self) -> str:
        if self.adds is None:
            return "more a month than now, at a price that is not known here: Runpod's console shows it"
        return f"about {money(self.adds)} a month more"


def volume_plan(
    volumes: Iterable[NetworkVolume],
    regions: Iterable[Region],
    offer: GpuOffer | None,
    *,
    size_gb: int,
    region: str = "",
) -> VolumePlan | None:
    """The GPU's stock first, the region by it, then the volume: it is of use in its own region only.

    One of ours comes before a new one, also where the GPU is scarcer; it grows if it is too small. `region`
    names it oneself. None if the GPU is nowhere where volumes are.
    """
    stock = _stock_where_volumes_are(regions, offer)
    places = {name: level for name, level in stock.items() if region in ("", name)}
    usable = [volume for volume in volumes if is_ours(volume.name) and volume.region in places]
    level: Mapping[str, Stock | None] = places if offer else dict.fromkeys(places)
    if usable:
        best = max(usable, key=lambda each: (each.size_gb >= size_gb, places[each.region], each.size_gb))
        size = max(size_gb, best.size_gb)
        return VolumePlan(
            best.region, size, monthly_price(size, best.kind), level[best.region], existing=best
        )
    if not places:
        return None
    place = max(sorted(places), key=lambda name: places[name])
    return VolumePlan(place, size_gb, monthly_price(size_gb), level[place])


def _stock_where_volumes_are(regions: Iterable[Region], offer: GpuOffer | None) -> Mapping[str, Stock]:
    with_volumes = [region.id for region in regions if region.has_volumes]
    if offer is None:
        return dict.fromkeys(with_volumes, Stock.HIGH)
    found = {name: offer.regions.get(name, Stock.NONE) for name in with_volumes}
    return {name: level for name, level in found.items() if level is not Stock.NONE}
