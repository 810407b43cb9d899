"""What every view of a session is given."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from app.domain.sessions import Session
from app.paths import Paths
from app.services.library import LibraryService
from app.services.previews import PreviewService
from app.services.publishing import PublishingService
from app.ui.texts import text_in


@dataclass(frozen=True)
class SessionContext:
    library: LibraryService
    paths: Paths
    session: Session
    """As it is now: its newest version."""
    on_changed: Callable[[Session], None]
    """Told of every new version and of a new name."""
    publishing: PublishingService | None = None
    previews: PreviewService | None = None


@dataclass(frozen=True)
class View:
    """An entry of the switch over a session."""

    name: str
    icon: ft.IconData
    show: Callable[[SessionContext], ft.Control]

    @property
    def label(self) -> str:
        return text_in("data.session.views", self.name)
