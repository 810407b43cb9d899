"""Which one somebody means who types a name, an id, or the start of an id."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from app.domain.errors import StudioError

_SHOWN: Final = 5


class Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def the_one(
    candidates: Sequence[N],
    typed: str,
    kind: str,
    error: Callable[[str, str], StudioError],
    *,
    listed_by: str = "",
) -> N:
    """An exact id wins, then the name, then the start of an id. Raises `error` if none or several fit."""
    for fits in (
        [one for one in candidates if one.id == typed],
        [one for one in candidates if one.name == typed],
        [one for one in candidates if typed and one.id.startswith(typed)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            ids = ", ".join(one.id for one in fits[:_SHOWN]) + (", …" if len(fits) > _SHOWN else "")
            raise error(
                f"{len(fits)} {kind}s fit '{typed}': {ids}.", "Give the whole id of the one you mean."
            )
    raise error(
        f"There is no {kind} '{typed}'.",
        f"See which there are with: tunewright {listed_by or kind + 's'} list",
    )
