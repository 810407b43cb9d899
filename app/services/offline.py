"""Offline mode: one switch for everything, decided by the environment or by the person."""

import threading
from typing import Protocol

from app.domain.errors import StudioError
from app.domain.offline import BY_SWITCH
from app.services.settings import SettingsService
from trainer_image.network import because_of


class OfflineError(StudioError):
    """Tunewright was told to stay offline."""


class Network(Protocol):
    """This process's way to the network."""

    def said_by_environment(self) -> tuple[bool, str] | None:
        """Whether the environment wants it offline, and which variable says so; None if it says nothing."""
        ...

    def close(self, why: str) -> None:
        """Refuse every connection off this computer, and tell child processes to do the same."""
        ...

    def open(self) -> None: ...

    def go_through(self, proxy: str) -> None:
        """Have every library here, and in child processes, use this proxy; empty: the environment's."""
        ...


class OfflineService:
    """Asked by everything that would use the network."""

    def __init__(self, settings: SettingsService, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._lock = threading.Lock()

    def reason(self) -> str:
        """Why the network is not used, as a sentence; empty if it may be.

        Holds this process to the answer: the switch may have been moved by another window or in the terminal.
        """
        with self._lock:
            reason = self._reason()
            if reason:
                self._network.close(reason)
            else:
                self._network.open()
                self._network.go_through(self._settings.proxy)
        return reason

    @property
    def decided_by(self) -> str:
        """The environment variable that decides, whatever the switch says; empty if the switch does."""
        said = self._network.said_by_environment()
        return said[1] if said else ""

    def switch(self, on: bool) -> None:
        """Raises StudioError if the environment decides."""
        if variable := self.decided_by:
            raise StudioError(
                f"The environment variable {variable} decides about offline mode.",
                "Unset it and start Tunewright again to use the switch.",
            )
        self._settings.set_offline(on)
        self.reason()

    def refuse(self, what: str) -> None:
        """Raises OfflineError if the network may not be used; `what` completes "… needs the network"."""
        if reason := self.reason():
            raise OfflineError(f"{what} needs the network. {reason}", self.way_out())

    def way_out(self) -> str:
        """How to leave offline mode."""
        if variable := self.decided_by:
            return f"Unset {variable} and start Tunewright again."
        return "Switch offline mode off in Settings, or with: tunewright offline off"

    def _reason(self) -> str:
        if said := self._network.said_by_environment():
            is_offline, variable = said
            return because_of(variable) if is_offline else ""
        return BY_SWITCH if self._settings.is_offline else ""
