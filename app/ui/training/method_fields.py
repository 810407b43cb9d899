"""Named shares of what OSFT lets learn."""

import flet as ft

from app.domain.presets import RATIO_BANDS
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Help, Segments


def RatioBands(draft: TrainingDraft) -> ft.Control:
    """Named ratios; none is chosen while another is typed."""
    typed = draft.numbers["unfreeze_rank_ratio"].strip()
    chosen = next((band for band in RATIO_BANDS if f"{band.ratio:g}" == typed), None)

    def choose(label: str) -> None:
        ratio = next(band.ratio for band in RATIO_BANDS if band.label == label)
        draft.type_number("unfreeze_rank_ratio", f"{ratio:g}")

    options = [(band.label, f"{band.label} {band.ratio:g}") for band in RATIO_BANDS]
    bands = Segments(
        "ratio-bands", text("training.method.how_freely"), chosen.label if chosen else "", options, choose
    )
    return ft.Column([bands, *([Help(chosen.why)] if chosen else [])], spacing=GAP / 2, tight=True)
