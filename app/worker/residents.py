"""What is in memory: one base model, and the adapters on it that take turns."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

from app.domain.errors import EngineError
from app.worker import adapters, hub_adapters, models
from app.worker.brake import Brake
from app.worker.models import LoadedModel
from app.worker.protocol import Load

MOST_ADAPTERS: Final = 4
_PROBE: Final = [{"role": "user", "content": "Hello! What can you tell me?"}]


@dataclass
class _Base:
    model: Any
    device: str
    brake: Brake
    speakers: dict[Load, LoadedModel] = field(default_factory=dict)
    """In the order they came."""
    is_widened: bool = False
    """Has rows for tokens that one adapter added: it is that adapter's alone."""


class Residents:
    """Loads what is asked for, once."""

    def __init__(self) -> None:
        self._base: _Base | None = None
        self._key: tuple[object, ...] = ()
        self._names = count(1)

    def meant(self, request: Load, report: Callable[[str], None]) -> Load:
        """What is to be in memory for it. Raises EngineError."""
        return hub_adapters.resolved(request, report)

    def have(self, request: Load, report: Callable[[str], None]) -> LoadedModel:
        """Raises EngineError; what was in memory before may be gone then."""
        base = self._base_of(request, report)
        if request in base.speakers:
            return base.speakers[request]
        try:
            speaker = self._speaker(base, request, report)
        except EngineError:
            if request.adapter:  # half of it may be on the base model
                self.drop()
            raise
        base.speakers[request] = speaker
        return speaker

    def drop(self) -> None:
        """Let go of all."""
        self._base, self._key = None, ()
        models.free_memory()

    @property
    def memory_bytes(self) -> int:
        if self._base is None:
            return 0
        tensors = {id(t): t for t in (*self._base.model.parameters(), *self._base.model.buffers())}
        return sum(tensor.nbytes for tensor in tensors.values())

    def _base_of(self, request: Load, report: Callable[[str], None]) -> _Base:
        key = (request.base_model, request.base_stamp, request.precision, request.device)
        if self._base is not None and key == self._key and self._has_room_for(self._base, request):
            return self._base
        self.drop()  # before the next one comes: there may be room for one only
        model, device = models.load_base(request, report)
        self._base = _Base(model, device, Brake(model))
        self._key = key
        return self._base

    def _has_room_for(self, base: _Base, request: Load) -> bool:
        """Whether the adapter can join those that are there: of the same kind, not a newer one of the same
        folder, and with no tokens that the base model lacks."""
        if request in base.speakers:
            return True
        if base.is_widened or (
            request.adapter and base.speakers and models.lacks_tokens(base.model, request)
        ):
            return False
        there = [other for other in base.speakers if other.adapter]
        kind = adapters.kind_of(request.adapter) if request.adapter else ""
        return not kind or all(adapters.kind_of(other.adapter) == kind for other in there)

    def _speaker(self, base: _Base, request: Load, report: Callable[[str], None]) -> LoadedModel:
        if not request.adapter:
            return models.with_words(request, base.model, base.device, base.brake)
        report("Loading the adapter…")
        self._make_room(base)
        base.is_widened = models.widen(base.model, request)
        name = f"a{next(self._names)}"
        base.model = adapters.add(base.model, request.adapter, name)
        # Those that came before the first adapter know the model without its switch.
        base.speakers = {load: replace(speaker, model=base.model) for load, speaker in base.speakers.items()}
        plain = models.with_words(request, base.model, base.device, base.brake, name)
        probe = plain.tokenizer.apply_chat_template(_PROBE, add_generation_prompt=True, return_dict=True)
        effect = adapters.effect_of(base.model, list(probe["input_ids"]), base.device)
        return replace(plain, adapter_effect=effect)

    def _make_room(self, base: _Base) -> None:
        there = [(load, speaker) for load, speaker in base.speakers.items() if speaker.adapter]
        for load, speaker in there[: max(0, len(there) - MOST_ADAPTERS + 1)]:
            base.model.delete_adapter(speaker.adapter)
            del base.speakers[load]
