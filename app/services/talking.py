"""The engine as the window sees it: what it does, whether a model fits, load it, let go of it."""

from app.domain.chat import EngineStatus
from app.domain.errors import EngineError, StudioError
from app.domain.ports import InferenceEngine
from app.domain.talkers import AUTOMATIC, Fit, ModelRef, Placing
from app.services.talkers import TalkerService


class TalkingEngine:
    """Blocking: the UI calls it off the event loop."""

    def __init__(self, engine: InferenceEngine, talkers: TalkerService) -> None:
        self._engine = engine
        self._talkers = talkers

    def status(self) -> EngineStatus:
        return self._engine.status()

    def fit(self, ref: ModelRef, placing: Placing = AUTOMATIC) -> Fit:
        """Whether it has room, in the place of what is loaded now. Raises EngineError if it is not there."""
        model = self._talkers.resolve(ref, placing)
        if self._engine.holds(model):
            is_whole = not model.adapter or self._engine.is_loaded(model)
            return Fit("fits", "It is in memory." if is_whole else "Its base model is in memory.")
        return self._talkers.fit(model, self._engine.status().loaded)

    def require_fit(
        self, ref: ModelRef | None, placing: Placing = AUTOMATIC, *, insists: bool = False
    ) -> None:
        """Raises StudioError for none, and for one that has no room unless somebody `insists`."""
        if ref is None:
            raise StudioError("No model is chosen.", "Choose one first.")
        fit = self.fit(ref, placing)
        if fit.is_refused and not insists:
            raise EngineError(fit.text, "Choose fewer bits or a smaller model, or press Load anyway.")

    def load(self, ref: ModelRef | None, placing: Placing = AUTOMATIC, *, insists: bool = False) -> None:
        """Have it in memory. Raises StudioError."""
        self.require_fit(ref, placing, insists=insists)
        if ref is not None:
            self._engine.load(self._talkers.resolve(ref, placing))

    def unload(self) -> None:
        self._engine.unload()
