"""Loads models for talking to them: a whole model, or the base model of an adapter.

The tokenizer and the chat template of what was trained come from its own folder, so a prompt is rendered
exactly as the training rendered its rows. Adapters are never merged: switched off, the same weights are the
base model, and merging into quantised weights after a forward pass gives garbage on some processors
(bitsandbytes 0.50.2, AVX512-BF16).
"""

import ctypes
import gc
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from app.domain.chat import Voice
from app.domain.errors import EngineError
from app.domain.talkers import Device
from app.worker import factored, quantisation
from app.worker.brake import Brake
from app.worker.protocol import Load

log = logging.getLogger(__name__)

NO_NETWORK = {"LocalEntryNotFoundError", "ConnectError", "ConnectionError", "TimeoutException"}
"""Errors of huggingface_hub and httpx that mean nobody answered."""

TRAIN_AGAIN = "Start the run again, or choose another one."
CHOOSE_ANOTHER = "Get the model again, or choose another one."


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory with the tokenizer of its training."""

    model: Any
    tokenizer: Any
    device: str
    end_tokens: frozenset[int]
    """Each of them ends an answer."""
    generation_config: Any
    adapter: str = ""
    """What peft calls the adapter; several may be on one base model, of which one speaks."""
    adapter_effect: float | None = None
    brake: Brake = field(default_factory=Brake, compare=False)
    """Of the base model; put on it when it was loaded."""
    settings: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Generation settings that were made before, by what they were made from: copying them takes as long as
    a small model's token."""

    def speaking_as(self, voice: Voice) -> AbstractContextManager[None]:
        """Within this context the model is that voice: the base model is the adapter switched off."""
        if not hasattr(self.model, "disable_adapter"):
            return nullcontext()
        if voice == "base" or not self.adapter:
            off: AbstractContextManager[None] = self.model.disable_adapter()
            return off
        if self.model.active_adapter != self.adapter:
            self.model.set_adapter(self.adapter)
        return nullcontext()


def load_base(request: Load, report: Callable[[str], None]) -> tuple[Any, str]:
    """(base model, or whole model; device). Raises EngineError with what is missing; then nothing is kept."""
    device, dtype = place_of(request.device)
    how = quantisation.arguments(request.precision, device)
    report("Loading the base model…" if request.adapter else "Loading the model…")
    model = _load_model(request.base_model, dtype, how)
    if how or quantisation.is_stored_in_few_bits(model):
        quantisation.make_safe(model)
        return model.eval(), str(model.device.type)
    return model.to(device).eval(), device


def with_words(request: Load, model: Any, device: str, brake: Brake, adapter: str = "") -> LoadedModel:
    """`model` with the tokenizer and the settings that belong to what `request` names. Raises EngineError."""
    tokenizer = _load_tokenizer(request.words)
    _check_vocabulary(model, tokenizer)
    settings = model.generation_config
    if (Path(request.words) / "generation_config.json").is_file():
        # The tokens that end a turn in the training data are there, also for an adapter and the base voice.
        settings = GenerationConfig.from_pretrained(request.words)
    ends = _end_tokens(settings, tokenizer)
    return LoadedModel(model, tokenizer, device, ends, settings, adapter, brake=brake)


def lacks_tokens(model: Any, request: Load) -> int:
    """How many tokens its words have that the model has no rows for. Raises EngineError."""
    return max(0, len(_load_tokenizer(request.words)) - _rows(model))


def widen(model: Any, request: Load) -> bool:
    """Add rows for the tokens of an adapter that brings their values; returns whether there were any."""
    lacking = lacks_tokens(model, request)
    if lacking:
        model.resize_token_embeddings(_rows(model) + lacking, mean_resizing=False)
    return bool(lacking)


def place_of(wanted: Device = "auto") -> tuple[str, Any]:
    """(device, number format) to compute with on this computer. Raises EngineError for one it lacks."""
    if torch.cuda.is_available() and wanted in ("auto", "cuda"):
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return "cuda", torch.bfloat16 if has_bfloat16 else torch.float32
    if torch.backends.mps.is_available() and wanted in ("auto", "mps"):
        return "mps", torch.float32
    if wanted in ("cuda", "mps"):
        name = "NVIDIA GPU" if wanted == "cuda" else "Apple GPU"
        raise EngineError(
            f"This computer has no {name} that PyTorch can use.", "Choose the CPU, or Automatic."
        )
    return "cpu", torch.float32


