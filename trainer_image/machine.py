"""What there is to train on and with, told without loading a training library wherever that is possible."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Final, Literal

_LIBRARIES: Final = (
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "bitsandbytes", "unsloth",
)  # fmt: skip


def likely_device() -> Literal["cpu", "cuda"]:
    """A guess without torch; a notice tells the truth once it is loaded."""
    nvidia = Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists() or platform.system() == "Windows"
    built_for_cpu = versions().get("torch", "").endswith("+cpu")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return "cuda" if nvidia and not built_for_cpu and not hidden else "cpu"


def cpu_name() -> str:
    """The same each time for the same kind of CPU."""
    return f"CPU ({platform.machine()})"


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def is_installed(package: str) -> bool:
    """Whether there is something to import by this name; nothing is imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
