"""Which models there are to talk to, what each needs, and whether it has room here."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from app.domain.adapter_bases import ADAPTER_SETTINGS, base_named_in
from app.domain.chat import LoadedFacts, Voice
from app.domain.errors import EngineError, StudioError, UnknownRunError
from app.domain.gpus import GIB, Gpus
from app.domain.model_sizes import ModelConfigs, parameters_in_name, rough_shape
from app.domain.ports import RunStore
from app.domain.preflight_ports import ModelFiles
from app.domain.runs import Run, RunId
from app.domain.stamps import stamp_of
from app.domain.talkers import (
    AUTOMATIC,
    Device,
    Fit,
    LoadableModel,
    ModelChoice,
    ModelRef,
    Placing,
    Precision,
)
from app.domain.typed_paths import expanded, is_file, is_folder, looks_like_path
from trainer_image import network
from trainer_image.problems import RunFailedError
from trainer_image.shapes import Shape, shape_of

log = logging.getLogger(__name__)

_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_ADAPTER_WEIGHTS: Final = ("adapter_model.safetensors", "adapter_model.bin")
_GGUF: Final = ".gguf"
_LLAMA_BYTES: Final = round(0.3 * GIB)
_CONVERSATION_TOKENS: Final = 4096
_PROCESS_BYTES: Final = round(0.7 * GIB)
"""PyTorch and what it needs to compute, without a model."""
_TIGHT: Final = 0.85
_BITS: Final[dict[Precision, float]] = {"8bit": 1.0, "4bit": 0.516}
"""Bytes of a weight of a linear layer."""
_ON_A_GPU: Final = ("auto", "cuda")


class TalkerService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        runs: RunStore,
        files: ModelFiles,
        configs: ModelConfigs,
        *,
        gpus: Gpus,
        computer_memory: Callable[[], tuple[int, int]],
        offline: Callable[[], str],
        bundled_model: Path,
    ) -> None:
        """`computer_memory` is (all of it, what is free) in bytes; `offline` says why there is no network."""
        self._runs = runs
        self._files = files
        self._configs = configs
        self._gpus = gpus
        self._computer_memory = computer_memory
        self._offline = offline
        self._bundled_model = bundled_model

    def runs(self) -> list[ModelChoice]:
        """What the runs have made, newest first: results, then the checkpoints of each."""
        return [choice for run in self._runs.all() for choice in self._of_run(run)]

    def hub_models(self) -> list[ModelChoice]:
        """Models of the Hub that are on this computer, and the bundled one."""
        bundled = ModelChoice(
            ModelRef("folder", str(self._bundled_model)), "Tiny model for trying things out"
        )
        names = self._files.cached_names()
        return [bundled, *(self._cached(name) for name in names)]

    def find(self, text: str) -> ModelRef:
        """What a person means by a run's name or id (and `/samples_N`), a folder, a Hub name, or a whole
        `kind:name`. Raises StudioError."""
        text = text.strip()
        if text.startswith(("run:", "checkpoint:", "folder:", "hub:")):
            return ModelRef.parse(text)
        if not text:
            raise StudioError("No model was named.", "Choose a run, a folder, or a model of the Hub.")
        if looks_like_path(text):
            return ModelRef("folder", str(expanded(text).absolute()))
        name, slash, rest = text.partition("/")
        try:
            run = self._runs.find(name)
        except UnknownRunError:
            if is_folder(Path(text)):
                return ModelRef("folder", str(Path(text).absolute()))
            if slash:
                return ModelRef("hub", text)
            raise
        return ModelRef("checkpoint", f"{run.id}/{rest}") if slash else ModelRef("run", run.id)

    def resolve(self, ref: ModelRef, placing: Placing = AUTOMATIC) -> LoadableModel:
        """What has to be in memory. Raises EngineError with what is missing."""
        if ref.kind in ("run", "checkpoint"):
            run_id, _, checkpoint = ref.name.partition("/")
            return model_of(self._run(run_id), ref.voice, checkpoint, placing)
        if ref.kind == "folder":
            return self._folder(ref, placing)
        return self._hub(ref, placing)

    def fit(self, model: LoadableModel, loaded: LoadedFacts | None = None) -> Fit:
        """Whether it has room. `loaded` is in memory now, and makes room first where it is in the same."""
        if model.base_model.endswith(_GGUF):
            return self._fit_of_gguf(model, _freed(loaded, "cpu"))
        try:
            shape, is_rough = self._shape(model)
        except StudioError as error:
            return Fit("unknown", f"How much memory it takes is not known. {error.message}")
        device, available, has_bfloat16 = self._place(model.placing.device)
        needed = needed_bytes(shape, model, device, has_bfloat16=has_bfloat16)
        where = "on the GPU" if device == "cuda" else "in this computer's memory"
        about = "roughly " if is_rough else ""
        room = available + _freed(loaded, device)
        text = f"Needs {about}{needed / GIB:.1f} GB; {room / GIB:.1f} GB are free {where}."
        if needed > room:
            return Fit("too_large", f"{text} It does not fit.{_advice(model.placing)}", needed, room)
        if needed > room * _TIGHT:
            return Fit("tight", f"{text} That is tight: close other programs first.", needed, room)
        return Fit("fits", text, needed, room)

    def _fit_of_gguf(self, model: LoadableModel, freed_bytes: int) -> Fit:
        """llama.cpp maps the file; beside it stands little more than the conversation."""
        needed = round(_size(Path(model.base_model)) * 1.1) + _LLAMA_BYTES
        room = self._computer_memory()[1] + freed_bytes
        text = f"Needs {needed / GIB:.1f} GB; {room / GIB:.1f} GB are free in this computer's memory."
        if needed > room:
            return Fit("too_large", f"{text} It does not fit. Try fewer bits.", needed, room)
        return Fit("tight" if needed > room * _TIGHT else "fits", text, needed, room)

    def _of_run(self, run: Run) -> Iterator[ModelChoice]:
        if run.output_dir is not None:
            label = f"{run.name} · {'adapter' if run.output_kind == 'adapter' else 'model'}"
            yield ModelChoice(ModelRef("run", run.id), label, _blocked(run, run.output_dir))
        for folder in sorted(run.checkpoints_dir.glob("samples_*"), key=_number, reverse=True):
            ref = ModelRef("checkpoint", f"{run.id}/{folder.name}")
            yield ModelChoice(ref, f"{run.name} · {folder.name}", _blocked(run, folder))

    def _cached(self, name: str) -> ModelChoice:
        folder = self._files.cached(name, None)
        lacks = self._files.lacks(folder) if folder else "it was never downloaded"
        if folder is not None and _is_adapter(folder):
            lacks = self._lacks_base(folder)
        reason = f"{name} is not whole on this computer: {lacks}." if lacks else ""
        return ModelChoice(ModelRef("hub", name), name, reason if self._offline() else "")

    def _run(self, run_id: str) -> Run:
        try:
            return self._runs.get(RunId(run_id))
        except UnknownRunError as error:
            raise EngineError("The run of this model was deleted.", "Choose another model.") from error

    def _folder(self, ref: ModelRef, placing: Placing) -> LoadableModel:
        folder = expanded(ref.name)
        if gguf := gguf_in(folder):
            return self._gguf(gguf, ref, placing)
        if not is_folder(folder):
            raise EngineError(f"There is no folder {ref.name}.", "Check the path.")
        if (folder / ADAPTER_SETTINGS).is_file():
            base = _base_of_adapter(folder)
            return _with_adapter(folder.name, base, folder, ref.voice, placing, offline=bool(self._offline()))
        if lacks := self._files.lacks(folder):
            raise EngineError(
                f"{folder} is no model: {lacks}.", "Choose a folder with config.json, weights and tokenizer."
            )
        return LoadableModel(
            folder.name,
            str(folder),
            str(folder),
            base_stamp=stamp_of(folder),
            offline=bool(self._offline()),
            placing=placing,
        )

    def _gguf(self, file: Path, ref: ModelRef, placing: Placing) -> LoadableModel:
        """One file with all in it: weights, tokenizer and template. Raises EngineError for its base model."""
        if ref.voice == "base":
            raise EngineError("A GGUF file has no base model in it.", "Choose the base model itself.")
        name, stamp = str(file), file.stat().st_mtime_ns
        return LoadableModel(file.stem, name, name, base_stamp=stamp, offline=True, placing=placing)

    def _hub(self, ref: ModelRef, placing: Placing) -> LoadableModel:
        folder = self._files.cached(ref.name, None)
        if folder is not None and _is_adapter(folder):
            reason = self._offline()
            if reason and (lacks := self._lacks_base(folder)):
                raise EngineError(
                    f"{ref.name} is not whole on this computer: {lacks}. {reason}",
                    "Choose a model that is here, or go online.",
                )
            base = _base_of_adapter(folder)
            return _with_adapter(ref.name, base, folder, ref.voice, placing, offline=bool(reason))
        if reason := self._offline():
            lacks = self._files.lacks(folder) if folder else "it was never downloaded"
            if lacks:
                raise EngineError(
                    f"{ref.name} is not whole on this computer: {lacks}. {reason}",
                    "Choose a model that is here, or go online.",
                )
        # An adapter that is not here yet is found out when it is loaded (`app.worker.hub_adapters`).
        return LoadableModel(ref.name, ref.name, ref.name, offline=bool(self._offline()), placing=placing)

    def _lacks_base(self, adapter: Path) -> str:
        try:
            base = _base_of_adapter(adapter)
        except EngineError as error:
            return error.message.rstrip(".")
        folder = Path(base) if is_folder(Path(base)) else self._files.cached(base, None)
        lacks = self._files.lacks(folder) if folder else "it was never downloaded"
        return f"its base model {base} is not here ({lacks})" if lacks else ""

    def _shape(self, model: LoadableModel) -> tuple[Shape, bool]:
        try:
            return shape_of(self._configs.of(model.base_model, offline=model.offline)), False
        except (StudioError, RunFailedError) as error:
            parameters = parameters_in_name(model.base_model)
            if parameters is None:
                raise StudioError(error.message, error.hint) from error
            return rough_shape(parameters), True

    def _place(self, device: Device) -> tuple[str, int, bool]:
        gpus = self._gpus() if device in _ON_A_GPU else ()
        if gpus:
            first = gpus[0]  # the one PyTorch takes by itself
            return "cuda", first.free_bytes, first.has_bfloat16
        return "cpu", self._computer_memory()[1], False


def _freed(loaded: LoadedFacts | None, device: str) -> int:
    """What a model in memory gives back there, with the process that stays. An Apple GPU has no memory of
    its own."""
    if loaded is None or (loaded.device == "cuda") != (device == "cuda"):
        return 0
    return loaded.memory_bytes + _PROCESS_BYTES


def gguf_in(place: Path) -> Path | None:
    """The GGUF file that is meant: itself, or the only one in a folder, as an export leaves it."""
    if place.suffix == _GGUF and is_file(place):
        return place.resolve()
    found = sorted(place.glob(f"*{_GGUF}")) if is_folder(place) else []
    return found[0].resolve() if len(found) == 1 else None


def needed_bytes(shape: Shape, model: LoadableModel, device: str, *, has_bfloat16: bool) -> int:
    """Weights as they are stored in memory, a conversation of 4,096 tokens, and PyTorch itself."""
    wide = 2 if device == "cuda" and has_bfloat16 else 4
    linear = sum(matrix.elements for matrix in shape.matrices)
    narrow = _BITS.get(model.placing.precision) or (shape.stored_bits / 8 if shape.stored_bits else wide)
    weights = linear * narrow + shape.other * wide
    adapter = sum(_size(Path(model.adapter) / name) for name in _ADAPTER_WEIGHTS) if model.adapter else 0
    cache = 2 * shape.layers * shape.key_value * wide * _CONVERSATION_TOKENS
    return round(weights + adapter + cache + _PROCESS_BYTES)


def model_of(run: Run, voice: Voice, checkpoint: str = "", placing: Placing = AUTOMATIC) -> LoadableModel:
    """What a run has made, or one of its checkpoints. Raises EngineError with what is missing."""
    folder = run.checkpoints_dir / checkpoint if checkpoint else run.output_dir
    if folder is None:
        raise EngineError("This run has no model yet.", "Wait until it has finished.")
    if not any(file.is_file() for file in folder.glob("*")):
        what = "checkpoint" if checkpoint else "run's output folder"
        raise EngineError(f"The {what} {folder} is missing.", "Choose another one.")
    offline = run.config.offline or bool(network.reason())
    label = f"{run.name} · {checkpoint}" if checkpoint else run.name
    if (folder / ADAPTER_SETTINGS).exists() or (not checkpoint and run.output_kind == "adapter"):
        return _with_adapter(label, base_model_of(run), folder, voice, placing, offline=offline)
    if voice == "base":
        base = base_model_of(run)
        stamp = stamp_of(Path(base)) if Path(base).is_dir() else 0
        return LoadableModel(
            f"Base of {label}", base, str(folder), base_stamp=stamp, offline=offline, placing=placing
        )
    whole = str(folder)
    return LoadableModel(label, whole, whole, base_stamp=stamp_of(folder), offline=offline, placing=placing)


def base_model_of(run: Run) -> str:
    """The base model's folder or Hub name; relative folders start at the run folder, then at the current one.

    A folder that is gone must not be looked up on the Hub. Raises EngineError.
    """
    name = run.config.base_model
    asked = Path(name).expanduser()
    folder = next((folder for folder in (run.folder / asked, asked) if folder.is_dir()), None)
    if folder is not None:
        return str(folder.resolve())
    if asked.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name:
        raise EngineError(
            f"The base model's folder {name} is missing.",
            "Put it back where it was when the run was started.",
        )
    return name


def _with_adapter(
    label: str, base: str, folder: Path, voice: Voice, placing: Placing, *, offline: bool
) -> LoadableModel:
    has_words = any((folder / name).is_file() for name in ("tokenizer_config.json", "tokenizer.json"))
    return LoadableModel(
        f"Base of {label}" if voice == "base" else label,
        base,
        str(folder) if has_words else base,
        adapter=str(folder),
        voice=voice,
        base_stamp=stamp_of(Path(base)) if Path(base).is_dir() else 0,
        adapter_stamp=stamp_of(folder),
        offline=offline,
        placing=placing,
    )


def _is_adapter(folder: Path) -> bool:
    """Not where only a part of it is there, nor a whole model that has an adapter lying beside it."""
    has_weights = any((folder / name).is_file() for name in _ADAPTER_WEIGHTS)
    return has_weights and (folder / ADAPTER_SETTINGS).is_file() and not (folder / "config.json").is_file()


def _base_of_adapter(folder: Path) -> str:
    """Raises EngineError if the adapter does not say, or says a folder that is gone."""
    try:
        base = base_named_in((folder / ADAPTER_SETTINGS).read_bytes(), folder)
    except (OSError, ValueError) as error:
        raise EngineError(f"{folder / ADAPTER_SETTINGS} cannot be read.", "Get the adapter again.") from error
    if base is None:
        raise EngineError(
            f"The adapter in {folder} does not say which base model it is for.",
            "Put base_model_name_or_path into its adapter_config.json.",
        )
    if base.is_missing:
        raise EngineError(
            f"The base model of this adapter, {base.name}, is missing.", "Put it back where it was."
        )
    return base.place


def _blocked(run: Run, folder: Path) -> str:
    if any((folder / name).is_file() for name in (*_WEIGHTS, *_ADAPTER_WEIGHTS)):
        return ""
    return f"There is no model in {folder} that can be loaded."


def _advice(placing: Placing) -> str:
    return " Try 4 bits, or a smaller model." if placing.precision != "4bit" else " Try a smaller model."


def _number(folder: Path) -> int:
    digits = folder.name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
