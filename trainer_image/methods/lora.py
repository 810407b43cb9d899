"""Low-rank adapters on frozen weights, which may be kept in 4 or 8 bits.

Sources: Hu et al. 2021, arXiv:2106.09685; QLoRA: Dettmers et al. 2023, arXiv:2305.14314; rsLoRA:
Kalajdzievski 2023, arXiv:2312.03732; DoRA: Liu et al. 2024, arXiv:2402.09353.
"""

from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from trainer_image import targets
from trainer_image.config import Lora

OUTPUT_KIND: Final[Literal["adapter"]] = "adapter"
FLOAT32_WEIGHTS: Final = False
_MAMBAS: Final = {"falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"}


def prepare(model: Any, settings: Lora) -> Any:
    """Put adapters, in float32, beside the chosen layers. Raises RunFailedError if there are none."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training  # noqa: PLC0415

    if is_quantised(model):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    adapted = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=settings.lora_r,
            lora_alpha=settings.lora_alpha,
            lora_dropout=settings.lora_dropout,
            target_modules=target_modules(model, settings),
            use_rslora=settings.use_rslora,
            use_dora=settings.use_dora,
        ),
    )
    return without_questions_to_the_hub(adapted)


def target_modules(model: Any, settings: Lora) -> str | list[str]:
    """Which layers get an adapter, in PEFT's words. Raises RunFailedError if there are none."""
    linear = list(targets.linear_layers(model))
    names = [name for name in linear if not _is_read_past(model, name)]
    match settings.target_modules:
        case "all-linear":
            return names if len(names) < len(linear) else "all-linear"
        case "attention":
            return targets.attention(names)
        case "auto":
            return targets.usual(names)
        case "custom":
            return targets.matching(names, settings.target_patterns)


def _is_read_past(model: Any, name: str) -> bool:
    """Whether the model takes the layer's weight instead of calling it, which would pass an adapter by; PEFT
    0.21 refuses these."""
    return getattr(model.config, "model_type", "") in _MAMBAS and name.endswith("out_proj")


def without_questions_to_the_hub(adapted: Any) -> Any:
    """By default PEFT asks the Hub at every checkpoint whether the base model's vocabulary has grown."""
    adapted.save_pretrained = partial(adapted.save_pretrained, save_embedding_layers=False)
    return adapted


def describe(model: Any, settings: Lora) -> list[str]:
    """Where the adapters are, and in how many bits the model beside them."""
    names = [
        name.removeprefix("base_model.model.")
        for name, module in model.named_modules()
        if hasattr(module, "lora_A") and hasattr(module, "base_layer")
    ]
    kind = "DoRA" if settings.use_dora else "LoRA"
    scale = " / √r" if settings.use_rslora else " / r"
    lines = [
        f"{kind} adapters of rank {settings.lora_r}, scaled by alpha{scale}, beside {len(names)} layers: "
        f"{targets.in_short(names)}."
    ]
    if is_quantised(model):
        bits = "4 bits (nf4)" if getattr(model, "is_loaded_in_4bit", False) else "8 bits"
        lines.append(f"QLoRA: the frozen model is kept in {bits}; the adapters learn in float32.")
    return lines


def attach(loop: Any) -> None:
    """Put adapters back to float32: TRL 1.14 makes those of a quantised model bfloat16."""
    if is_quantised(loop.model):
        for parameter in loop.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()


def save(model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
    """Save the adapter; it names the base model as the run's config does, not where that lay.

    It is never merged: merging into a quantised base would round the update away.
    """
    for settings in model.peft_config.values():
        settings.base_model_name_or_path = base_model
    model.save_pretrained(folder)


def is_quantised(model: Any) -> bool:
    """Whether bitsandbytes keeps its weights in 4 or 8 bits."""
    return bool(getattr(model, "is_loaded_in_4bit", False) or getattr(model, "is_loaded_in_8bit", False))
