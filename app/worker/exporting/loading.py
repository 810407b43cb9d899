"""The run's result in memory: an adapter on its full-precision base, or a whole model."""

import importlib.util
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from app.domain.errors import StudioError
from app.domain.exports import ComputesOn, ExportFormat, ExportJob, Told
from app.worker import quantisation
from app.worker.exporting.downloading import base_folder, called
from app.worker.exporting.placing import device_for, put
from app.worker.exporting.watching import size_of

log = logging.getLogger(__name__)

Tell = Callable[[Told], None]


class BaseNotHereError(StudioError):
    """The base model cannot be loaded on this computer; an adapter can be copied all the same."""


class NeverIntoFewerBitsError(StudioError):
    """Merging is refused."""


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


def load_trained(job: ExportJob, tell: Tell) -> tuple[Any, torch.dtype]:
    """(what the run made, in eval mode; the number format its weights are stored in). Raises StudioError."""
    if not job.is_adapter:
        return load_folder(job.model, job.computes_on, name=job.name), stored_dtype(job.model)
    try:
        folder = base_folder(job.base_model, tell)
        method = _quantised_by(folder, called(job.base_model))
        if method and job.format is not ExportFormat.ADAPTER:
            raise _never_into_fewer_bits(job.base_model)
        tell(Told("Loading what was trained"))
        model = _load_base(folder, method, job)
    except (BaseNotHereError, NeverIntoFewerBitsError):
        raise
    except StudioError as error:
        raise BaseNotHereError(error.message, error.hint) from error
    words = load_tokenizer(job.model)
    if len(words) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(words), mean_resizing=False)  # the adapter brings the new rows
    return _with_adapter(model, job.model), stored_dtype(folder)


def _load_base(folder: Path, method: str, job: ExportJob) -> Any:
    """`method` is what its weights are stored in fewer bits by, if they are. Raises StudioError."""
    if method == "bitsandbytes" and not _has_bitsandbytes():
        raise BaseNotHereError(
            f"The base model {called(job.base_model)} is stored in fewer bits, and bitsandbytes, which reads "
            "that, is not installed here.",
            'Run: pip install "tunewright[local]".',
        )
    model = load_folder(folder, job.computes_on, name=called(job.base_model), is_quantised=bool(method))
    if method == "bitsandbytes":
        quantisation.make_safe(model)
    return model


def load_folder(
    folder: Path, wanted: ComputesOn = ComputesOn.AUTO, *, name: str, is_quantised: bool = False
) -> Any:
    """A whole model for running it here, in eval mode. Raises StudioError, which says `name` of it.

    torch.OutOfMemoryError says that the graphics card was too small after all."""
    how = {"device_map": {"": device_for(wanted, size_of(folder))}} if is_quantised else {}
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype="auto",
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **how,
        )
    except torch.OutOfMemoryError:
        raise
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
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model.eval() if is_quantised else put(model, wanted).eval()


def stored_dtype(folder: Path) -> torch.dtype:
    """Of its weights on disk, by its config; 32 bits where that says nothing."""
    found = getattr(AutoConfig.from_pretrained(folder, local_files_only=True), "dtype", None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _quantised_by(folder: Path, name: str) -> str:
    """What stores its weights in fewer bits; empty for full precision. Raises BaseNotHereError."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        log.exception("config")
        raise BaseNotHereError(
            f"The base model {name} cannot be read.",
            "Get it again. The adapter alone can be exported.",
        ) from error
    stored = getattr(config, "quantization_config", None)
    if not stored:
        return ""
    method = stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", "")
    return str(getattr(method, "value", method) or "bitsandbytes")


def _has_bitsandbytes() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None


def _never_into_fewer_bits(base_model: str) -> NeverIntoFewerBitsError:
    return NeverIntoFewerBitsError(
        f"The base model {called(base_model)} is stored in fewer bits: merging into it would round away what "
        "the run has learnt.",
        "Name the same model in full precision (--base, or “Merge into”), or export the adapter.",
    )


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 slow to import, and whole models do without

    _untie_if_trained(model, folder)
    try:
        return PeftModel.from_pretrained(model, str(folder)).eval()
    except torch.OutOfMemoryError:
        raise
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
