"""Which layers of the chosen model some patterns match, before a run is started."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.layer_patterns import Matches, matches, usual_names
from app.domain.previews import Looker
from app.domain.setups import BUNDLED_MODEL
from app.domain.typed_paths import expanded
from trainer_image.config import RunConfig


@dataclass(frozen=True)
class MatchedLayers:
    matches: Matches
    is_real: bool
    """Whether the model itself was asked, or only its like is known."""
    why_not: str = ""
    """What kept the model from being asked."""


class LayerService:
    """Blocking: the first question about a model takes seconds, the others none."""

    def __init__(self, looker: Looker, *, bundled_model: Path) -> None:
        self._looker = looker
        self._bundled_model = bundled_model
        self._known: dict[str, Sequence[str]] = {}
        self._lock = threading.Lock()

    def matching(self, model: str, patterns: Sequence[str]) -> MatchedLayers:
        """By the model's own layers if it is on this computer, else by the usual names of its kind."""
        try:
            return MatchedLayers(matches(self._names(model), patterns), is_real=True)
        except StudioError as error:
            return MatchedLayers(matches(usual_names(model), patterns), is_real=False, why_not=error.message)

    def _names(self, model: str) -> Sequence[str]:
        place = str(self._bundled_model) if model == BUNDLED_MODEL else str(expanded(model))
        with self._lock:
            known = self._known.get(place)
        if known is None:
            known = self._looker.layers(RunConfig(base_model=place))
            with self._lock:
                self._known[place] = known
        return known
