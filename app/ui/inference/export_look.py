"""What is known of a choice of the export's dialog before anything is written."""

from dataclasses import dataclass
from pathlib import Path

from app.domain.exports import (
    ComputesOn,
    Estimate,
    ExportFormat,
    ExportWish,
    FormatChoice,
    MlxBits,
    Quantization,
)
from app.domain.runs import Run
from app.domain.typed_paths import expanded
from app.services.export_sources import RESULT, ExportSource
from app.services.exporting import ExportService


@dataclass(frozen=True)
class Look:
    sources: tuple[ExportSource, ...]
    checkpoint: str
    """What of `sources` is meant, by its name."""
    formats: tuple[FormatChoice, ...]
    folder: Path
    estimate: Estimate
    has_card: bool


def look_at(
    exporting: ExportService,
    run: Run,
    picked: str | None,
    format: ExportFormat,
    quantization: Quantization,
    mlx_bits: MlxBits,
    computes_on: ComputesOn,
    folder: str,
    base: str,
) -> Look:
    """What was picked may be gone since: then the first of what there is."""
    sources = exporting.sources(run)
    names = [source.name for source in sources] or [RESULT]
    name = picked if picked in names else names[0]
    proposed = exporting.proposed_folder(run, format, quantization, name, mlx_bits)
    place = expanded(folder.strip()).absolute() if folder.strip() else proposed
    wish = ExportWish(
        format,
        place,
        quantization,
        base_model=asked_base(format, base.strip()),
        checkpoint=name,
        mlx_bits=mlx_bits,
        computes_on=computes_on,
    )
    found = exporting.estimate(run, wish) if sources else Estimate(None, None, 0, None)
    return Look(sources, name, exporting.formats(run, quantization, name), place, found, exporting.has_card())


def fits(estimate: Estimate) -> bool:
    return estimate.fits and estimate.download_fits


def asked_base(format: ExportFormat, typed: str) -> str:
    """The field is about merging: an adapter alone belongs to the base it was trained on."""
    return "" if format is ExportFormat.ADAPTER else typed


def merges(look: Look | None) -> bool:
    return look is not None and any(s.is_adapter for s in look.sources if s.name == look.checkpoint)
