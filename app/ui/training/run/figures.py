"""The numbers of a run at a glance."""

import flet as ft

from app.domain.expected_loss import expected_loss_note
from app.domain.runs import Metric, Run
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.fields import Help


def Progress(run: Run) -> ft.Control:
    """The bar, with what it is busy with and how many steps are made."""
    bar = ft.ProgressBar(
        value=wording.progress(run),
        bar_height=8,
        border_radius=4,
        semantics_label=text("training.run.figures.progress"),
    )
    line = ft.Row(
        [
            Identified("run-phase", ft.Text(wording.phase(run), theme_style=ft.TextThemeStyle.TITLE_SMALL)),
            Identified("run-step", ft.Text(wording.steps(run), color=ft.Colors.ON_SURFACE_VARIANT)),
        ],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    return Identified("run-progress", ft.Column([line, bar], spacing=GAP, tight=True))


def Figures(run: Run, last: Metric | None, gained: str = "") -> ft.Control:
    """`gained` is the validation loss before training and at its best."""
    speed = (
        text("training.run.figures.tokens_per_second", speed=last.tokens_per_second)
        if last and last.tokens_per_second
        else "–"
    )
    now = wording.now_utc() if not run.status.is_final else (run.ended_at or run.created_at)
    figures = [
        (
            "run-loss",
            text("training.run.figures.loss_now")
            if not run.status.is_final
            else text("training.run.figures.last_loss"),
            wording.number(run.loss),
        ),
        ("run-speed", text("training.run.figures.speed"), speed),
        ("run-elapsed", text("training.run.figures.elapsed"), wording.elapsed(run, now) or "–"),
    ]
    if not run.status.is_final:
        figures.append(("run-eta", text("training.run.figures.time_left"), wording.time_left(run) or "–"))
    if last and last.gpu_memory_gb is not None:
        figures.append(("run-gpu", "GPU", wording.gpu(last)))
    if gained:
        figures.append(("run-gain", text("training.run.figures.gain"), gained))
    cells: list[ft.Control] = [
        ft.Container(Identified(name, _figure(label, value)), col={"xs": 6, "sm": 3})
        for name, label, value in figures
    ]
    return ft.ResponsiveRow(cells, spacing=GAP, run_spacing=GAP)


def Guide(run: Run, last: Metric | None) -> list[ft.Control]:
    """What the training guide expects of the loss by now, where it says something."""
    note = expected_loss_note(run.config, epoch=last.epoch, loss=last.loss) if last else ""
    return [Identified("loss-guide", Help(note))] if note else []


def _figure(label: str, value: str) -> ft.Control:
    name = ft.Text(label, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT)
    # Not selectable: that makes a text field of it, whose content screen readers of the page do not get.
    return ft.Column(
        [name, ft.Text(value, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)], spacing=0, tight=True
    )
