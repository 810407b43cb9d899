"""The result of a run: a folder with the weights or adapter and everything needed to chat with them alike."""

import os
import shutil
from pathlib import Path
from typing import Any

from trainer_image.config import OUTPUT_DIR
from trainer_image.methods import Method


def save_output(
    run_dir: Path, model: Any, tokenizer: Any, method: Method, *, base_model: str, dtype: Any, use_cache: bool
) -> None:
    """Write `output/`, replacing an earlier one only when the new one is whole.

    Beside the weights: tokenizer, chat template and generation settings.
    """
    partial, target = run_dir / f".{OUTPUT_DIR}.partial", run_dir / OUTPUT_DIR
    shutil.rmtree(partial, ignore_errors=True)
    try:
        model.config.use_cache = use_cache  # training turns it off; saved like that, every chat would crawl
        method.save(model, partial, base_model=base_model, dtype=dtype)
        tokenizer.save_pretrained(partial)
        if model.generation_config is not None:
            model.generation_config.save_pretrained(partial)
        (partial / "README.md").unlink(missing_ok=True)  # PEFT's is a form with nothing filled in
        make_readable(partial)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def stop_at(model: Any, stop_ids: set[int]) -> None:
    """Make generation stop at the tokens that end a turn in the training data."""
    settings = model.generation_config
    if settings is None or not stop_ids:
        return
    present = settings.eos_token_id
    known = [] if present is None else present if isinstance(present, list) else [present]
    settings.eos_token_id = [*known, *sorted(stop_ids - set(known))]


def make_readable(folder: Path) -> None:
    """Let the owner of the host's folder read what root in a container wrote; safetensors 0.8 writes 0600."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
