"""One dataset, several methods: the setups to compare, each with the values advised for its method."""

from collections.abc import Sequence

from app.domain.advice import suggest_learning_rate
from app.domain.presets import Method, preset_values
from app.domain.setups import Setup


def fan_out(setup: Setup, methods: Sequence[Method], *, rows: int) -> list[Setup]:
    """A setup for each method. Its own method keeps its settings; each other one gets what is advised for it.

    All train on the same rows with the same seed and length. Some are kept aside in each, the same ones,
    since only losses on the same rows compare. `rows`: how many there are.
    """
    return [_for_method(setup, method, rows) for method in dict.fromkeys(methods)]


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
