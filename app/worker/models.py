"""Loads what a run produced, for talking to it: a whole model, or an adapter on its base model.

The tokenizer and the chat template always come from the run's output, so a prompt is rendered exactly as
the training rendered its rows. Adapters are never merged: switched off, the same weights are the base
model, and merging into quantised weights after a forward pass gives garbage on some processors
(bitsandbytes 0.50.2, AVX512-BF16).
"""

import gc
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_OFFLINE
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from app.domain.chat import Voice
from app.domain.errors import EngineError
from app.worker.protocol import Load

log = logging.getLogger(__name__)

NO_NETWORK = {"LocalEntryNotFoundError", "ConnectError", "ConnectionError", "TimeoutException"}
"""Errors of huggingface_hub and httpx that mean nobody answered."""

TRAIN_AGAIN = "Start the run again, or choose another one."


@dataclass(frozen=True)
class LoadedModel:
    """One model in memory with the tokenizer of its training."""

    model: Any
    tokenizer: Any
    device: str
    has_adapter: bool
    end_tokens: frozenset[int]
    """Each of them ends an answer."""

    def speaking_as(self, voice: Voice) -> AbstractContextManager[None]:
        """Within this context the model is that voice: the base model is the adapter switched off."""
        if self.has_adapter and voice == "base":
            off: AbstractContextManager[None] = self.model.disable_adapter()
            return off
        return nullcontext()


def load(request: Load, report: Callable[[str], None]) -> LoadedModel:
    """Load what `request` names. Raises EngineError with what is missing; then nothing is kept."""
    tokenizer = _load_tokenizer(request.output_dir)
    device, dtype = _place()
    if request.adapter:
        report("Loading the base model…")
        model = _load_model(request.base_model, dtype)
        report("Loading the adapter…")
        model = _with_adapter(model, request.adapter)
    elif request.voice == "base":
        report("Loading the base model…")
        model = _load_model(request.base_model, dtype)
    else:
        report("Loading the fine-tuned model…")
        model = _load_model(request.output_dir, dtype)
    _check_vocabulary(model, tokenizer)
    if (Path(request.output_dir) / "generation_config.json").is_file():
        # The tokens that end a turn in the training data are there, also for an adapter and the base voice.
        model.generation_config = GenerationConfig.from_pretrained(request.output_dir)
    return LoadedModel(
        model.to(device).eval(),
        tokenizer,
        device,
        has_adapter=bool(request.adapter),
        end_tokens=_end_tokens(model, tokenizer),
    )


def free_memory() -> None:
    """Give back what a dropped model held, also to the graphics card."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _place() -> tuple[str, Any]:
    """(device, number format) to compute with on this computer."""
    if torch.cuda.is_available():
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return "cuda", torch.bfloat16 if has_bfloat16 else torch.float32
    if torch.backends.mps.is_available():
        return "mps", torch.float32
    return "cpu", torch.float32


def _load_tokenizer(folder: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        log.exception("tokenizer")
        raise EngineError(f"The run's output in {folder} has no readable tokenizer.", TRAIN_AGAIN) from error
    if not tokenizer.chat_template:
        raise EngineError(f"The run's output in {folder} has no chat template.", TRAIN_AGAIN)
    return tokenizer


def _load_model(name: str, dtype: Any) -> Any:
    try:
        if Path(name).is_dir():
            return _read_model(name, dtype)
        if _is_cached(name):
            with suppress(OSError):  # only a part of it is there: get the rest
                return _read_model(name, dtype)
        if not HF_HUB_OFFLINE:
            # One quick question first: without a network, from_pretrained tries for over a minute.
            get_hf_file_metadata(hf_hub_url(name, "config.json"))
        return _read_model(name, dtype, local_files_only=HF_HUB_OFFLINE)
    except Exception as error:
        log.exception("model")
        raise _explain_loading(name, error) from error


def _is_cached(name: str) -> bool:
    """Whether it is, at least in part, among the downloads."""
    return isinstance(try_to_load_from_cache(name, "config.json"), str)


def _read_model(name: str, dtype: Any, *, local_files_only: bool = True) -> Any:
    model, info = AutoModelForCausalLM.from_pretrained(
        name,
        dtype=dtype,
        local_files_only=local_files_only,
        trust_remote_code=False,  # it would run with this user's rights, and asks on stdin whether it may
        output_loading_info=True,
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


def _with_adapter(model: Any, folder: str) -> Any:
    """`model` with the adapter in `folder`, proven to be loaded whole and to change something."""
    from peft import PeftModel  # noqa: PLC0415  # slow to import, and whole models do without

    try:
        adapted = PeftModel.from_pretrained(model, folder)
        _check_adapter(adapted, folder)
    except (OSError, ValueError, RuntimeError) as error:
        log.exception("adapter")
        raise EngineError(
            f"The adapter in {folder} cannot be read, or does not fit its base model.", TRAIN_AGAIN
        ) from error
    return adapted


def _check_adapter(adapted: Any, folder: str) -> None:
    """Refuse an adapter of which something was left out (peft only warns), or that is all zeros."""
    from peft import get_peft_model_state_dict  # noqa: PLC0415
    from peft.utils import load_peft_weights  # noqa: PLC0415

    stored = load_peft_weights(folder, device="cpu")
    # Without the flag peft asks the Hub about the base model's vocabulary.
    loaded = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    left_over = {name for name in stored.keys() - loaded.keys() if "lora_" in name}
    if not stored or left_over or loaded.keys() - stored.keys():
        raise ValueError(f"{len(stored.keys() ^ loaded.keys())} tensors differ between file and model")
    updates = [tensor for name, tensor in loaded.items() if "lora_B" in name or "lora_embedding_B" in name]
    if updates and not any(bool(tensor.any()) for tensor in updates):
        raise EngineError(
            "The adapter is empty: the run did not change the model.",
            "Train for more steps or with a higher learning rate.",
        )


def _check_vocabulary(model: Any, tokenizer: Any) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise EngineError(
            f"The run's tokenizer has {len(tokenizer)} tokens, its model only {rows}.", TRAIN_AGAIN
        )


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: of the model, of the tokenizer, and of the template's turn."""
    configured = model.generation_config.eos_token_id
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
