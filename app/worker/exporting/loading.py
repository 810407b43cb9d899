"""The run's result in memory: an adapter on its full-precision base, or a whole model."""

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any, Final

import psutil
import torch
from huggingface_hub.constants import HF_HUB_OFFLINE
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from app.domain.errors import StudioError
from app.domain.exports import ExportFormat, ExportJob
from app.worker import quantisation

log = logging.getLogger(__name__)

_ROOM: Final = 0.6
"""So much of the free memory a model may take in 32 bits; else it is loaded in those it is stored in."""


class BaseNotHereError(StudioError):
    """The base model cannot be loaded on this computer; an adapter can be copied all the same."""


def load_tokenizer(folder: Path) -> Any:
    """Raises StudioError."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise StudioError(
            f"{folder} has no readable tokenizer.", "The run's output is damaged: run it again."
        ) from error
    if not tokenizer.chat_template:
        raise StudioError(
            f"{folder} has no chat template: what is exported could not be talked to as it was trained.",
            "Put the template it was trained with beside it as chat_template.jinja, or run it again.",
        )
    return tokenizer


def load_trained(job: ExportJob) -> tuple[Any, torch.dtype]:
    """(what the run made, in eval mode; the number format its weights are stored in). Raises StudioError."""
    if not job.is_adapter:
        return load_folder(job.model), stored_dtype(str(job.model))
    method = _quantised_by(job.base_model)
    if method and job.format is not ExportFormat.ADAPTER:
        raise _never_into_fewer_bits(job.base_model)
    model = _load_base(job.base_model, method)
    words = load_tokenizer(job.model)
    if len(words) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(words), mean_resizing=False)  # the adapter brings the new rows
    return _with_adapter(model, job.model), stored_dtype(job.base_model)


def _load_base(name: str, method: str) -> Any:
    """`method` is what its weights are stored in fewer bits by, if they are. Raises BaseNotHereError."""
    if method == "bitsandbytes" and not _has_bitsandbytes():
        raise BaseNotHereError(
            f"The base model {name} is stored in fewer bits, and bitsandbytes, which reads that, is not "
            "installed here.",
            'Run: pip install "tunewright[local]".',
        )
    try:
        model = load_folder(name, is_quantised=bool(method))
    except StudioError as error:
        raise BaseNotHereError(error.message, error.hint) from error
    if method == "bitsandbytes":
        quantisation.make_safe(model)
    return model


def load_folder(name: str | Path, *, is_quantised: bool = False) -> Any:
    """A whole model for running it here, in eval mode. Raises StudioError."""
    how: dict[str, Any] = {"device_map": {"": _device()}} if is_quantised else {}
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(name),
            dtype="auto" if is_quantised else _dtype(str(name)),
            local_files_only=HF_HUB_OFFLINE or Path(name).is_dir(),
            trust_remote_code=False,
            output_loading_info=True,
            **how,
        )
    except Exception as error:  # transformers and the Hub raise dozens of types
        log.exception("model")
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise StudioError(
                f"Memory ran out while loading {name}.", "Close other programs and try again."
            ) from error
        raise StudioError(
            f"The model {name} cannot be loaded ({type(error).__name__}).",
            "Check that its folder is there and whole, or that it can be downloaded.",
        ) from error
    if missing := info["missing_keys"]:
        raise StudioError(
            f"The model {name} is not whole: {len(missing)} tensors are missing, like {min(missing)}.",
            "Get it again.",
        )
    if (Path(name) / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(name)
    return model.eval() if is_quantised else model.to(_device()).eval()


def stored_dtype(name: str) -> torch.dtype:
    """Of its weights on disk, by its config; 32 bits where that says nothing."""
    config = AutoConfig.from_pretrained(name, local_files_only=HF_HUB_OFFLINE or Path(name).is_dir())
    found = getattr(config, "dtype", None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _quantised_by(base_model: str) -> str:
    """What stores its weights in fewer bits; empty for full precision. Raises BaseNotHereError."""
    try:
        config = AutoConfig.from_pretrained(
            base_model, local_files_only=HF_HUB_OFFLINE or Path(base_model).is_dir()
        )
    except Exception as error:
        log.exception("config")
        raise BaseNotHereError(
            f"The base model {base_model} is not to be had.",
            "Put its folder back, or go online to download it. The adapter alone can be exported.",
        ) from error
    stored = getattr(config, "quantization_config", None)
    if not stored:
        return ""
    method = stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", "")
    return str(getattr(method, "value", method) or "bitsandbytes")


def _has_bitsandbytes() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None


def _never_into_fewer_bits(base_model: str) -> StudioError:
    return StudioError(
        f"The base model {base_model} is stored in fewer bits: merging into it would round away what the "
        "run has learnt.",
        "Name the same model in full precision (--base, or “Merge into”), or export the adapter.",
    )


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 slow to import, and whole models do without

    _untie_if_trained(model, folder)
    try:
        return PeftModel.from_pretrained(model, str(folder)).eval()
    except (OSError, ValueError, RuntimeError) as error:
        log.exception("adapter")
        raise StudioError(
            f"The adapter in {folder} cannot be read, or does not fit its base model.",
            "Check that the base model is the one it was trained on.",
        ) from error


def _untie_if_trained(model: Any, folder: Path) -> None:
    """Where one matrix is both the first and the last layer, an adapter on one of them must not be merged
    into both: give the last layer a copy of its own."""
    settings = json.loads((folder / "adapter_config.json").read_bytes())
    targets = settings.get("target_modules") or []
    named = {*(targets if isinstance(targets, list) else [targets]), *(settings.get("modules_to_save") or [])}
    is_one = any(str(name).endswith(("embed_tokens", "lm_head")) for name in named)
    head, first = model.get_output_embeddings(), model.get_input_embeddings()
    if not is_one or settings.get("ensure_weight_tying") or head is None or head.weight is not first.weight:
        return
    head.weight = torch.nn.Parameter(first.weight.detach().clone(), requires_grad=False)
    model.config.tie_word_embeddings = False


def _dtype(name: str) -> Any:
    """32 bits on the processor where there is room, as answers are compared; else as it is stored."""
    if torch.cuda.is_available():
        return "auto"
    folder = Path(name)
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else 0
    return torch.float32 if stored * 2 <= psutil.virtual_memory().available * _ROOM else "auto"


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
