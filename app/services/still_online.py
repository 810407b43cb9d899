"""What offline mode does not end: it keeps new connections from being made, and stops nothing under way."""

from collections.abc import Callable, Sequence

from app.domain.ports import RunStore
from app.domain.still_online import StillOnline, of_run


class StillOnlineService:
    """Asked for as long as offline mode is on. Quick: asks no target."""

    def __init__(
        self,
        runs: RunStore,
        exports: Callable[[], Sequence[str]],
        loads_online: Callable[[], bool],
        *,
        image: Callable[[], str],
        datasets: Callable[[], Sequence[str]],
    ) -> None:
        """`exports`: labels of those being made; `loads_online`: whether a model to talk to is being loaded
        by a process that may use the network; `image`: the one that is being built or pulled, empty if none
        is; `datasets`: those being fetched from the Hub."""
        self._runs = runs
        self._exports = exports
        self._loads_online = loads_online
        self._image = image
        self._datasets = datasets

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
        return (*runs, *exports, *self._loading(), *self._fetching())

    def _loading(self) -> list[StillOnline]:
        if not self._loads_online():
            return []
        return [
            StillOnline(
                "A model to talk to is being loaded, perhaps from the Hub.", hint="Stop it in Inference."
            )
        ]

    def _fetching(self) -> list[StillOnline]:
        found = [
            StillOnline(
                f"The dataset {name} is being fetched from the Hub.",
                hint="Cancel it in Data, or let it come to its end.",
            )
            for name in self._datasets()
        ]
        if image := self._image():
            said = f"Docker is building or pulling the image {image} and may fetch what it is made of."
            found.append(StillOnline(said, hint="Cancel it in Training, at the fields for Docker."))
        return found
