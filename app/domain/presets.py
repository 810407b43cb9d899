"""Beginner presets: named values a person can start from, by place. What is shown is what is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from app.domain.targets import Target

if TYPE_CHECKING:  # `tunewright --help` must not wait for it
    from trainer_image.config import RunConfig

Method = Literal["lora", "osft", "sft"]
Place = Literal["local", "runpod", "jobs"]
"""Presets differ by whose card it is; a container on this computer uses this computer's."""


@dataclass(frozen=True)
class Preset:
    """Fields of `RunConfig`, some of them by method, and of the method's own section."""

    why: str
    """A sentence for the form."""
    config: Mapping[str, Any]
    by_method: Mapping[Method, Mapping[str, Any]] = field(default_factory=dict)
    method: Method | None = None
    """The one method it is for; None: any."""
    of_method: Mapping[str, Any] = field(default_factory=dict)
    """Fields of that method's section."""


QUICK_LOCAL_TEST: Final = "Quick local test"
QLORA_TEMPLATE: Final = "QLoRA template"
TRAINING_TEMPLATE: Final = "Training template"
CAUTIOUS_LORA: Final = "Cautious LoRA"
AUTO_SET: Final = "Auto Set (local)"
"""Has no values of its own: `auto_set` works them out for the card, the model and the data."""
FASTEST_RUNPOD: Final = "Fastest (Runpod)"
CHEAPEST_RUNPOD: Final = "Cheapest (Runpod)"

# The training guide's values. It logs every 10 steps; here every step is reported. Its share of warm-up
# becomes steps in the trainer, and its nf4 with double quantisation is what 4 bits mean here.
_TRAINING: Final[Mapping[str, Any]] = {
    "num_epochs": 3,
    "max_steps": None,
    "per_device_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "learning_rate": 2e-4,
    "lr_scheduler": "cosine",
    "warmup_steps": 0,
    "warmup_ratio": 0.1,
    "precision": "bfloat16",
    "gradient_checkpointing": True,
    "optimizer": "adamw_8bit",
    "save_steps": 100,
    "keep_checkpoints": 2,
}

_PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        QUICK_LOCAL_TEST: Preset(
            "Fifty small steps: enough to see the loss fall and hear the difference, in minutes.",
            {
                "per_device_batch_size": 2,
                "gradient_accumulation_steps": 1,
                "max_steps": 50,
                "num_epochs": 1,
            },
            # What suits small new adapters ruins a model when all of its weights follow it.
            by_method={
                "lora": {"learning_rate": 2e-4},
                "osft": {"learning_rate": 2e-4},
                "sft": {"learning_rate": 2e-5},
            },
        ),
        QLORA_TEMPLATE: Preset(
            "The training guide's QLoRA: rank 64 on the attention layers of a model in 4 bits, three epochs "
            "at 2e-4. For an NVIDIA GPU.",
            _TRAINING,
            method="lora",
            of_method={
                "lora_r": 64,
                "lora_alpha": 128,
                "lora_dropout": 0.05,
                "target_modules": "attention",
                "load_in_4bit": True,
            },
        ),
        TRAINING_TEMPLATE: Preset(
            "The training guide's three epochs at 2e-4, for whatever adapter is chosen. For an NVIDIA GPU.",
            _TRAINING,
            method="lora",
        ),
        CAUTIOUS_LORA: Preset(
            "Rank 16 at 1e-5: learns slowly and forgets little. Raise the rate, up to 1e-4, if it learns too "
            "little.",
            {"num_epochs": 3, "max_steps": None, "learning_rate": 1e-5},
            method="lora",
            of_method={"lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0},
        ),
        FASTEST_RUNPOD: Preset(
            "Two hundred steps of four rows on the strongest GPU that fits.",
            {
                "per_device_batch_size": 4,
                "gradient_accumulation_steps": 1,
                "max_steps": 200,
                "num_epochs": 1,
            },
            by_method={
                "lora": {"learning_rate": 2e-4},
                "osft": {"learning_rate": 2e-4},
                "sft": {"learning_rate": 2e-5},
            },
        ),
        CHEAPEST_RUNPOD: Preset(
            "Two hundred steps of eight rows, two at once, on the cheapest GPU that fits.",
            {
                "per_device_batch_size": 2,
                "gradient_accumulation_steps": 4,
                "max_steps": 200,
                "num_epochs": 1,
                "learning_rate": 2e-5,
            },
        ),
    }
)

_RUNPOD: Final = (FASTEST_RUNPOD, CHEAPEST_RUNPOD)

PRESETS: Final = tuple(name for name in _PRESETS if name not in _RUNPOD)
"""Names of those with values for this computer; a run is of the first whose values it holds."""

NAMED: Final = tuple(_PRESETS)
"""All with values, wherever."""

OFFERED: Final[Mapping[Place, tuple[str, ...]]] = MappingProxyType(
    {
        "local": (QUICK_LOCAL_TEST, AUTO_SET, *(name for name in PRESETS if name != QUICK_LOCAL_TEST)),
        "runpod": _RUNPOD,
        "jobs": (TRAINING_TEMPLATE, QLORA_TEMPLATE, CAUTIOUS_LORA),
    }
)
"""What a beginner is offered where, in this order; the first is where to start."""

NAMES: Final = (*_PRESETS, AUTO_SET)

WHY: Final[Mapping[str, str]] = MappingProxyType(
    {name: preset.why for name, preset in _PRESETS.items()}
    | {AUTO_SET: "Works out what fits your GPU, this model and the lengths of these rows, and says why."}
)


def offered_for(target: Target) -> tuple[str, ...]:
    """A beginner's presets there."""
    return OFFERED[_PLACES[target]]


_PLACES: Final[Mapping[Target, Place]] = MappingProxyType(
    {Target.LOCAL: "local", Target.DOCKER: "local", Target.RUNPOD: "runpod", Target.HF_JOBS: "jobs"}
)


@dataclass(frozen=True)
class RatioBand:
    """How much of a model OSFT lets go of, by name."""

    label: str
    ratio: float
    why: str


RATIO_BANDS: Final = (
    RatioBand("Conservative", 0.2, "0.1 to 0.3 keeps most of what the model knew."),
    RatioBand("Balanced", 0.5, "0.5 is the usual middle."),
    RatioBand("Free", 0.7, "Above 0.5 it learns, and forgets, almost as training all weights does."),
)


def preset_values(name: str, method: Method) -> Mapping[str, Any]:
    """The fields of `RunConfig` a preset sets; none for what is no preset, or one of another method."""
    preset = _PRESETS.get(name)
    if preset is None or preset.method not in {None, method}:
        return {}
    return {**preset.config, **preset.by_method.get(method, {})}


def method_values(name: str) -> Mapping[str, Any]:
    """The fields of the method's section a preset sets."""
    return _PRESETS[name].of_method if name in _PRESETS else {}


def method_of(name: str) -> Method | None:
    """The one method a preset is for; None if it is for any."""
    return _PRESETS[name].method if name in _PRESETS else None


def with_preset(config: "RunConfig", name: str) -> "RunConfig":
    """The config with the preset's values over its own. A preset of one method brings that method along."""
    method = config.method.model_dump()
    wanted = method_of(name)
    if wanted and wanted != method["kind"]:
        method = {"kind": wanted}
    if method_values(name).get("target_modules"):
        method["target_patterns"] = ()
    values = preset_values(name, method["kind"])
    return type(config).model_validate(
        {**config.model_dump(), **values, "method": {**method, **method_values(name)}}
    )
