"""The run's log: the newest lines on the screen, all of it to download."""

from functools import partial
from typing import Final

import flet as ft

from app.domain.file_names import file_name
from app.domain.runs import Run
from app.paths import Paths
from app.services.monitoring import MonitoringService
from app.ui.actions import problem_of
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.log_buffer import LogBuffer, LogChunk
from app.ui.training.saving import offer_file
from app.ui.training.watching import use_answer

_FRAME_SECONDS: Final = 0.5
_FLOOD_SECONDS: Final = 2.0
_FLOOD_BYTES: Final = 8 * 1024
"""More in a frame than anybody can read: then a frame lasts longer, and clicks come first."""
_LIMIT: Final = 256 * 1024
"""Bytes read at a time; who falls further behind skips to the end."""


class LogReader:
    """Follows a log file from its tail on; every `read` happens on a thread."""

    def __init__(self, monitoring: MonitoringService) -> None:
        self._monitoring = monitoring
        self._offset: int | None = None
        self.buffer = LogBuffer()
        self._drawn: dict[LogChunk, ft.Control] = {}
        self._is_flooded = False

    def read(self, run: Run) -> tuple[str, int]:
        """New whole lines, and where they end; `take` accepts them."""
        if self._offset is None:
            return self._monitoring.log_tail(run, limit=_LIMIT)
        text, end = self._monitoring.log_text(run, start=self._offset, limit=_LIMIT)
        if end - self._offset > _LIMIT // 2:
            return self._monitoring.log_tail(run, limit=_LIMIT)
        return text, end

    def take(self, text: str, end: int) -> int:
        """Put lines into the buffer; returns the position, by which a change is seen."""
        self._offset = end
        self._is_flooded = len(text) > _FLOOD_BYTES
        self.buffer.add(text)
        return end

    def pause_seconds(self) -> float:
        """Until the next look: longer while more is written than can be read."""
        return _FLOOD_SECONDS if self._is_flooded else _FRAME_SECONDS

    def lines(self) -> list[ft.Control]:
        """The newest first; an unchanged chunk is the same control as before, which costs nothing."""
        self._drawn = {chunk: self._drawn.get(chunk) or _lines(chunk) for chunk in self.buffer.newest_first()}
        return list(self._drawn.values())


@ft.component
def LogView(monitoring: MonitoringService, run: Run) -> ft.Control:
    """Give it the run's id as key: another run is another log."""
    reader = ft.use_memo(partial(LogReader, monitoring), dependencies=[])
    _, set_position = ft.use_state(0)
    is_live = not run.status.is_final
    use_answer(
        lambda: reader.read(run),
        lambda read: set_position(reader.take(*read)),
        on=(run.attempt, is_live),
        every_seconds=reader.pause_seconds if is_live else None,
    )
    chunks = reader.lines()
    empty = ft.Text(text("training.log.empty"), color=ft.Colors.ON_SURFACE_VARIANT)
    body = Selectable(ft.ListView(chunks, reverse=True, padding=GAP)) if chunks else empty
    box = ft.Container(
        body,
        height=240,
        bgcolor=ft.Colors.SURFACE_CONTAINER,
        border_radius=GAP,
        padding=GAP if not chunks else None,
    )
    return ft.Column(
        [DownloadLog(run), Identified("log", box, label=text("training.log.title"))],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _lines(chunk: LogChunk) -> ft.Control:
    return ft.Text(
        chunk.text, key=chunk.number, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL
    )


@ft.component
def DownloadLog(run: Run) -> ft.Control:
    """The heading of the log with its button, and under it where the file went."""
    said, say = ft.use_state("")

    async def download() -> None:
        try:
            say(
                await offer_file(
                    run.log_path, f"{file_name(run.name)}-log.txt", Paths.from_environment().exports
                )
            )
        except Exception as error:
            problem = problem_of(error)
            say(f"{problem.message} {problem.hint}")

    button = ft.TextButton(text("training.log.download"), icon=ft.Icons.DOWNLOAD, on_click=download)
    title = ft.Text(text("training.log.title"), theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True)
    lines: list[ft.Control] = [ft.Row([title, button])]
    if said:
        words = ft.Text(said, theme_style=ft.TextThemeStyle.BODY_SMALL)
        lines.append(Selectable(Identified("log-saved", words, live=True)))
    return ft.Column(lines, spacing=0, tight=True)
