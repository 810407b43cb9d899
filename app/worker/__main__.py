"""The inference process: requests in on stdin, replies out on what was stdout when it started.

The replies get a private copy of stdout, and stdout itself is joined to stderr (a log file), so that
nothing a library prints can come between two replies. Requests are read by their own thread, which ends
the process the moment stdin closes: the app is gone or wants its memory back, whatever is under way.
"""

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Final

from app.domain.errors import EngineError, NotTakenError
from app.worker.first_piece import heard_at_once
from app.worker.protocol import (
    Cancel,
    Error,
    Generate,
    Load,
    Loading,
    Ready,
    Render,
    Rendered,
    Reply,
    Request,
    read_request,
)
from trainer_image import importing, network
from trainer_image.giving_way import give_way

if TYPE_CHECKING:  # torch is imported by the first Load, after "loading" was said
    from app.worker.gguf_model import GgufModel
    from app.worker.models import LoadedModel
    from app.worker.residents import Residents

log = logging.getLogger("app.worker")

SPINS: Final = 10_000
"""How often a thread looks whether the others are done before it sleeps. The threads meet hundreds of times
for each token: with few looks it takes a third longer on a quiet computer (docs/measured/threads.md)."""

NO_TORCH = EngineError(
    "Chatting on this computer needs PyTorch, which is not installed.",
    'Run: pip install "tunewright[local]"',
)
BROKEN_TORCH = EngineError(
    "PyTorch is installed, but it cannot be loaded.",
    'Run: pip install --force-reinstall "tunewright[local]"',
)
NOTHING_LOADED = EngineError("No model is loaded.", "Run the prompt again.")


class Worker:
    """Carries out one request at a time; only `cancel` may be called from another thread."""

    def __init__(self, replies: BinaryIO) -> None:
        self._replies = replies
        self._cancelled: set[int] = set()
        self._residents: Residents | None = None
        self._gguf: GgufModel | None = None
        self._speaker: LoadedModel | None = None

    def cancel(self, generation: int) -> None:
        self._cancelled.add(generation)

    def handle(self, request: Request) -> None:
        """Answer one request; whatever goes wrong becomes an `Error` reply."""
        request_id = None if isinstance(request, Load) else request.id
        try:
            self._carry_out(request)
        except EngineError as error:
            refused = isinstance(error, NotTakenError)
            self._reply(Error(id=request_id, message=error.message, hint=error.hint, not_taken=refused))
        except Exception as error:
            log.exception("request failed")
            explained = _explain(error)
            self._reply(Error(id=request_id, message=explained.message, hint=explained.hint, fatal=True))

    def _carry_out(self, request: Request) -> None:
        match request:
            case Load():
                self._load(request)
            case Generate():
                self._generate(request)
            case Render():
                self._render(request)
            case Cancel():
                self.cancel(request.id)

    def _load(self, request: Load) -> None:
        if self._gguf is not None:
            self._gguf.close()
            self._gguf = None
        if request.base_model.endswith(".gguf"):
            self._load_gguf(request)
            return
        started = time.monotonic()
        if self._residents is None:
            self._reply(Loading(message="Starting PyTorch…"))
            self._residents = _residents()
        self._speaker = None
        meant = self._residents.meant(request, self._say_loading)
        self._speaker = self._residents.have(meant, self._say_loading)
        seconds = time.monotonic() - started
        log.info("loaded on %s in %.1f s", self._speaker.device, seconds)
        self._reply(
            Ready(
                device=self._speaker.device,
                seconds=seconds,
                memory_bytes=self._residents.memory_bytes,
                adapter_effect=self._speaker.adapter_effect,
                meant=None if meant == request else meant,
            )
        )

    def _say_loading(self, text: str) -> None:
        self._reply(Loading(message=text))

    def _load_gguf(self, request: Load) -> None:
        """By llama.cpp; a model of PyTorch's makes room for it."""
        from app.worker.gguf_model import GgufModel  # noqa: PLC0415

        started = time.monotonic()
        self._speaker = None
        if self._residents is not None:
            self._residents.drop()
        self._reply(Loading(message="Loading the GGUF file into llama.cpp…"))
        self._gguf = GgufModel(request)
        self._reply(
            Ready(
                device=self._gguf.device,
                seconds=time.monotonic() - started,
                memory_bytes=self._gguf.memory_bytes,
            )
        )

    def _generate(self, request: Generate) -> None:
        if self._gguf is not None:
            self._generate_gguf(self._gguf, request)
            return
        from app.worker import generation  # noqa: PLC0415

        try:
            done = generation.generate(
                self._model(),
                request,
                heard_at_once(self._reply),
                cancelled=lambda: request.id in self._cancelled,
            )
        finally:
            self._cancelled.discard(request.id)
        self._reply(done)

    def _generate_gguf(self, gguf: "GgufModel", request: Generate) -> None:
        try:
            done = gguf.generate(
                request, heard_at_once(self._reply), cancelled=lambda: request.id in self._cancelled
            )
        finally:
            self._cancelled.discard(request.id)
        self._reply(done)

    def _render(self, request: Render) -> None:
        if self._gguf is not None:
            text, ids = self._gguf.render(request.messages)
            self._reply(Rendered(id=request.id, text=text, ids=ids))
            return
        from app.worker import generation  # noqa: PLC0415

        text, ids = generation.render(self._model().tokenizer, request.messages)
        self._reply(Rendered(id=request.id, text=text, ids=ids))

    def _model(self) -> "LoadedModel":
        if self._speaker is None:
            raise NOTHING_LOADED
        return self._speaker

    def _reply(self, reply: Reply) -> None:
        self._replies.write(reply.encode())


def _residents() -> "Residents":
    try:
        with importing.at_once():
            from app.worker.residents import Residents  # noqa: PLC0415
    except ModuleNotFoundError as error:
        log.exception("cannot import")
        raise NO_TORCH from error
    except (ImportError, OSError) as error:
        log.exception("cannot import")
        raise BROKEN_TORCH from error
    return Residents()


def _explain(error: Exception) -> EngineError:
    """An unforeseen error as a sentence; what is foreseen was translated where it happened."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return EngineError(
            "Memory ran out.",
            "Close other programs, wait for a training run to end, or choose a smaller model.",
        )
    return EngineError(
        f"The model failed unexpectedly ({type(error).__name__}).", "The inference log has the details."
    )


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """(requests, replies) on descriptors of their own; stdin becomes empty and stdout goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _read(requests: BinaryIO, waiting: "queue.SimpleQueue[Request]", worker: Worker) -> None:
    """Pass requests on until stdin closes, then end the process at once."""
    try:
        for line in requests:
            request = read_request(line)
            if isinstance(request, Cancel):
                worker.cancel(request.id)  # not in the queue: the generation it means is in its way
            else:
                waiting.put(request)
    except Exception:
        log.exception("cannot read a request")
        os._exit(1)
    os._exit(0)


def main() -> None:
    network.obey_environment()
    give_way(spins=SPINS)
    requests, replies = _private_pipes()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    worker = Worker(replies)
    threading.Thread(target=_read, args=(requests, waiting, worker), daemon=True).start()
    while True:
        worker.handle(waiting.get())


if __name__ == "__main__":
    main()
