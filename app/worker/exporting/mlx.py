"""MLX, Apple's own format: only a Mac with Apple silicon can write and read it."""

import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.errors import StudioError
from app.domain.export_formats import MLX_GROUP, MlxBits

Messages = Sequence[Mapping[str, Any]]


def is_apple_silicon() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def require_possible() -> None:
    """Raises StudioError with what is missing."""
    if not is_apple_silicon():
        raise StudioError(
            "MLX models are written on a Mac with Apple silicon only.",
            "Export GGUF instead: it runs there too, or export there.",
        )
    try:
        import mlx_lm  # noqa: F401, PLC0415 there only
    except ImportError as error:
        raise StudioError(
            "The MLX converter (mlx-lm) is not installed.", 'Run: pip install "tunewright[export]"'
        ) from error


def arguments(whole: Path, made: Path, bits: MlxBits) -> dict[str, Any]:
    """For `mlx_lm.convert`, as mlx-lm 0.30 to 0.32 define it (`mlx_lm/convert.py` of ml-explore/mlx-lm).

    It insists on making the folder `made` itself. `dtype` is that of the weights which are not quantised."""
    fewer = {"quantize": True, "q_bits": int(bits), "q_group_size": MLX_GROUP, "q_mode": "affine"}
    return {
        "hf_path": str(whole),
        "mlx_path": str(made),
        "dtype": "bfloat16",
        **(fewer if bits.is_quantized else {}),
    }


def convert(whole: Path, target: Path, bits: MlxBits) -> None:
    """Write the whole model as MLX into `target`."""
    from mlx_lm import convert as mlx_convert  # noqa: PLC0415

    made = target / "mlx"
    mlx_convert(**arguments(whole, made, bits))
    for path in made.iterdir():
        path.rename(target / path.name)
    made.rmdir()


class Mlx:
    """A `Runtime` over mlx-lm."""

    def __init__(self, folder: Path) -> None:
        from mlx_lm import __version__, load  # noqa: PLC0415

        self.name = f"mlx-lm {__version__}"
        self._model, self._tokenizer = load(str(folder))[:2]

    def render(self, messages: Messages) -> str:
        plain = [dict(message) for message in messages]
        return str(self._tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False))

    def tokenize(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def answer(self, prompt: Sequence[int], most: int) -> list[int]:
        from mlx_lm import stream_generate  # noqa: PLC0415

        return [
            int(piece.token)
            for piece in stream_generate(self._model, self._tokenizer, list(prompt), max_tokens=most)
        ]

    def stops_at(self, token: int, prompt: Sequence[int]) -> bool:
        return token in self._tokenizer.eos_token_ids

    def close(self) -> None:
        self._model = None
