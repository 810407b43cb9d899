"""One export from beginning to end, in a folder that is nobody's yet; who asked for it puts it in place."""

import logging
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from app.domain.errors import StudioError
from app.domain.exports import MODELFILE, ComputesOn, ExportFormat, ExportJob, Made, Told
from app.worker import factored
from app.worker.exporting import mlx, parity
from app.worker.exporting.adapter_folder import SETTINGS, copy_adapter, require_adapter, untried
from app.worker.exporting.gguf_file import write_gguf
from app.worker.exporting.loading import BaseNotHereError, load_folder, load_tokenizer, load_trained
from app.worker.exporting.modelfile import modelfile
from app.worker.exporting.placing import require_room
from app.worker.exporting.reference import Reference
from app.worker.exporting.runtimes import Runtime, Transformers
from app.worker.exporting.watching import size_of, watched
from app.worker.llama_cpp import LlamaCpp
from app.worker.models import free_memory
from trainer_image.output import stop_at

log = logging.getLogger(__name__)

_LONGEST: Final = 4096
"""Most tokens of a prompt and its answer that are compared: more would take a computer minutes each."""
_WORDS: Final = (
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "generation_config.json",
)  # fmt: skip

_ON_THE_PROCESSOR: Final = "The graphics card had too little memory: it was made on the processor."

Tell = Callable[[Told], None]


def make(job: ExportJob, tell: Tell) -> Made:
    """Fill `job.staging`. Raises StudioError; what is in the folder then is worth nothing."""
    if job.format is ExportFormat.MLX:
        mlx.require_possible()
    if job.format is ExportFormat.ADAPTER:
        require_adapter(job)
    load_tokenizer(job.model)  # before minutes of loading
    with suppress(torch.OutOfMemoryError):
        return _made(job, tell)
    log.info("the graphics card has too little memory: going on with the processor")
    free_memory()  # what was half done went with the error
    _empty(job.staging)
    tell(Told("The graphics card is too small: beginning again on the processor"))
    made = _made(replace(job, computes_on=ComputesOn.CPU), tell)
    remarks = (*made.certificate.remarks, _ON_THE_PROCESSOR)
    return Made(replace(made.certificate, remarks=remarks))


def _made(job: ExportJob, tell: Tell) -> Made:
    if not job.is_adapter and factored.is_factored(job.model):
        tell(Told("Multiplying the checkpoint out"))
        dense = factored.write_dense(job.model, job.staging / ".dense")
        made = _made(replace(job, model=dense), tell)
        shutil.rmtree(dense)
        return made
    tell(Told("Loading what was trained"))
    try:
        return _certified(job, *_loaded(job, tell), tell)
    except BaseNotHereError as reason:
        if job.format is not ExportFormat.ADAPTER:
            raise
        return Made(untried(job, reason, Reference(None, load_tokenizer(job.model)), tell))


def _loaded(job: ExportJob, tell: Tell) -> tuple[Reference, torch.dtype]:
    """(what was trained, the number format its weights are stored in). Raises StudioError."""
    words = load_tokenizer(job.model)
    model, dtype = load_trained(job, tell)
    if not (job.staging / ".dense").is_dir():
        require_room(job, model, dtype)
    return Reference(model, words), dtype


def _certified(job: ExportJob, reference: Reference, dtype: torch.dtype, tell: Tell) -> Made:
    """The model is the reference's alone, so that it is gone when what was written of it is loaded."""

    def hear(text: str, share: float) -> None:
        tell(Told(text, share))

    if not (job.model / SETTINGS).is_file():  # an adapter's checkpoint: only the result says what ends a turn
        stop_at(reference.model, set(reference.stops))
    context = min(_context_of(reference.model), _LONGEST)
    questions = parity.ask(reference, job.prompts, context, hear)
    remarks: list[str] = []
    runtime = _written(job, dtype, reference, context, remarks, tell)
    bounds = parity.bounds_of(job.format, job.quantization, job.mlx_bits)
    try:
        certificate = parity.certify(reference, questions.asked, runtime, bounds, hear)
    finally:
        runtime.close()
    return Made(replace(certificate, remarks=tuple(remarks), untried=questions.none_because))


