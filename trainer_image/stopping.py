"""How a run is asked to stop: SIGTERM saves and leaves, SIGINT leaves. SIGUSR1 only saves.

While it saves, another SIGTERM changes nothing (two programs may ask at once); SIGINT leaves at once.

A thread reads the signals from a socket, because Python runs a signal handler only between two
bytecodes of the main thread: minutes late in a download or the loading of a model.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Literal

Wish = Literal["save", "leave"]


class StopRequest:
    """What has been asked for so far.

    Until `defer` is called, and at a signal after the first that is more than a repeated SIGTERM, `leave_now`
    is called from the listening thread; it must end the process.
    """

    def __init__(self, leave_now: Callable[[], None], save_now: Callable[[], None] = lambda: None) -> None:
        """`save_now` is called from the listening thread at each SIGUSR1; it must return at once."""
        self.wish: Wish | None = None
        self._save_now = save_now
        self._leave_now = leave_now
        self._deferred = False
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT over from now on. Call in the main thread."""
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        threading.Thread(target=self._read, args=(reader, writer), name="signals", daemon=True).start()
        save = (signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()  # Windows has none
        for number in (signal.SIGTERM, signal.SIGINT, *save):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def defer(self) -> None:
        """From now on the first signal is only noted in `wish`, for the training loop to act on."""
        with self._lock:
            self._deferred = True

    def _read(self, reader: socket.socket, _writer: socket.socket) -> None:
        while received := reader.recv(1):
            self._on_signal(received[0])

    def _on_signal(self, number: int) -> None:
        if number == getattr(signal, "SIGUSR1", None):
            self._save_now()
        if number not in {signal.SIGTERM, signal.SIGINT}:
            return
        with self._lock:
            if self._deferred and self.wish is None:
                self.wish = "save" if number == signal.SIGTERM else "leave"
                return
            if self.wish == "save" and number == signal.SIGTERM:
                return
        self._leave_now()


def exit_at_once(code: int) -> None:
    """End the process without the interpreter's teardown, from any thread."""
    os._exit(code)
