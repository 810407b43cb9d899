"""An app that launches one run, tells its handle and then waits to be killed.

python -m tests.launchers.app_in_miniature TARGET TRAINER_OR_DATA_DIR RUN_FOLDER RUN_ID
"""

import json
import signal
import sys
from pathlib import Path

from app.domain.runs import Target
from tests.launchers.places import docker_launcher, make_run, process_launcher


def main(target: str, where: str, folder: str, run_id: str) -> None:
    launcher = docker_launcher(Path(where)) if target == Target.DOCKER else process_launcher(Path(where))
    run = make_run(Path(folder), run_id, target=Target(target))
    handle = launcher.launch(run, resume=False, secrets={})
    print(json.dumps(handle), flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
