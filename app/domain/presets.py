"""Beginner presets: named values a person can start from. What is shown is what is sent."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

Method = Literal["lora", "osft", "sft"]

QUICK_LOCAL_TEST: Final = "Quick local test"

_VALUES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        QUICK_LOCAL_TEST: MappingProxyType(
            {
                "per_device_batch_size": 2,
                "gradient_accumulation_steps": 1,
                "max_steps": 50,
                "num_epochs": 1,
            }
        ),
    }
)

_BY_METHOD: Final[Mapping[str, Mapping[Method, Mapping[str, Any]]]] = MappingProxyType(
    {
        # What suits small new adapters ruins a model when all of its weights follow it.
        QUICK_LOCAL_TEST: MappingProxyType(
            {
                "lora": {"learning_rate": 2e-4},
                "osft": {"learning_rate": 2e-4},
                "sft": {"learning_rate": 2e-5},
            }
        ),
    }
)

PRESETS: Final = tuple(_VALUES)
"""The names, in the order they are offered."""

WHY: Final[Mapping[str, str]] = MappingProxyType(
    {QUICK_LOCAL_TEST: "Fifty small steps: enough to see the loss fall and hear the difference, in minutes."}
)


def preset_values(name: str, method: Method) -> Mapping[str, Any]:
    """The fields of `trainer_image.config.RunConfig` a preset sets; none for a name that is no preset."""
    if name not in _VALUES:
        return {}
    return {**_VALUES[name], **_BY_METHOD[name][method]}
