"""The model card of an export: the trainer's own of the run, and what was done to it since."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.domain.exports import Export, ExportFormat
from app.domain.runs import Run
from trainer_image.card import events_of, model_card
from trainer_image.events import Event

_LIBRARIES: Final = {
    ExportFormat.ADAPTER: "peft",
    ExportFormat.MERGED: "transformers",
    ExportFormat.GGUF: "gguf",
    ExportFormat.MLX: "mlx",
}
_TITLE: Final = "# Result of a run"


def export_card(run: Run, export: Export, version: str) -> str:
    """As the Hub reads it. Quotes no row and names no folder of this computer."""
    config = run.config.model_copy(update={"push": None})
    card = model_card(config, _events(run.events_path), best_step=None, versions={"Tunewright": version})
    card = re.sub(r"library_name: \w+", f"library_name: {_LIBRARIES[export.format]}", card, count=1)
    names = sorted(path.name for path in export.folder.glob("*.gguf"))
    lines = [
        "## Export",
        "",
        f"{export.label}. {_found(export)}",
        *(f"\n- `{name}`" for name in names),
        "",
    ]
    return card.replace(_TITLE, f"# {' '.join(run.name.split())}", 1) + "\n" + "\n".join(lines)


def _found(export: Export) -> str:
    """Never the verdict itself: it may quote a row that was kept aside."""
    if export.passed:
        return "Loaded again and tried against the trained model: it reads and answers as in training."
    if export.is_untried:
        return "Copied and looked at, but its answers were not compared with the trained model."
    return (
        "Loaded again and tried against the trained model: not everything is as in training. "
        "Who made it has a certificate that says what is not."
    )


def _events(path: Path) -> Sequence[Event]:
    """None where the trainer was another's and left none."""
    try:
        return events_of(path)
    except OSError:
        return ()
