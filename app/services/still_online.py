"""What offline mode does not end: it keeps new connections from being made, and stops nothing under way."""

from collections.abc import Callable, Sequence

from app.domain.ports import RunStore
from app.domain.still_online import StillOnline, of_run


class StillOnlineService:
    """Asked for as long as offline mode is on. Quick: asks no target."""

    def __init__(
        self, runs: RunStore, exports: Callable[[], Sequence[str]], loads_online: Callable[[], bool]
    ) -> None:
        """`exports`: labels of those being made; `loads_online`: whether a model to talk to is being loaded
        by a process that may use the network."""
        self._runs = runs
        self._exports = exports
        self._loads_online = loads_online

    def under_way(self) -> tuple[StillOnline, ...]:
        """Started online, not over, and what is known of it."""
        runs = [found for run in self._runs.all() if (found := of_run(run))]
        exports = [
            StillOnline(
                f"The export of {label} goes on and may fetch what it needs of the model.",
                hint="Cancel it where it was begun.",
            )
            for label in self._exports()
        ]
        return (*runs, *exports, *self._loading())

    def _loading(self) -> list[StillOnline]:
        if not self._loads_online():
            return []
        return [
            StillOnline(
                "A model to talk to is being loaded, perhaps from the Hub.", hint="Stop it in Inference."
            )
        ]
