"""The base model and its tokenizer, and what there is to compute on."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from trainer_image import machine
from trainer_image.config import RunConfig
from trainer_image.problems import RunFailedError, explain, explain_hub
from trainer_image.reporting import Reporter

_PATIENCE_SECONDS: Final = 15


@dataclass(frozen=True)
class Device:
    """What the run computes on, and in which number format."""

    kind: Literal["cpu", "cuda"]
    name: str
    bfloat16: bool


def find_model(base_model: str, run_dir: Path) -> str:
    """The model's folder, or its name on the Hub.

    Relative folders start at the run folder, then at the current one. Raises RunFailedError if a folder
    is clearly meant and is not there, or holds no model.
    """
    asked = Path(base_model).expanduser()
    candidates = (run_dir / asked, asked)
    for folder in candidates:
        if (folder / "config.json").is_file():
            return str(folder.resolve())
    means_folder = asked.is_absolute() or base_model.startswith((".", "~")) or base_model.count("/") > 1
    if not means_folder and "\\" not in base_model:
        return base_model
    if any(folder.is_dir() for folder in candidates):
        raise RunFailedError(
            f"The folder {base_model} holds no model: it has no config.json.",
            "Choose the folder that contains config.json and the weights.",
        )
    raise RunFailedError(
        f"The model folder {base_model} is not there.",
        "Choose a folder that holds a model, or a model on the Hugging Face Hub.",
    )


def require_reachable(model: str, *, offline: bool) -> None:
    """Fail within seconds where loading would fail after many: unknown, gated, no network, not cached."""
    if os.path.isabs(model):
        return
    from huggingface_hub import (  # noqa: PLC0415 a third of a second
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    try:
        if offline:
            hf_hub_download(model, "config.json", local_files_only=True)
        elif not isinstance(try_to_load_from_cache(model, "config.json"), str):
            address = hf_hub_url(model, "config.json", endpoint=os.environ.get("HF_ENDPOINT"))
            get_hf_file_metadata(address, timeout=_PATIENCE_SECONDS)  # unlike a download, without retries
    except Exception as error:
        raise _explain_model(error, model, offline=offline) or error from error


def config_of(model: str, *, offline: bool) -> dict[str, Any]:
    """The content of its `config.json`; of a model on the Hub only this file is fetched.

    Raises RunFailedError if it cannot be had or read.
    """
    path = Path(model) / "config.json"
    if not os.path.isabs(model):
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 a third of a second

        try:
            path = Path(hf_hub_download(model, "config.json", local_files_only=offline))
        except Exception as error:
            raise _explain_model(error, model, offline=offline) or error from error
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise RunFailedError(
            f"The config.json of {model} cannot be read.", "The model may be incomplete; get it again."
        )
    return found


def find_device(config: RunConfig) -> Device:
    """This process's GPU where torch can use one, else the CPU."""
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        threads = torch.get_num_threads()
        name = f"the CPU ({threads} thread{'s' if threads > 1 else ''})"
        return Device("cpu", name, config.precision == "bfloat16")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # "cuda" means this one from here on
    has_bfloat16 = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return Device("cuda", torch.cuda.get_device_name(), config.precision != "float32" and has_bfloat16)


def device_name(device: Literal["cpu", "cuda"]) -> str | None:
    """The same each time for the same kind of GPU, or of CPU; None if there is no such GPU after all.

    A GPU's takes torch, and with it seconds.
    """
    if device == "cpu":
        return machine.cpu_name()
    if not machine.is_installed("torch"):
        return None
    import torch  # noqa: PLC0415

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def quieten_and_seed(seed: int) -> None:
    """Leave the log to us; draw the same random numbers each time."""
    import transformers  # noqa: PLC0415

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    transformers.set_seed(seed)


def describe_device(device: Device, config: RunConfig, reporter: Reporter) -> None:
    """Say what the run computes on, and where that differs from what was asked for."""
    reporter.notice(f"Computing on {device.name}, in {'bfloat16' if device.bfloat16 else 'float32'}.")
    if config.precision == "bfloat16" and not device.bfloat16:
        reporter.notice("This GPU does not compute in bfloat16; float32 is used.", level="warning")


