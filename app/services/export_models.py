"""How large the model is that an export loads: the base of an adapter, or what the run made."""

from collections.abc import Mapping
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


def in_folder(folder: Path) -> WholeModel:
    """Of a model that is on this computer, read from its files."""
    return WholeModel(parameters_in(folder), bytes_a_weight(folder) or 2.0, is_factored(folder))


class ModelsToCome:
    """Models that are still to be downloaded: told by their `config.json`, or else by their names.

    The Hub is asked once for each: where nobody answers, that takes its patience."""

    def __init__(self, configs: ModelConfigs) -> None:
        self._configs = configs
        self._known: dict[str, WholeModel] = {}

    def of(self, name: str, *, offline: bool) -> WholeModel:
        """Nothing is known of a folder that is gone."""
        if looks_like_path(name) or name.count("/") > 1:
            return WholeModel()
        if name not in self._known:
            found = self._asked(name, offline=offline)
            rough = _to_come(parameters_in_name(name), stored_bits_in_name(name), 2.0)
            self._known[name] = rough if found is None else found
        return self._known[name]

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
