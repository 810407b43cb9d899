"""Beginner presets: named values a person can start from. What is shown is what is sent."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

QUICK_LOCAL_TEST: Final = "Quick local test"

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        QUICK_LOCAL_TEST: MappingProxyType(
            {
                "learning_rate": 2e-4,
                "per_device_batch_size": 2,
                "gradient_accumulation_steps": 1,
                "max_steps": 50,
                "num_epochs": 1,
            }
        ),
    }
)
"""Preset → the fields of `trainer_image.config.RunConfig` it sets."""

WHY: Final[Mapping[str, str]] = MappingProxyType(
    {QUICK_LOCAL_TEST: "Fifty small steps: enough to see the loss fall and hear the difference, in minutes."}
)
