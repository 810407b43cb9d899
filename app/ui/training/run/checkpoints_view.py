"""The checkpoints a run has written: after how many examples, how good, and where."""

from typing import Final

import flet as ft

from app.domain.checkpoints import SavedCheckpoint
from app.domain.runs import Run
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training import wording

_SHOWN: Final = 30


@ft.component
def CheckpointList(run: Run, saved: tuple[SavedCheckpoint, ...]) -> ft.Control:
    """The newest first; nothing before the first one. Memoise it."""
    if not saved:
        return ft.Container(visible=False)
    shown = saved[:_SHOWN]
    lines = [_line(run, checkpoint) for checkpoint in shown]
    if len(saved) > len(shown):
        lines.append(ft.Text(f"{len(saved) - len(shown):,} older ones are not shown."))
    body = ft.Container(ft.ListView(lines, spacing=2), height=min(44 * len(lines), 150))
    return ft.Column(
        [
            ft.Text("Checkpoints", theme_style=ft.TextThemeStyle.TITLE_SMALL),
            Identified("checkpoints", body, label="Checkpoints"),
        ],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _line(run: Run, saved: SavedCheckpoint) -> ft.Control:
    color = None if saved.is_on_disk else ft.Colors.ON_SURFACE_VARIANT
    row: list[ft.Control] = [
        ft.Text(describe(saved), theme_style=ft.TextThemeStyle.BODY_SMALL, expand=True, color=color)
    ]
    if saved.is_best:
        row.insert(0, ft.Icon(ft.Icons.STAR, size=16, color=ft.Colors.TERTIARY, semantics_label="The best"))
    if saved.is_on_disk:
        row.append(CopyButton(str(run.folder / saved.path), what=f"the folder of step {saved.step:,}"))
    return ft.Row(row, spacing=GAP, key=f"{saved.step}")


def describe(saved: SavedCheckpoint) -> str:
    """In one line, what is not known left out."""
    facts = [
        f"Step {saved.step:,}",
        f"{saved.samples:,} examples" if saved.samples is not None else "",
        f"epoch {saved.epoch:.2f}" if saved.epoch is not None else "",
        f"loss {wording.number(saved.loss)}" if saved.loss is not None else "",
        f"validation {wording.number(saved.validation_loss)}" if saved.validation_loss is not None else "",
        "the best" if saved.is_best else "",
        "" if saved.is_on_disk else "removed since",
    ]
    return " · ".join(fact for fact in facts if fact)
