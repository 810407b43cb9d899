"""Low-rank adapters on frozen weights. Source: Hu et al. 2021, arXiv:2106.09685."""

from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from trainer_image.config import Lora
from trainer_image.problems import RunFailedError

OUTPUT_KIND: Final[Literal["adapter"]] = "adapter"
FLOAT32_WEIGHTS: Final = False


def prepare(model: Any, settings: Lora) -> Any:
    """Put adapters, in float32, beside the chosen layers. Raises RunFailedError if there are none."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    attention = settings.target_modules == "attention"
    adapted = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=settings.lora_r,
            lora_alpha=settings.lora_alpha,
            lora_dropout=settings.lora_dropout,
            target_modules=attention_layers(model) if attention else "all-linear",
        ),
    )
    # By default PEFT asks the Hub at every checkpoint whether the base model's vocabulary has grown.
    adapted.save_pretrained = partial(adapted.save_pretrained, save_embedding_layers=False)
    return adapted


def attention_layers(model: Any) -> list[str]:
    """Full names of the linear layers inside the model's attention blocks."""
    from torch.nn import Linear  # noqa: PLC0415
    from transformers.pytorch_utils import Conv1D  # noqa: PLC0415 GPT-2's linear layer

    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, (Linear, Conv1D)) and "att" in name.rpartition(".")[0].lower()
    ]
    if not names:
        raise RunFailedError(
            "No attention layers were found in this model.", "Choose all linear layers as the target."
        )
    return names


def save(model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
    """Save the adapter; it names the base model as the run's config does, not where that lay."""
    for settings in model.peft_config.values():
        settings.base_model_name_or_path = base_model
    model.save_pretrained(folder)
