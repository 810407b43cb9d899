"""The process that does what takes long for the window: one call of a service, then it is gone.

It is asked by one pickled `Call` on its standard input and answers on its standard output, as
`app.adapters.helper_protocol` has it. An input that ends means that the window is gone: then so is this.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, BinaryIO

from app.adapters.helper_protocol import BEAT_SECONDS, Done, Failed, Told, decode, encode
from app.domain.elsewhere import Call
from app.domain.errors import StudioError
from trainer_image import network
from trainer_image.giving_way import give_way

log = logging.getLogger(__name__)


class Work:
    """What the working thread and the two that talk share: plain values, each written by one of them."""

    def __init__(self) -> None:
        self.news: Any = None
        self.stop: Exception | None = None
        self.has_ended = threading.Event()
        self.obey_switch: Callable[[], object] = _nothing
        """Holds this process to the switch for offline mode, which may be moved meanwhile."""

    def tell(self, news: Any) -> None:
        self.news = news
        if self.stop is not None:
            raise self.stop


def main() -> None:
    network.obey_environment()
    give_way()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints goes to the log
    requests = sys.stdin.buffer
    call, work = decode(requests.readline()), Work()
    threading.Thread(target=_listen, args=(requests, work), daemon=True).start()
    beating = threading.Thread(target=beat, args=(answers, work), daemon=True)
    beating.start()
    answer = _answer(call, work)
    work.has_ended.set()
    beating.join()
    answers.write(encode(answer))
    logging.shutdown()
    os._exit(0)  # Arrow's threads may still read ahead; see `app.__main__.program`


def _nothing() -> None:
    pass


def _answer(call: Call, work: Work) -> Done | Failed:
    from app.bootstrap import build_services  # noqa: PLC0415 - said to be at work meanwhile
    from app.paths import Paths  # noqa: PLC0415

    try:
        services = build_services(Paths.from_environment())
        work.obey_switch = services.offline.reason
        method = attrgetter(f"{call.service}.{call.method}")(services)
        told = {call.told_as: work.tell} if call.told_as else {}
        return Done(method(**call.arguments, **told))
    except StudioError as error:
        return Failed(error)
    except Exception:
        log.exception("%s.%s failed", call.service, call.method)
        return Failed(StudioError("Something went wrong inside the app.", "The log helper.log has details."))


def _listen(requests: BinaryIO, work: Work) -> None:
    line = requests.readline()
    if not line:
        os._exit(1)
    work.stop = decode(line)


def beat(answers: BinaryIO, work: Work) -> None:
    while not work.has_ended.wait(BEAT_SECONDS):
        with suppress(StudioError):  # a database that is busy is asked again
            work.obey_switch()
        answers.write(encode(Told(work.news)))


if __name__ == "__main__":
    main()