def load_tokenizer(model: str, *, offline: bool) -> Any:
    """Raises RunFailedError if it cannot be had."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        return AutoTokenizer.from_pretrained(model, local_files_only=offline)
    except Exception as error:
        raise _explain_model(error, model, offline=offline) or _unreadable(model, "tokenizer") from error


def without_weights(model: str) -> Any:
    """The model as its `config.json` describes it, with no memory behind its layers.

    Raises RunFailedError if the file is not on this computer: nothing is fetched.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415

    try:
        described = AutoConfig.from_pretrained(model, local_files_only=True)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(described)
    except Exception as error:
        raise _explain_model(error, model, offline=True) or _unreadable(model, "model") from error


def load_model(
    model: str,
    *,
    device: Device,
    float32: bool,
    offline: bool,
    bits: Literal[4, 8] | None = None,
    split: bool = False,
) -> Any:
    """Load the weights onto the device, in float32 if asked or if the device has no bfloat16.

    `bits` quantises them by bitsandbytes; a model that is stored quantised is taken as it is. `split`
    spreads its layers over all GPUs. Raises RunFailedError if they cannot be had.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    from trainer_image import quantisation  # noqa: PLC0415

    in_float32 = float32 or device.kind == "cpu" or not device.bfloat16
    dtype = torch.float32 if in_float32 else torch.bfloat16
    try:
        options = quantisation.options(model, bits, device=device, offline=offline)
        place = {"device_map": "auto"} if split else {}
        loaded, told = AutoModelForCausalLM.from_pretrained(
            model, dtype=dtype, local_files_only=offline, output_loading_info=True, **options | place
        )
        if not options:  # in few bits the names that are looked for are not those of the files
            require_all_weights(model, loaded, told["missing_keys"])
        if options:
            quantisation.keep_layout(loaded)
        return loaded.to(device.kind) if not options and not split else loaded
    except Exception as error:
        foreseen = explain(error) or _explain_model(error, model, offline=offline)
        raise foreseen or _unreadable(model, "model") from error


def require_all_weights(name: str, model: Any, missing: Iterable[str]) -> None:
    """Raise RunFailedError if a parameter was in none of the files: it would start from random numbers."""
    parameters = {name for name, _ in model.named_parameters()}
    if lacking := sorted(parameters & set(missing)):
        raise RunFailedError(
            f"The weights of {name} are not those its config.json describes: {len(lacking)} of "
            f"{len(parameters)} are missing, like {lacking[0]}, and would start from random numbers.",
            "Get the model again, or choose another one; the folder of an adapter is no base model.",
        )


def count_parameters(model: Any) -> tuple[int, int]:
    """(all numbers of the model, those that learn), whatever they are packed or factorised into."""
    total = learning = 0
    for parameter in model.parameters():
        packed_from = getattr(getattr(parameter, "quant_state", None), "shape", None)
        size = packed_from.numel() if packed_from is not None else parameter.numel()
        total += size
        learning += size if parameter.requires_grad else 0
    frozen = sum(m.frozen_numbers() for m in model.modules() if hasattr(m, "frozen_numbers"))
    return total + frozen, learning


def stored_dtype(model: str) -> Any:
    """The number format the base model's weights are stored in; None if its config doesn't say."""
    from transformers import AutoConfig  # noqa: PLC0415

    return getattr(AutoConfig.from_pretrained(model, local_files_only=True), "dtype", None)


def _explain_model(error: Exception, model: str, *, offline: bool) -> RunFailedError | None:
    if os.path.isabs(model):
        return None
    if "EntryNotFoundError" in {cls.__name__ for cls in type(error).__mro__} and "LocalEntry" not in repr(
        type(error)
    ):
        return RunFailedError(
            f"'{model}' on the Hugging Face Hub holds no model: it has no config.json.",
            "Choose a model in the transformers format (not only GGUF files or an adapter).",
        )
    return explain_hub(error, kind="model", name=model, offline=offline)


def _unreadable(model: str, part: str) -> RunFailedError:
    return RunFailedError(
        f"The {part} in {model} cannot be loaded.",
        "The files may be incomplete or of a kind that is not supported; the log has the details.",
    )
