"""What can be trained here and what cannot, and why not: what `train.py --doctor` prints.

Looks for packages without importing them; torch is loaded only where there seems to be an NVIDIA GPU, to ask
it. That a package is there does not prove that it starts. Imports no training library.
"""

from collections.abc import Sequence
from typing import Any, Final

from trainer_image import machine, plugins
from trainer_image.backends import EXTERNAL, Backend

_FOR_ALL: Final = ("torch", "transformers", "trl", "accelerate", "datasets")
_FOR_LORA: Final = (*_FOR_ALL, "peft")
_NO_GPU: Final = "There is no NVIDIA GPU here that torch can use."


def examine() -> dict[str, Any]:
    """As it is printed: each method, backend and way to use several GPUs with `can_run` and `why_not`."""
    gpus = _gpus()
    on_gpu = "" if gpus else _NO_GPU
    several = "" if len(gpus) > 1 else f"It needs two GPUs or more, and there {_are(len(gpus))} here."
    return {
        "device": {"kind": "cuda" if gpus else "cpu", "name": machine.cpu_name(), "gpus": gpus}
        | ({"name": gpus[0]} if gpus else {}),
        "versions": machine.versions(),
        "methods": {
            "sft": _verdict(_FOR_ALL),
            "osft": _verdict(_FOR_ALL),
            "lora": _verdict(_FOR_LORA),
            "qlora_4bit": _verdict((*_FOR_LORA, "bitsandbytes")),
            "qlora_8bit": _verdict((*_FOR_LORA, "bitsandbytes")),
        },
        "backends": {
            "native": _verdict(_FOR_ALL),
            "unsloth": _verdict((*_FOR_LORA, "unsloth"), on_gpu),
            **{name: _external(backend, on_gpu) for name, backend in EXTERNAL.items()},
        },
        "plugins": {"methods": plugins.names("method"), "backends": plugins.names("backend")},
        "several_gpus": {
            "ddp": _verdict(_FOR_ALL, several if gpus else ""),
            "fsdp": _verdict(_FOR_ALL, several if gpus else ""),
            "model_splitting": _verdict(_FOR_ALL, several),
        },
    }


def _verdict(packages: Sequence[str], obstacle: str = "") -> dict[str, Any]:
    """`obstacle` is a sentence about the computer; missing packages come first."""
    missing = [name for name in packages if not machine.is_installed(name)]
    if missing:
        obstacle = f"What it needs is not installed here: {', '.join(missing)}."
    return {"can_run": not obstacle, "why_not": obstacle}


def _external(backend: Backend, on_gpu: str) -> dict[str, Any]:
    if machine.is_installed(backend.PACKAGE.partition(".")[0]):
        return _verdict((), on_gpu)
    return _verdict((), f"The package {backend.NAME} is not installed here.")


def _gpus() -> list[str]:
    """Names of those torch can use; none without asking it where there can't be one."""
    if machine.likely_device() == "cpu" or not machine.is_installed("torch"):
        return []
    import torch  # noqa: PLC0415

    return [str(torch.cuda.get_device_name(at)) for at in range(torch.cuda.device_count())]


def _are(count: int) -> str:
    return "is one" if count == 1 else "are none"
