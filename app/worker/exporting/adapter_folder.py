"""The adapter alone: copied, and where its base model cannot be loaded here, looked at by itself."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from app.domain.errors import StudioError
from app.domain.exports import Certificate, Check, ExportJob, Told
from app.worker.exporting import parity
from app.worker.exporting.loading import BaseNotHereError, load_tokenizer
from app.worker.exporting.reference import Reference
from app.worker.exporting.runtimes import WordsOnly
from app.worker.exporting.watching import size_of, watched

SETTINGS: Final = "generation_config.json"
_CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = "adapter_model.safetensors"
_PAIRS: Final = (("lora_A", "lora_B", 0, 1), ("lora_embedding_A", "lora_embedding_B", 0, 1))
"""Names of two matrices that are multiplied, and which dimension of each is the rank: peft's layout."""
_NOT_TAKEN: Final = (
    "README.md", "*.pt", "optimizer*", "scheduler*", "rng_state*", "trainer_state.json", "training_args.bin",
    "COMPLETE.json",
)  # fmt: skip
"""What a checkpoint holds to go on from; the arguments are a pickle, which names folders of this computer."""
_BLOCK_BYTES: Final = 1 << 20


def require_adapter(job: ExportJob) -> None:
    """Raises StudioError."""
    if not job.is_adapter:
        raise StudioError(
            "This run made a whole model, no adapter.", "Export it as a whole model, or as GGUF."
        )


def copy_adapter(job: ExportJob, tell: Any) -> None:
    with watched(job.staging, size_of(job.model), lambda share: tell(Told("Copying the adapter", share))):
        shutil.copytree(
            job.model, job.staging, ignore=shutil.ignore_patterns(*_NOT_TAKEN), dirs_exist_ok=True
        )


def untried(job: ExportJob, reason: BaseNotHereError, reference: Reference, tell: Any) -> Certificate:
    """Copy it and look at all that shows without its base model; never a tick."""
    copy_adapter(job, tell)
    if not (job.staging / SETTINGS).is_file():
        _write_settings(job.staging, reference)
    tell(Told("Looking at the copy"))
    reader = WordsOnly(load_tokenizer(job.staging), job.staging)
    read = parity.certify_reading(reference, parity.read(reference, job.prompts), reader)
    checks = (_same_files(job), _fits_itself(job.staging), *read)
    return Certificate(
        reader.name,
        checks,
        untried=f"the adapter was copied, but no answers were compared. {reason.message}",
        remarks=(
            "Tried without the base model: the files, the adapter's own structure, and how prompts are read. "
            f"Not tried: its answers. {reason.hint}".strip(),
        ),
    )


def _same_files(job: ExportJob) -> Check:
    name = "The copy is the same, byte by byte"
    taken = [path for path in job.staging.rglob("*") if path.is_file()]
    for path in sorted(taken):
        source = job.model / path.relative_to(job.staging)
        if source.is_file() and _checksum(source) != _checksum(path):
            return Check(name, False, f"{path.name} is not what it was copied from.")
    return Check(name, True, f"{len(taken)} files.")


def _fits_itself(folder: Path) -> Check:
    """As far as an adapter can be wrong by itself: unreadable, halves that do not fit, no numbers."""
    name = "The adapter's own parts fit each other"
    try:
        settings = json.loads((folder / _CONFIG).read_bytes())
        with safe_open(folder / _WEIGHTS, "pt") as file:
            count, wrong = _looked_through(file, settings)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        return Check(name, False, f"The adapter cannot be read ({type(error).__name__}).")
    if wrong:
        return Check(name, False, wrong)
    if not count:
        return Check(name, False, f"There are no weights in {_WEIGHTS}.")
    return Check(name, True, f"{count:,} matrices can be read, each with its other half, all numbers finite.")


def _looked_through(file: Any, settings: Mapping[str, Any]) -> tuple[int, str]:
    """(how many tensors; the first thing that is wrong, as a sentence)."""
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 no mapping
    wrong = next(_halves_that_do_not_fit(shapes, settings), "")
    if wrong:
        return len(shapes), wrong
    for name in shapes:
        if not bool(file.get_tensor(name).isfinite().all()):
            return len(shapes), f"{name} holds values that are not numbers (NaN or infinite)."
    return len(shapes), ""


def _halves_that_do_not_fit(
    shapes: Mapping[str, tuple[int, ...]], settings: Mapping[str, Any]
) -> Iterator[str]:
    ranks = {settings["r"], *(settings.get("rank_pattern") or {}).values()}
    for name, shape in shapes.items():
        for first, second, at, other_at in _PAIRS:
            for own, other in ((first, second), (second, first)):
                if f".{own}." in f"{name}." and _other_half(name, own, other) not in shapes:
                    yield f"{name} has no other half."
            other_name = _other_half(name, first, second)
            if f".{first}." not in f"{name}." or other_name not in shapes:
                continue
            rank, found = shape[at], shapes[other_name][other_at]
            if rank != found or rank not in ranks:
                yield f"{name} has rank {rank}, its other half {found}, and the settings say {min(ranks)}."


def _other_half(name: str, own: str, other: str) -> str:
    return f"{name}.".replace(f".{own}.", f".{other}.").removesuffix(".")


def _write_settings(folder: Path, reference: Reference) -> None:
    """What ends a turn: a checkpoint of an adapter does not say it."""
    from transformers import GenerationConfig  # noqa: PLC0415 slow to import

    GenerationConfig(eos_token_id=sorted(reference.stops) or None).save_pretrained(folder)


def _checksum(path: Path) -> bytes:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.digest()
