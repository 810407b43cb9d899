"""What a model can become. Imports the standard library only: `--help` names them."""

from enum import StrEnum
from typing import Final


class ExportFormat(StrEnum):
    ADAPTER = "adapter"
    MERGED = "merged"
    GGUF = "gguf"
    MLX = "mlx"

    @property
    def label(self) -> str:
        return {
            "adapter": "Adapter folder",
            "merged": "Whole model, 16 bit",
            "gguf": "GGUF: llama.cpp, Ollama",
            "mlx": "MLX for Apple silicon",
        }[self]


class ComputesOn(StrEnum):
    """What the model is merged and tried on."""

    AUTO = "auto"
    CPU = "cpu"

    @property
    def label(self) -> str:
        return {"auto": "Automatic: the graphics card where it fits", "cpu": "The processor: slower"}[self]


class Quantization(StrEnum):
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"
    Q5_K_M = "q5_k_m"
    Q4_K_M = "q4_k_m"

    @property
    def bits(self) -> float:
        """For each weight, on the average of usual models."""
        return {"f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q5_k_m": 5.7, "q4_k_m": 4.85}[self]

    @property
    def is_mixture(self) -> bool:
        """Made in two steps: converted first, then quantised tensor by tensor."""
        return self in (Quantization.Q5_K_M, Quantization.Q4_K_M)

    @property
    def label(self) -> str:
        return {
            "f16": "F16: as trained",
            "bf16": "BF16: as trained",
            "q8_0": "Q8_0: half the size",
            "q5_k_m": "Q5_K_M: a third, small loss",
            "q4_k_m": "Q4_K_M: less, some loss",
        }[self]


class MlxBits(StrEnum):
    """Of a weight in an MLX model; with fewer than 16, each 64 weights share a scale and an offset."""

    EIGHT = "8"
    FOUR = "4"
    SIXTEEN = "16"

    @property
    def is_quantized(self) -> bool:
        return self is not MlxBits.SIXTEEN

    @property
    def bits(self) -> float:
        """For each weight, its share of the scales included."""
        return int(self) + 32 / MLX_GROUP if self.is_quantized else 16.0

    @property
    def label(self) -> str:
        return {
            "8": "8 bits: half the size, hardly different",
            "4": "4 bits: a quarter, some loss",
            "16": "16 bits: as trained",
        }[self]


MLX_GROUP: Final = 64
"""Weights that share a scale and an offset, of 16 bits each: MLX's own choice."""


def kind_of(format: ExportFormat, quantization: Quantization, mlx_bits: MlxBits) -> str:
    """Short, as in names of folders: q8_0, mlx-8bit, merged."""
    if format is ExportFormat.GGUF:
        return quantization.value
    return f"mlx-{mlx_bits}bit" if format is ExportFormat.MLX else format.value
