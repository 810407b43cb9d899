"""Which model the inference process holds, as the engine was told."""

from app.adapters.worker_requests import meant_by
from app.domain.chat import LoadedFacts
from app.domain.talkers import LoadableModel
from app.worker.protocol import Ready


class HeldModel:
    """None at first. Read by any thread, written by the one whose turn it is."""

    def __init__(self) -> None:
        self._loaded: LoadableModel | None = None
        self._asked_as: LoadableModel | None = None
        """As what it was asked for: another one where a name of the Hub turned out to be an adapter's."""
        self._facts: LoadedFacts | None = None

    @property
    def is_there(self) -> bool:
        return self._loaded is not None

    @property
    def facts(self) -> LoadedFacts | None:
        return self._facts if self._loaded else None

    def forget(self) -> None:
        self._loaded = None

    def became(self, model: LoadableModel, ready: Ready) -> None:
        self._facts = LoadedFacts(
            model.label, ready.device, ready.seconds, ready.memory_bytes, ready.adapter_effect
        )
        self._asked_as, self._loaded = model, meant_by(model, ready.meant)

    def has_base_of(self, model: LoadableModel) -> bool:
        """An adapter joins the base model that is there."""
        loaded = self._loaded
        if loaded is None:
            return False
        return _base_of(model) in (_base_of(loaded), _base_of(self._asked_as or loaded))

    def speaks_as(self, model: LoadableModel) -> bool:
        return self._loaded is not None and model in (self._loaded, self._asked_as)


def _base_of(model: LoadableModel) -> tuple[object, ...]:
    return model.base_model, model.base_stamp, model.placing, model.offline
