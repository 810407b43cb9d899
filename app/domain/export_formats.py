"""What a model can become. Imports the standard library only: `--help` names them."""

from enum import StrEnum


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
