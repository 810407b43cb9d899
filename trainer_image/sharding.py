"""One model in parts over several processes (FSDP2, through accelerate), also where these are on a CPU.

A process holds a part of every weight, its gradient and its optimiser state; layers are put together as they
are needed. Between the processes everything happens at once: what is collective here must be called by all.
"""

from dataclasses import replace
from typing import Any

from trainer_image import ranks
from trainer_image.config import Lora, Osft, RunConfig
from trainer_image.models import Device
from trainer_image.problems import RunFailedError


def is_on(config: RunConfig) -> bool:
    return config.distributed.strategy == "fsdp" and ranks.world_size() > 1


def require_possible(config: RunConfig) -> None:
    """Raise RunFailedError for what cannot be trained in parts; needs nothing loaded."""
    if config.distributed.strategy != "fsdp":
        return
    method = config.method
    if isinstance(method, Osft):
        raise RunFailedError(
            "OSFT cannot be trained in parts (FSDP): its projection needs whole directions of a weight.",
            "Set the strategy to 'ddp', or choose the backend mini-trainer where CUDA is.",
        )
    if isinstance(method, Lora) and (method.load_in_4bit or method.load_in_8bit):
        raise RunFailedError(
            "A model in 4 or 8 bits cannot be trained in parts (FSDP) here.",
            "Set the strategy to 'ddp', or turn 4-bit and 8-bit off.",
        )
    if config.max_tokens_per_gpu == "auto":
        raise RunFailedError(
            "How many tokens fit at once cannot be looked for with the model in parts (FSDP): a process that "
            "runs out of memory ends them all.",
            "Give max_tokens_per_gpu a number, or set the strategy to 'ddp'.",
        )
    if config.optimizer not in {"adamw", "sgd"}:
        raise RunFailedError(
            "The 8-bit optimisers cannot be trained in parts (FSDP) here.",
            "Set the optimizer to 'adamw', whose state is in parts too, or the strategy to 'ddp'.",
        )


def require_gpus_to_split(config: RunConfig) -> None:
    """Raise RunFailedError if one model is to be spread over GPUs, and there are none or one."""
    import torch  # noqa: PLC0415

    count = torch.cuda.device_count()
    if config.distributed.enable_model_splitting and count < 2:
        raise RunFailedError(
            f"enable_model_splitting spreads a model over several GPUs, and there {'is' if count else 'are'} "
            f"{count or 'none'} here.",
            "Turn it off.",
        )


def loading_device(device: Device, config: RunConfig) -> Device:
    """Where the whole model is loaded before it is cut: in the computer's memory, in float32."""
    return replace(device, kind="cpu") if is_on(config) else device


def arguments(config: RunConfig, *, recomputes: bool) -> dict[str, Any]:
    """For `TrainingArguments`: cut at the layers that the model names as not to be split."""
    if not is_on(config):
        return {}
    cut = {"version": 2, "state_dict_type": "FULL_STATE_DICT"}
    if recomputes:
        return {"fsdp": True, "fsdp_config": cut | {"activation_checkpointing": True}}
    return {"fsdp": True, "fsdp_config": cut}


def allow_on_cpu(config: RunConfig, device: Device) -> None:
    """Call just before accelerate is set up, which in version 1.15 offers FSDP on accelerators only.

    Its FSDP2 code and PyTorch's work on a CPU over gloo alike; after this it takes several CPUs for such.
    """
    if not is_on(config) or device.kind != "cpu":
        return
    from accelerate.state import PartialState  # noqa: PLC0415
    from accelerate.utils import DistributedType  # noqa: PLC0415

    PartialState()  # has been set up by the training arguments
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def in_one_piece(loop: Any, model: str, config: RunConfig, engine: Any, method: Any) -> Any:
    """In the first process, the base model loaded anew, made as it was for training, with the weights of the
    loop: ready to be saved. In the others the loop's own model; collective."""
    from trainer_image import engines  # noqa: PLC0415

    weights: dict[str, Any] = loop.accelerator.get_state_dict(loop.model)  # by name, on the CPU
    if not ranks.is_first():
        return loop.model
    cpu = Device("cpu", "the CPU", bfloat16=False)
    fresh = engines.load(engine, model, config, device=cpu, float32=True)
    fresh = engines.prepare(engine, method, fresh, config)
    fresh.load_state_dict(weights)
    return fresh