def _written(
    job: ExportJob,
    dtype: torch.dtype,
    reference: Reference,
    context: int,
    remarks: list[str],
    tell: Tell,
) -> Runtime:
    """Write the files, forget the model, and load what was written anew."""
    match job.format:
        case ExportFormat.ADAPTER:
            return _adapter(job, reference, remarks, tell)
        case ExportFormat.MERGED:
            whole = _merged(job, job.staging, reference.take_model(), _sixteen(dtype), tell)
            free_memory()
            tell(Told("Loading the export anew"))
            return Transformers(load_folder(whole, job.computes_on, name=job.name), load_tokenizer(whole))
        case ExportFormat.GGUF:
            return _gguf(job, dtype, reference, context, remarks, tell)
        case ExportFormat.MLX:
            whole = _merged(job, job.staging / ".whole", reference.take_model(), _sixteen(dtype), tell)
            free_memory()
            return _mlx(job, whole, tell)


def _adapter(job: ExportJob, reference: Reference, remarks: list[str], tell: Tell) -> Runtime:
    if getattr(reference.model.config, "quantization_config", None):
        remarks.append("The adapter was tried on its own base model as it is stored, in fewer bits.")
    copy_adapter(job, tell)
    if not (job.staging / SETTINGS).is_file():
        reference.model.generation_config.save_pretrained(job.staging)
    reference.take_model()
    free_memory()
    tell(Told("Loading the export anew"))
    model, _ = load_trained(replace(job, model=job.staging), tell)
    return Transformers(_with_settings(model, job.staging), load_tokenizer(job.staging))


def _merged(job: ExportJob, folder: Path, model: Any, dtype: torch.dtype, tell: Tell) -> Path:
    """The whole model in that number format, with all that is needed to chat with it."""
    folder.mkdir(exist_ok=True)
    if job.is_adapter:
        tell(Told("Merging the adapter into the base model"))
        model = model.merge_and_unload(safe_merge=True)
    model.config.dtype = dtype
    parameters = sum(weight.numel() for weight in model.parameters())
    expected = parameters * dtype.itemsize
    with watched(folder, expected, lambda share: tell(Told("Writing the whole model", share))):
        model.to(dtype).save_pretrained(folder)
        for name in _WORDS:
            if (job.model / name).is_file():
                shutil.copyfile(job.model / name, folder / name)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors 0.8.0 writes 0600
    return folder


def _gguf(
    job: ExportJob,
    dtype: torch.dtype,
    reference: Reference,
    context: int,
    remarks: list[str],
    tell: Tell,
) -> Runtime:
    source, between = job.model, job.staging / ".whole"
    model = reference.take_model()
    if job.is_adapter:
        source = _merged(job, between, model, dtype, tell)
    del model
    free_memory()
    target = job.staging / f"{job.name}-{job.quantization}.gguf"
    remarks += write_gguf(source, target, job.quantization, tell)
    if between.is_dir():
        shutil.rmtree(between)
    stops = [reference.word(token) for token in sorted(reference.stops)]
    try:
        text, differing = modelfile(reference.tokenizer, target.name, stops, _settings_of(job.model))
        (job.staging / MODELFILE).write_text(text, encoding="utf-8")
        remarks += differing
    except StudioError as error:
        remarks.append(str(error))
    tell(Told("Loading the export anew, in llama.cpp"))
    return LlamaCpp(target, context)


def _mlx(job: ExportJob, whole: Path, tell: Tell) -> Runtime:
    """Of a model of 16 bits in a folder of the staging, which goes then."""
    expected = round(size_of(whole) * job.mlx_bits.bits / 16)
    with watched(job.staging, expected, lambda share: tell(Told("Converting to MLX", share))):
        mlx.convert(whole, job.staging, job.mlx_bits)
    shutil.rmtree(whole)
    tell(Told("Loading the export anew, in MLX"))
    return mlx.Mlx(job.staging)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _with_settings(model: Any, folder: Path) -> Any:
    """With the tokens that end a turn, which the run has put beside its adapter."""
    from transformers import GenerationConfig  # noqa: PLC0415

    if (folder / SETTINGS).is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model


def _settings_of(folder: Path) -> Mapping[str, float]:
    """How the model's makers would have answers drawn, in Ollama's words."""
    from transformers import GenerationConfig  # noqa: PLC0415

    if not (folder / SETTINGS).is_file():
        return {}
    config = GenerationConfig.from_pretrained(folder)
    if not config.do_sample:
        return {"temperature": 0.0}
    found = {name: getattr(config, name, None) for name in ("temperature", "top_p", "top_k")}
    return {name: float(value) for name, value in found.items() if value is not None}


def _sixteen(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype.itemsize == 2 else torch.bfloat16


def _context_of(model: Any) -> int:
    config = model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or _LONGEST)
