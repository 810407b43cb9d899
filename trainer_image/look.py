"""See rows as a run would train on them, without training: the run's own tokenizer, masking and ledger.

    python look.py          requests on stdin, answers on stdout; see `look_protocol`

Loads no weights. Whatever a library prints goes to stderr, so that nothing comes between two answers.
"""

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

if __package__ in {None, ""}:  # started as a file: import by package name, never the neighbours by theirs
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p or ".").resolve() != _HERE)]

from trainer_image import importing, network
from trainer_image.config import RunConfig
from trainer_image.events import EXIT_BAD_CONFIG
from trainer_image.look_protocol import (
    Estimate,
    Estimated,
    Examine,
    Failed,
    Layers,
    LayersFound,
    Open,
    Opened,
    Progress,
    Reply,
    Request,
    Show,
    Shown,
    Survey,
    Surveyed,
    read_request,
)
from trainer_image.problems import RunFailedError, explain
from trainer_image.rows import parse_line, read_jsonl

UNFORESEEN = Failed(
    message="The rows cannot be looked at because of an error nobody foresaw.",
    hint="The log look.log has the details.",
)
NOT_INSTALLED = Failed(
    message="Seeing what the model will see needs the extra `local`, which is not installed.",
    hint='Run: pip install "tunewright[local]"',
)
NOTHING_OPEN = Failed(message="No model was chosen to look with.", hint="Choose a base model.")


class Looking:
    """Answers one request at a time."""

    def __init__(self, answer: Callable[[Reply], None], *, workers: int | None = None) -> None:
        self._answer, self._workers = answer, workers
        self._config: RunConfig | None = None
        self._model = ""
        self._tokenizer: Any = None
        self._eyes: Any = None

    def handle(self, request: Request) -> None:
        """Whatever goes wrong becomes a `Failed`."""
        try:
            self._answer(self._carry_out(request))
        except ModuleNotFoundError:
            traceback.print_exc()
            self._answer(NOT_INSTALLED)
        except Exception as error:  # the last resort: no question stays without an answer
            problem = explain(error)
            if problem is None:
                traceback.print_exc()
            self._answer(_failed(problem) if problem else UNFORESEEN)

    def _carry_out(self, request: Request) -> Reply:
        match request:
            case Open():
                return self._open(request.config)
            case Survey():
                return self._survey(Path(request.data), Path(request.target))
            case Show():
                return self._show(request)
            case Estimate():
                return _estimated(request)
            case Layers():
                return _layers(request.config)
            case Examine():
                with importing.at_once():
                    from trainer_image.examining import examined  # noqa: PLC0415

                return examined(request.logging)

    def _open(self, config: RunConfig) -> Opened:
        with importing.at_once():
            from trainer_image import models  # noqa: PLC0415 seconds of imports from here on
            from trainer_image.fingerprint import fingerprint  # noqa: PLC0415
            from trainer_image.showing import Eyes  # noqa: PLC0415
            from trainer_image.sources import open_validation_rows  # noqa: PLC0415
            from trainer_image.surveying import without_limits  # noqa: PLC0415
            from trainer_image.workers import masking_of  # noqa: PLC0415

        self._eyes = None
        model = models.find_model(config.base_model, Path.cwd())
        if model != self._model:
            models.require_reachable(model, offline=config.offline)
            self._tokenizer = models.load_tokenizer(model, offline=config.offline)
            self._model = model
        masking = masking_of(config, self._tokenizer)
        is_file = config.validation == "file"
        validation = open_validation_rows(config, Path.cwd()).identity() if is_file else None
        name = fingerprint(without_limits(config), self._tokenizer, data="", validation=validation)
        self._config, self._eyes = config, Eyes(config, self._tokenizer, masking)
        return Opened(name=name, notices=masking.notices)

    def _survey(self, data: Path, target: Path) -> Surveyed | Failed:
        if self._config is None:
            return NOTHING_OPEN
        from trainer_image.surveying import Surveying  # noqa: PLC0415

        surveying = Surveying(self._config, self._tokenizer, Path.cwd(), workers=self._workers)
        rows = read_jsonl(data, document_column=_column(self._config))
        return Surveyed(rows=surveying.write(rows, target, lambda done: self._answer(Progress(rows=done))))

    def _show(self, request: Show) -> Shown | Failed:
        if self._eyes is None or self._config is None:
            return NOTHING_OPEN
        row = parse_line(request.number, request.line.encode(), _column(self._config))
        shown: Shown = self._eyes.show(row, start=request.start, limit=request.limit)
        return shown


def _failed(problem: RunFailedError) -> Failed:
    is_refusal = problem.exit_code == EXIT_BAD_CONFIG
    return Failed(message=problem.message, hint=problem.hint, is_refusal=is_refusal)


def _column(config: RunConfig) -> str | None:
    return config.document_column_name if config.is_pretraining else None


def _estimated(request: Estimate) -> Estimated:
    with importing.at_once():
        from trainer_image.examining import estimated  # noqa: PLC0415

    return estimated(request, Path.cwd())


def _layers(config: RunConfig) -> LayersFound:
    from trainer_image import models, targets  # noqa: PLC0415

    model = models.find_model(config.base_model, Path.cwd())
    return LayersFound(names=list(targets.linear_layers(models.without_weights(model))))


def main() -> None:
    network.obey_environment()
    requests, answers = _private_pipes()

    def answer(reply: Reply) -> None:
        answers.write(reply.encode())

    looking = Looking(answer)
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    while True:
        looking.handle(waiting.get())


def _read(requests: BinaryIO, waiting: "queue.SimpleQueue[Request]") -> None:
    """Pass requests on until stdin closes, then end at once: nobody is there for the answers."""
    try:
        for line in requests:
            waiting.put(read_request(line))
    except Exception:  # not said in our own protocol: whoever asks must see that nobody answers
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """(requests, answers) on descriptors of their own; stdin becomes empty and stdout goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


if __name__ == "__main__":
    main()
