"""How large the model is that an export loads: the base of an adapter, or what the run made."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.export_sizes import WholeModel
from app.domain.model_sizes import ModelConfigs, parameters_in_name, stored_bits_in_name
from app.domain.typed_paths import looks_like_path
from app.services.weights import bytes_a_weight, is_factored, parameters_in
from trainer_image.problems import RunFailedError
from trainer_image.shapes import shape_of

_IN_32_BITS: Final = "float32"
_AGAIN_SECONDS: Final = 60.0
"""So long a look that failed is not repeated: where nobody answers, it takes the Hub's whole patience."""


def in_folder(folder: Path) -> WholeModel:
    """Of a model that is on this computer, read from its files."""
    return WholeModel(parameters_in(folder), bytes_a_weight(folder) or 2.0, is_factored(folder))


class ModelsToCome:
    """Models that are still to be downloaded: told by their `config.json`, or else by their names.

    What was answered is kept; a look that failed is repeated later, and at once where it was offline."""

    def __init__(self, configs: ModelConfigs, seconds: Callable[[], float] = time.monotonic) -> None:
        self._configs = configs
        self._seconds = seconds
        self._known: dict[str, WholeModel] = {}
        self._failed_at: dict[tuple[str, bool], float] = {}

    def of(self, name: str, *, offline: bool) -> WholeModel:
        """Nothing is known of a folder that is gone."""
        if looks_like_path(name) or name.count("/") > 1:
            return WholeModel()
        if name not in self._known and not self._failed_just_now(name, offline):
            if (found := self._asked(name, offline=offline)) is None:
                self._failed_at[name, offline] = self._seconds()
            else:
                self._known[name] = found
        rough = _to_come(parameters_in_name(name), stored_bits_in_name(name), 2.0)
        return self._known.get(name, rough)

    def _failed_just_now(self, name: str, offline: bool) -> bool:
        failed_at = self._failed_at.get((name, offline))
        return failed_at is not None and self._seconds() - failed_at < _AGAIN_SECONDS

    def _asked(self, name: str, *, offline: bool) -> WholeModel | None:
        try:
            config = self._configs.of(name, offline=offline)
            shape = shape_of(config)
        except (StudioError, RunFailedError):
            return None
        return _to_come(shape.parameters, shape.stored_bits, _stored(config))


def _to_come(parameters: int | None, bits: int | None, each: float) -> WholeModel:
    each = bits / 8 if bits else each
    return WholeModel(parameters, each, download_bytes=round((parameters or 0) * each))


def _stored(config: Mapping[str, Any]) -> float:
    inner = config.get("text_config") or config
    named = inner.get("dtype") or inner.get("torch_dtype") or config.get("torch_dtype") or config.get("dtype")
    return 4.0 if named == _IN_32_BITS else 2.0
