"""Base models in 4 or 8 bits, by bitsandbytes. Source: Dettmers et al. 2023, arXiv:2305.14314."""

import importlib.util
from typing import Any, Literal

from trainer_image.models import Device
from trainer_image.problems import RunFailedError


def options(model: str, bits: Literal[4, 8] | None, *, device: Device, offline: bool) -> dict[str, Any]:
    """What `from_pretrained` needs for the model to be quantised; empty if it is not to be.

    A model that is stored quantised stays as it is, whatever `bits` says. Raises RunFailedError without
    bitsandbytes.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoConfig, BitsAndBytesConfig  # noqa: PLC0415

    config = AutoConfig.from_pretrained(model, local_files_only=offline)
    stored = getattr(config, "quantization_config", None)
    if stored is None and bits is None:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise RunFailedError(
            "Models in 4 or 8 bits need the package bitsandbytes, which is not installed.",
            "Install it, or turn 4-bit and 8-bit off.",
        )
    place: dict[str, Any] = {"device_map": {"": device.kind}}
    if stored is not None:
        return place
    if bits == 8:
        return place | {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    return place | {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if device.bfloat16 else torch.float32,
        )
    }


def keep_layout(model: Any) -> None:
    """Stop bitsandbytes 0.50.2 from repacking 4-bit weights on a CPU with AVX512-BF16.

    It does so at the first forward pass without gradients, for good: afterwards gradients hardly flow through
    these layers, and dequantised weights are garbage. Nothing else tells.
    """
    import bitsandbytes  # noqa: PLC0415

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
