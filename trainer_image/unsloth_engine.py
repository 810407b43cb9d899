"""LoRA and QLoRA by Unsloth. Written to the signatures of unsloth 2026.10.9 and not yet run on a GPU.

Imported only where `engines.choose` has chosen it. Unsloth patches transformers, TRL and PEFT as it is
imported; nothing of this module works without an NVIDIA GPU.
"""

from typing import Any, Final

from trainer_image.config import Lora, RunConfig
from trainer_image.methods.lora import without_questions_to_the_hub
from trainer_image.models import Device
from trainer_image.problems import RunFailedError, explain

_ATTENTION: Final = ["q_proj", "k_proj", "v_proj", "o_proj"]
_MLP: Final = ["gate_proj", "up_proj", "down_proj"]


def load(model: str, config: RunConfig, *, device: Device) -> Any:
    """Load the base model as it is named, never Unsloth's own upload of it. Raises RunFailedError."""
    import torch  # noqa: PLC0415
    from unsloth import FastLanguageModel  # noqa: PLC0415

    method = _lora(config)
    try:
        loaded, _tokenizer = FastLanguageModel.from_pretrained(
            model_name=model,
            max_seq_length=config.max_seq_len,
            dtype=torch.bfloat16 if device.bfloat16 else None,
            load_in_4bit=method.load_in_4bit,
            load_in_8bit=method.load_in_8bit,
            use_gradient_checkpointing=config.gradient_checkpointing,
            use_exact_model_name=True,
            fix_tokenizer=False,
            random_state=config.seed,
        )
    except Exception as error:
        raise explain(error) or RunFailedError(
            f"Unsloth cannot load the model in {model}.",
            "The log has the details. With DoRA on, or custom target modules, transformers loads it instead.",
        ) from error
    return loaded


def prepare(model: Any, config: RunConfig) -> Any:
    """Put adapters beside the chosen layers."""
    from unsloth import FastLanguageModel  # noqa: PLC0415

    method = _lora(config)
    adapted = FastLanguageModel.get_peft_model(
        model,
        r=method.lora_r,
        target_modules=_ATTENTION if method.target_modules == "attention" else _ATTENTION + _MLP,
        lora_alpha=method.lora_alpha,
        lora_dropout=method.lora_dropout,
        bias="none",
        use_gradient_checkpointing=config.gradient_checkpointing,
        random_state=config.seed,
        use_rslora=method.use_rslora,
    )
    return without_questions_to_the_hub(adapted)


def _lora(config: RunConfig) -> Lora:
    assert isinstance(config.method, Lora)
    return config.method
