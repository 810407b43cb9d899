"""The pod's first process: never ends by itself, because the platform would start it again."""

import os
import signal
import sys
import threading
import time

from trainer_image.pod import settings
from trainer_image.pod.agent import Agent
from trainer_image.pod.processes import Processes
from trainer_image.pod.supervisor import Supervisor, say


def main() -> int:
    found = settings.read(os.environ)
    processes = Processes()
    supervisor = Supervisor(found, processes)
    for number in (signal.SIGTERM, signal.SIGINT):  # not in the main thread, which it waits for
        signal.signal(number, lambda *_: threading.Thread(target=supervisor.leave, daemon=True).start())
    supervisor.watchdog.start()
    threading.Thread(target=_begin, args=(supervisor,), name="agent", daemon=True).start()
    processes.serve()
    return 0


def _begin(supervisor: Supervisor) -> None:
    supervisor.boot()
    while True:
        try:
            agent = Agent(supervisor)
        except OSError as error:
            say(f"[tunewright] The agent cannot listen: {error.strerror}.")
            time.sleep(1)
        else:
            say(f"[tunewright] The agent listens on port {agent.server_address[1]}.")
            agent.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
