"""Which library loads the model and makes the adapters: Unsloth on NVIDIA if it is there, else transformers
and PEFT. Called before transformers is imported, because Unsloth has to be first."""

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from trainer_image import sharding
from trainer_image.config import Lora, RunConfig
from trainer_image.demand import EngineName, bits_of
from trainer_image.problems import RunFailedError


@dataclass(frozen=True)
class Engine:
    """The choice, and the sentence about it; empty where there was nothing to choose."""

    name: EngineName
    why: str = ""


def choose(config: RunConfig) -> Engine:
    """Decide, and import Unsloth if it is the choice."""
    method = config.method
    if not isinstance(method, Lora):
        return Engine("transformers")
    reason = _against_unsloth(method) or _against_parts(config)
    if reason:
        _refuse_if_insisted_on(config, reason)
        return Engine("transformers", f"The adapter is trained by transformers and PEFT: {reason}.")
    try:
        # The loop reads the logits; without the first of these Unsloth keeps them back.
        os.environ["UNSLOTH_RETURN_LOGITS"] = "1"
        os.environ["UNSLOTH_DISABLE_STATISTICS"] = "1"
        import unsloth  # noqa: F401, PLC0415
    except Exception as error:  # it raises what it likes when a part of it does not fit the machine
        kind = type(error).__name__
        reason = f"Unsloth is installed but does not start here ({kind})"
        _refuse_if_insisted_on(config, reason)
        return Engine("transformers", f"The adapter is trained by transformers and PEFT: {reason}.")
    return Engine("unsloth", "The adapter is trained by Unsloth: there is an NVIDIA GPU and it is installed.")


def likely(config: RunConfig) -> EngineName:
    """What `choose` will choose if Unsloth starts; torch is loaded only where Unsloth is installed."""
    method = config.method
    if not isinstance(method, Lora) or _against_unsloth(method) or _against_parts(config):
        return "transformers"
    return "unsloth"


def load(engine: Engine, model: str, config: RunConfig, *, device: Any, float32: bool) -> Any:
    """The base model on the device. Raises RunFailedError if it cannot be had."""
    if engine.name == "unsloth":
        from trainer_image import unsloth_engine  # noqa: PLC0415 only where it is installed

        return unsloth_engine.load(model, config, device=device)
    from trainer_image import models  # noqa: PLC0415

    bits = bits_of(config)
    split = config.distributed.enable_model_splitting
    return models.load_model(
        model, device=device, float32=float32, offline=config.offline, bits=bits, split=split
    )


def prepare(engine: Engine, method: Any, model: Any, config: RunConfig) -> Any:
    """Make it trainable by the method. Raises RunFailedError."""
    if engine.name == "unsloth":
        from trainer_image import unsloth_engine  # noqa: PLC0415 only where it is installed

        return unsloth_engine.prepare(model, config)
    return method.prepare(model, config.method)


def _against_unsloth(method: Lora) -> str:
    if importlib.util.find_spec("unsloth") is None:
        return "Unsloth is not installed"
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available() or torch.version.cuda is None:
        return "there is no NVIDIA GPU"
    if method.use_dora:
        return "DoRA is on, which Unsloth has no fast path for"
    if method.target_modules == "custom":
        return "custom target patterns are PEFT's"
    return ""


def _against_parts(config: RunConfig) -> str:
    if config.method_plugin:
        return "another package's method is chosen"
    if config.distributed.enable_model_splitting:
        return "the model is split over several GPUs"
    return "the model is in parts (FSDP), which Unsloth does not do" if sharding.is_on(config) else ""


def _refuse_if_insisted_on(config: RunConfig, reason: str) -> None:
    """Raise RunFailedError if the config insists on Unsloth."""
    if config.backend == "unsloth":
        raise RunFailedError(
            f"The backend unsloth cannot train this run: {reason}.",
            "Set the backend to 'native', which trains the same adapters by transformers and PEFT.",
        )
