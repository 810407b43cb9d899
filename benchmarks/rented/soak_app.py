"""The app of the soak: the real composition root in a process of its own, to be killed at any moment.

    python -m benchmarks.rented.soak_app HOME

Takes orders as files in HOME/orders: {"do": "start" | "stop" | "save" | "resume", "name": …}. One is renamed
before it is begun: none is carried out twice, unless nothing came of it.
"""

import json
import logging
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from app.bootstrap import build_services
from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import RunRequest, Target
from app.paths import Paths
from app.services.everything import Services
from app.services.renting.parts import Patience
from trainer_image.config import RunConfig

HASTE = Patience(
    boot=timedelta(seconds=40),
    look=timedelta(seconds=0.3),
    listen_seconds=1.0,
    outputs=timedelta(seconds=0.3),
    confirm=timedelta(seconds=0.5),
    unseen=timedelta(seconds=3),
    silence=timedelta(seconds=2),
    leave=timedelta(seconds=6),
    save=timedelta(seconds=8),
    stopped=timedelta(seconds=60),
    retry_seconds=0.2,
)


def main() -> None:
    home = Path(sys.argv[1])
    paths = Paths(home)
    paths.make()
    logging.basicConfig(
        level=logging.INFO, filename=paths.logs / "soak.log", format="%(asctime)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    services = build_services(paths, patience=HASTE)
    services.reaper.begin(every_seconds=1.0)
    with suppress(StudioError):
        services.renting.balance()  # imports Runpod's SDK, seconds in which no order comes far
    give_back(services, home / "orders")
    (home / "ready").touch()
    while True:
        for order in sorted((home / "orders").glob("*.json")):
            take(services, order)
        services.monitoring.refresh_all()
        time.sleep(0.1)


def give_back(services: Services, orders: Path) -> None:
    """What an app before this one took up and did not come to record is to be begun."""
    known = {run.name for run in services.monitoring.runs()}
    for begun in orders.glob("*.begun"):
        told = json.loads(begun.read_text())
        is_lost = told["do"] == "start" and told["name"] not in known
        begun.rename(begun.with_suffix(".json" if is_lost else ".done"))


def take(services: Services, order: Path) -> None:
    told = json.loads(order.read_text())
    order.rename(order.with_suffix(".begun"))
    threading.Thread(target=carry_out, args=(services, told), daemon=True).start()


def carry_out(services: Services, told: dict) -> None:
    try:
        if told["do"] == "start":
            services.training.start(request_of(told))
            return
        run = services.monitoring.find(told["name"])
        if told["do"] == "resume":
            services.training.resume(run.id)
        else:
            services.training.stop(run.id, save=told["do"] == "save")
    except StudioError as error:
        logging.getLogger("soak").info("%s %s: %s", told["do"], told["name"], error)


def request_of(told: dict) -> RunRequest:
    config = RunConfig(base_model="some/model", max_steps=told["max_steps"], offline=True)
    pod = PodOptions(
        image="example.com/soak:1",
        budget=told["budget"],
        hours=1.0,
        gpus=tuple(told["gpus"]),
        highest_price=5.0,
    )
    return RunRequest(config, Target.RUNPOD, data_file=Path(told["data"]), output_name=told["name"], pod=pod)


if __name__ == "__main__":
    main()
