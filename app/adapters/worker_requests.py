"""What the engine puts into requests to its process, from what it was asked."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.sessions import Message
from app.domain.talkers import LoadableModel
from app.worker.protocol import Load


def load_request(model: LoadableModel) -> Load:
    return Load(
        base_model=model.base_model,
        words=model.words,
        adapter=model.adapter,
        base_stamp=model.base_stamp,
        adapter_stamp=model.adapter_stamp,
        precision=model.placing.precision,
        device=model.placing.device,
    )


def meant_by(model: LoadableModel, meant: Load | None) -> LoadableModel:
    """The model that is in memory for it, by what the process says."""
    if meant is None:
        return model
    return replace(
        model,
        base_model=meant.base_model,
        words=meant.words,
        adapter=meant.adapter,
        base_stamp=meant.base_stamp,
        adapter_stamp=meant.adapter_stamp,
    )


def sendable(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Role and text of each."""
    return [{"role": str(m["role"]), "content": whole(str(m["content"]))} for m in messages]


def whole(text: str) -> str:
    """Half a surrogate pair cannot travel."""
    return text.encode("utf-8", "replace").decode()
