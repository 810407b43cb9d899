"""Weights in 8 or 4 bits while a model is in memory, by bitsandbytes: NVIDIA GPUs and processors."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from app.domain.errors import EngineError
from app.domain.talkers import Precision


def arguments(precision: Precision, device: str) -> Mapping[str, Any]:
    """What `from_pretrained` is told; nothing for full precision. Raises EngineError where it can't be."""
    if precision == "full":
        return {}
    if device == "mps":
        raise EngineError(
            "bitsandbytes stores no weights in fewer bits on an Apple GPU.",
            "Choose full precision, or the CPU.",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise EngineError(
            "Weights in 8 or 4 bits need bitsandbytes, which is not installed.",
            'Run: pip install "tunewright[local]", or choose full precision.',
        )
    from transformers import BitsAndBytesConfig  # noqa: PLC0415 only here

    computed_in = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    config = (
        BitsAndBytesConfig(load_in_8bit=True)
        if precision == "8bit"
        else BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=computed_in
        )
    )
    return {"quantization_config": config, "device_map": {"": device}}


def is_stored_in_few_bits(model: Any) -> bool:
    """Whether its files had them already, whatever was asked for; bitsandbytes has put it in place then."""
    return bool(getattr(model, "is_loaded_in_4bit", False) or getattr(model, "is_loaded_in_8bit", False))


def make_safe(model: Any) -> None:
    """Keep bitsandbytes 0.50.2 from repacking weights for AVX512-BF16 at the first forward pass: an adapter
    on them would compute garbage."""
    import bitsandbytes  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
