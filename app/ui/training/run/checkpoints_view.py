"""The checkpoints a run has written: after how many examples, how good, and where."""

from typing import Final

import flet as ft

from app.domain.checkpoints import SavedCheckpoint
from app.domain.runs import Run
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.identified import Identified
from app.ui.texts import text
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
        lines.append(ft.Text(text("training.checkpoints.older", count=len(saved) - len(shown))))
    body = ft.Container(ft.ListView(lines, spacing=2), height=min(44 * len(lines), 150))
    return ft.Column(
        [
            ft.Text(text("training.checkpoints.title"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
            Identified("checkpoints", body, label=text("training.checkpoints.title")),
        ],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _line(run: Run, saved: SavedCheckpoint) -> ft.Control:
    color = ft.Colors.ERROR if saved.damage else None if saved.is_on_disk else ft.Colors.ON_SURFACE_VARIANT
    row: list[ft.Control] = [
        ft.Text(describe(saved), theme_style=ft.TextThemeStyle.BODY_SMALL, expand=True, color=color)
    ]
    if saved.is_best:
        row.insert(
            0,
            ft.Icon(
                ft.Icons.STAR,
                size=16,
                color=ft.Colors.TERTIARY,
                semantics_label=text("training.checkpoints.best_icon"),
            ),
        )
    if saved.is_on_disk:
        row.append(
            CopyButton(
                str(run.folder / saved.path), what=text("training.checkpoints.folder_of", step=saved.step)
            )
        )
    return ft.Row(row, spacing=GAP, key=f"{saved.step}")


def describe(saved: SavedCheckpoint) -> str:
    """In one line, what is not known left out."""
    facts = [
        text("training.checkpoints.step", step=saved.step),
        text("training.checkpoints.examples", count=saved.samples) if saved.samples is not None else "",
        text("training.checkpoints.epoch", epoch=saved.epoch) if saved.epoch is not None else "",
        text("training.checkpoints.loss", loss=wording.number(saved.loss)) if saved.loss is not None else "",
        text("training.checkpoints.validation", loss=wording.number(saved.validation_loss))
        if saved.validation_loss is not None
        else "",
        text("training.checkpoints.best") if saved.is_best else "",
        "" if saved.is_on_disk else text("training.checkpoints.removed"),
        text("training.checkpoints.damaged", what=saved.damage) if saved.damage else "",
    ]
    return " · ".join(fact for fact in facts if fact)
