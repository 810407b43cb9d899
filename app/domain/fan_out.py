"""One dataset, several methods: the setups to compare, each with the values advised for its method."""

from collections.abc import Sequence
from typing import Final

from app.domain.advice import suggest_learning_rate
from app.domain.auto_reasons import METHODS
from app.domain.errors import StudioError
from app.domain.presets import Method, preset_values
from app.domain.setups import Setup
from trainer_image.config import METHOD_OF_BACKEND, RunConfig

_HINT: Final = "Change that setting, or leave the method out."


def fan_out(setup: Setup, methods: Sequence[Method], *, rows: int) -> list[Setup]:
    """A setup for each method. Its own method keeps its settings; each other one gets what is advised for it.

    All train on the same rows with the same seed and length. Some are kept aside in each, the same ones,
    since only losses on the same rows compare. `rows`: how many there are. Raises StudioError for a method
    that the rest of the settings rules out, with which setting that is.
    """
    for method in methods:
        if reason := _ruled_out(setup.config, method):
            raise StudioError(f"{METHODS[method]} cannot be compared here: {reason}.", _HINT)
    return [_for_method(setup, method, rows) for method in dict.fromkeys(methods)]


def _ruled_out(config: RunConfig, method: Method) -> str:
    """Why a setup cannot be changed to that method, in half a sentence; empty if it can."""
    if method == config.method.kind:
        return ""
    own = METHODS[config.method.kind]
    if config.backend in METHOD_OF_BACKEND:
        return f"the backend {config.backend} trains {own} only"
    if config.method_plugin:
        return f"the method plugin {config.method_plugin} is a way to do {own}"
    return ""


def advised_rate(setup: Setup, method: Method, rows: int) -> float:
    """What the setup's preset says for the method, else the rule of thumb for so many rows."""
    rate = preset_values(setup.preset, method).get("learning_rate")
    return float(rate) if rate else suggest_learning_rate(method, rows)


def _for_method(setup: Setup, method: Method, rows: int) -> Setup:
    config = setup.config
    changes: dict[str, object] = {} if config.validation == "file" else {"validation": "share"}
    if config.method.kind != method:
        rate = advised_rate(setup, method, rows)
        changes |= {"method": {"kind": method}, "learning_rate": rate}
    name = f"{setup.output_name}-{method}" if setup.output_name else ""
    checked = type(config).model_validate(config.model_dump() | changes)
    return setup.model_copy(update={"config": checked, "output_name": name, "preset": ""})
