"""What the inference process replies to a request, heard out to its end.

`broken` is called where the process is in an unknown state, before the error is raised.
"""

import threading
from collections.abc import Callable, Iterator

from app.adapters.child_process import ProcessEndedError
from app.adapters.worker_process import WorkerProcess
from app.adapters.worker_turns import Answer
from app.domain.chat import AnswerFacts
from app.domain.errors import EngineError, NotTakenError
from app.worker.protocol import Cancel, Done, Error, Loading, Ready, Rendered, Token

CANCEL_SECONDS = 5.0
"""After a cancel the process has this long to say that it stopped; then it is killed."""

Told = Callable[[AnswerFacts], None] | None
Broken = Callable[[], object]


def readiness(
    process: WorkerProcess, answer: Answer, loading: Callable[[str], None], broken: Broken
) -> Ready:
    """`loading` is told what the process says meanwhile."""
    while True:
        match answer.receive_from(process):
            case Loading(message=message):
                loading(message)
            case Ready() as ready:
                return ready
            case Error() as error:
                raise _failure(error, broken)
            case other:
                raise AssertionError(f"{other.kind} while loading")


def rendering(process: WorkerProcess, answer: Answer, broken: Broken) -> Rendered:
    match answer.receive_from(process):
        case Rendered() as rendered:
            return rendered
        case Error() as error:
            raise _failure(error, broken)
        case other:
            raise AssertionError(f"{other.kind} while rendering")


def pieces(
    process: WorkerProcess, answer: Answer, told: Told, abandon: Callable[[], None], broken: Broken
) -> Iterator[str]:
    """Of an answer; `abandon` is called where nobody reads on."""
    while True:
        match answer.receive_from(process):
            case Token(text=piece):
                if answer.stopped:
                    continue
                try:
                    yield piece
                except GeneratorExit:
                    abandon()
                    raise
            case Done() as done:
                if told is not None:
                    told(AnswerFacts(done.prompt_tokens, done.tokens, done.seconds, done.finish_reason))
                return
            case Error() as error:
                raise _failure(error, broken)
            case other:
                raise AssertionError(f"{other.kind} while generating")


def cancel(process: WorkerProcess, answer: Answer, is_under_way: Callable[[], bool]) -> None:
    """Ask for an end of it; a process that is deaf to that is killed, where `is_under_way` still."""

    def kill_if_deaf() -> None:
        if is_under_way():
            process.kill()

    try:
        process.send(Cancel(id=answer.id))
    except ProcessEndedError:
        return  # whoever receives from it learns that, too
    timer = threading.Timer(CANCEL_SECONDS, kill_if_deaf)
    timer.daemon = True
    timer.start()


def _failure(error: Error, broken: Broken) -> EngineError:
    if error.fatal:
        broken()
    kind = NotTakenError if error.not_taken else EngineError
    return kind(error.message, error.hint)