def free_memory() -> None:
    """Give back what a dropped model held, also to the graphics card."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library other than glibc
            ctypes.CDLL(None).malloc_trim(0)


def _load_tokenizer(folder: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        log.exception("tokenizer")
        raise EngineError(f"{folder} has no readable tokenizer.", CHOOSE_ANOTHER) from error
    if not tokenizer.chat_template:
        raise EngineError(
            f"{folder} has no chat template: it was not made for conversations.",
            "Choose a model whose name ends in Instruct or Chat, or one that was fine-tuned.",
        )
    return tokenizer


def _load_model(name: str, dtype: Any, how: Mapping[str, Any]) -> Any:
    try:
        if Path(name).is_dir():
            if factored.is_factored(Path(name)):
                return _multiply_out(Path(name), dtype, how)
            return _read_model(name, dtype, how)
        if _is_cached(name):
            with suppress(OSError):  # only a part of it is there: get the rest
                return _read_model(name, dtype, how)
        if not HF_HUB_OFFLINE:
            # One quick question first: without a network, from_pretrained tries for over a minute.
            get_hf_file_metadata(hf_hub_url(name, "config.json"))
        return _read_model(name, dtype, how, local_files_only=HF_HUB_OFFLINE)
    except EngineError:
        raise
    except Exception as error:
        log.exception("model")
        raise _explain_loading(name, error) from error


def _multiply_out(checkpoint: Path, dtype: Any, how: Mapping[str, Any]) -> Any:
    """A checkpoint in the middle of an OSFT run. Raises EngineError where fewer bits are asked for: they come
    with reading ordinary weights from a file, and the factors are none."""
    if how:
        raise EngineError(
            "A checkpoint of an OSFT run cannot be loaded in fewer bits.",
            "Choose full precision, or export the checkpoint and load that.",
        )
    return factored.dense_model(checkpoint).to(dtype)


def _is_cached(name: str) -> bool:
    """Whether it is, at least in part, among the downloads."""
    return isinstance(try_to_load_from_cache(name, "config.json"), str)


def _read_model(name: str, dtype: Any, how: Mapping[str, Any], *, local_files_only: bool = True) -> Any:
    model, info = AutoModelForCausalLM.from_pretrained(
        name,
        dtype=dtype,
        local_files_only=local_files_only,
        trust_remote_code=False,  # it would run with this user's rights, and asks on stdin whether it may
        output_loading_info=True,
        **how,
    )
    if missing := info["missing_keys"]:  # transformers only warns, and makes them up
        raise ValueError(f"{len(missing)} tensors are missing, like {min(missing)}")
    return model


def _explain_loading(name: str, error: Exception) -> EngineError:
    """What a failed load means, told by the kinds of errors in its chain of causes."""
    kinds = _kinds_in_chain(error)
    if Path(name).is_dir():
        return EngineError(
            f"The model in {name} cannot be read.", "Some of its files are missing or damaged."
        )
    if "GatedRepoError" in kinds:
        return EngineError(
            f"{name} is gated on Hugging Face.",
            "Accept its terms on its page and add your Hugging Face token in Settings.",
        )
    if "RepositoryNotFoundError" in kinds:
        return EngineError(
            f"{name} is not on Hugging Face, or it is private.",
            "Check the name, or add your Hugging Face token in Settings.",
        )
    if "OfflineModeIsEnabled" in kinds or (kinds & NO_NETWORK and HF_HUB_OFFLINE):
        return EngineError(
            f"{name} is not on this computer, and this run is offline.",
            "Download the model first, or choose a run that is not offline.",
        )
    if kinds & {
        "LocalEntryNotFoundError",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionError",
        "TimeoutException",
    }:
        return EngineError(
            f"{name} is not on this computer, and Hugging Face cannot be reached.",
            "Check the network connection and try again.",
        )
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        return EngineError(
            f"Memory ran out while loading {name}.", "Close other programs, or use a smaller model."
        )
    return EngineError(
        f"{name} cannot be loaded ({type(error).__name__}).", "The inference log has the details."
    )


def _kinds_in_chain(error: BaseException | None) -> set[str]:
    kinds: set[str] = set()
    while error is not None:
        kinds.update(kind.__name__ for kind in type(error).__mro__)
        error = error.__cause__ or error.__context__
    return kinds


def _check_vocabulary(model: Any, tokenizer: Any) -> None:
    rows = _rows(model)
    if len(tokenizer) > rows:
        raise EngineError(f"The tokenizer has {len(tokenizer)} tokens, its model only {rows}.", TRAIN_AGAIN)


def _rows(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def _end_tokens(settings: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: of the settings, of the tokenizer, and of the template's turn."""
    configured = settings.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    ends = {*several, tokenizer.eos_token_id, _end_of_turn(tokenizer)}
    return frozenset(token for token in ends if token is not None)


def _end_of_turn(tokenizer: Any) -> int | None:
    """The special token the template puts after an answer, like <|im_end|>; None if it puts none."""
    marker = "answer"
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": marker}]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    tail = text[text.rfind(marker) + len(marker) :]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
    return next((token for token in ids if token in special), None)
