"""The numbers of a run as a file for other programs."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Final

from app.domain.runs import Measurement, Metric
from app.services.loss_files import EMA_SPAN, smoothed

_COLUMNS: Final = (
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second", "elapsed_seconds",
    "gpu_memory_gb", "gpu_utilisation", "gpu_temperature",
)  # fmt: skip


def curve_csv(metrics: Sequence[Metric], measurements: Sequence[Measurement], *, span: int = EMA_SPAN) -> str:
    """A line a step, with the loss as the chart smooths it, and as measured after it; empty if unknown."""
    measured = {m.step: m.loss for m in measurements}
    means = smoothed([m.loss for m in metrics], span=span)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, f"loss_ema_{span}", "validation_loss"])
    for metric, mean in zip(metrics, means, strict=True):
        values = [getattr(metric, name) for name in _COLUMNS]
        told = None if math.isnan(mean) else mean
        writer.writerow(["" if v is None else v for v in (*values, told, measured.get(metric.step))])
    return text.getvalue()
