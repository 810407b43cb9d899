"""Trains in small with the network cut, and looks for the files of models in the caches."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from app.adapters.child_process import child_environment
from app.domain.rehearsals import Rehearsal
from app.domain.typed_paths import expanded, is_folder
from app.domain.weight_files import parts_named_in
from trainer_image.config import CONFIG_FILE, DATA_FILE, RESULT_FILE, RunConfig

_SECONDS: Final = 300
_ROWS: Final = 16
_NOT_POSSIBLE: Final = 125
"""With what `app.worker.cut_off` ends where the system cuts nobody off."""
_TOKENIZERS: Final = ("tokenizer.json", "tokenizer.model", "vocab.json", "tiktoken.model")
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_INDEX: Final = "model.safetensors.index.json"

Find = Callable[[str], Path | None]
"""Where a file of a model lies, if it is here."""


class OfflineRehearser:
    """Implements `Rehearser`. `docker_cache` is the Hub cache that containers see."""

    def __init__(self, trainer: Path, *, docker_cache: Path, python: str = sys.executable) -> None:
        self._trainer = trainer
        self._docker_cache = docker_cache
        self._python = python

    def rehearse(self, model: Path, rows: Path) -> Rehearsal:
        with tempfile.TemporaryDirectory(prefix="tunewright-rehearsal-") as name:
            folder = Path(name)
            config = RunConfig(
                base_model=str(model), offline=True, max_steps=2, per_device_batch_size=1, probe_memory=False
            )
            (folder / CONFIG_FILE).write_text(config.model_dump_json())
            (folder / DATA_FILE).parent.mkdir(parents=True, exist_ok=True)
            with rows.open("rb") as file:
                (folder / DATA_FILE).write_bytes(b"".join(islice(file, _ROWS)))
            command = [self._python, "-P", str(self._trainer / "train.py"), "--run-dir", name]
            code, said = self._run([self._python, "-P", "-m", "app.worker.cut_off", *command])
            why = ""
            if code == _NOT_POSSIBLE:
                why = said.rpartition("network: ")[2].strip(" .\n")
                code, said = self._run(command)
            text = _outcome(folder, code, said)
        return Rehearsal(code == 0, text, "guard" if why else "namespace", why)

    def missing_of_model(self, name: str, *, in_docker: bool) -> Sequence[str]:
        folder = expanded(name)
        if is_folder(folder):
            return _missing(name, lambda file: path if (path := folder / file).is_file() else None)
        cache = self._docker_cache if in_docker else None
        return _missing(name, lambda file: _cached(name, file, cache))

    def _run(self, command: Sequence[str]) -> tuple[int, str]:
        environment = child_environment(offline=True, token=None)
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return 1, f"it did not end within {_SECONDS} seconds"
        except OSError as error:
            return 1, error.strerror or str(error)
        return done.returncode, done.stderr or done.stdout


def _outcome(folder: Path, code: int, said: str) -> str:
    """What the trainer itself says of its end, else its last words."""
    with suppress(OSError, ValueError):
        result = json.loads((folder / RESULT_FILE).read_text())
        if message := f"{result.get('message') or ''} {result.get('hint') or ''}".strip():
            return message
    if code == 0:
        return ""
    return (said.strip().splitlines() or [f"it ended with code {code}"])[-1][:300]


def _cached(name: str, file: str, cache: Path | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - a third of a second

    found = try_to_load_from_cache(name, file, cache_dir=cache)
    return Path(found) if isinstance(found, str) else None


def _missing(name: str, find: Find) -> list[str]:
    if find("config.json") is None:
        return [f"The model {name} is not on this computer."]
    missing = []
    if not any(find(file) for file in _TOKENIZERS):
        missing.append(f"The tokenizer of {name} is not on this computer.")
    if not any(find(file) for file in _WEIGHTS):
        missing.append(f"The weights of {name} are not on this computer.")
    elif index := find(_INDEX):
        with suppress(OSError, ValueError):
            files = parts_named_in(index.read_bytes())
            if count := sum(find(file) is None for file in files):
                missing.append(f"{count} of the {len(files)} files with weights of {name} are not here.")
    return missing
