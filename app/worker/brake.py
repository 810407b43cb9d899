"""Ends an answer between two layers of a forward pass: reading a long prompt takes seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from app.worker.endings import AnswerEndedError


class Brake:
    """Put on a model once; hooks that come and go with each answer would cost as much as a small token."""

    def __init__(self, model: Any = None) -> None:
        self._is_cancelled: Callable[[], bool] | None = None
        for part in _parts(model) if model is not None else ():
            part.register_forward_pre_hook(self._check)

    @contextmanager
    def while_answering(self, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """Within this context a forward pass raises AnswerEndedError once `is_cancelled` says so."""
        self._is_cancelled = is_cancelled
        try:
            yield
        finally:
            self._is_cancelled = None

    def _check(self, *_: Any) -> None:
        if self._is_cancelled is not None and self._is_cancelled():
            raise AnswerEndedError("cancelled")


def _parts(model: Any) -> list[Any]:
    """The embedding and the layers, in the order they compute."""
    depth = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    layers = [layer for layers in lists if len(layers) == depth for layer in layers]
    return [model.get_input_embeddings(), *layers]
