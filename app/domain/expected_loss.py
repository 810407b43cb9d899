"""What loss the training guide expects after each epoch: something to hold a curve against, not a promise."""

from typing import Final

from trainer_image.config import RunConfig
from trainer_image.variants import classify_model

BANDS: Final = ((2.0, 3.0), (1.5, 2.0), (1.0, 1.5), (0.8, 1.2))
"""(low, high) at the start and after one, two and three epochs."""


def band_at(config: RunConfig, epoch: float) -> tuple[float, float] | None:
    """None where the guide's numbers do not hold: where only answers carry loss, after three epochs, and for
    an adapter on a model that has learnt to answer already."""
    is_masked = not (config.unmask_messages or config.is_pretraining)
    starts_low = config.method.kind == "lora" and classify_model(config.base_model) == "instruct"
    if is_masked or starts_low or not 0 <= epoch < len(BANDS):
        return None
    return BANDS[int(epoch)]


def expected_loss_note(config: RunConfig, *, epoch: float, loss: float) -> str:
    """A sentence to stand below the curve; empty where the guide has none."""
    band = band_at(config, epoch)
    if band is None:
        return ""
    low, high = band
    when = "at the start" if epoch < 1 else f"after {int(epoch)} epoch{'s' if epoch >= 2 else ''}"
    where = "below it" if loss < low else "above it" if loss > high else "in it"
    return (
        f"The training guide expects {low:g} to {high:g} {when}; this run is {where}. A rule of thumb: data "
        "and model move it."
    )
