"""Rents pods at the emulator again and again while everything fails; counts what is left and what it cost.

    python -m benchmarks.runpod_soak --runs 200 --seed 1 [--together 6] [--json FILE]

The app is the real composition root in a process that is killed with -9 at random moments; the pods run the
real supervisor and agent; the trainer is `rented/quick_trainer.py`. The moments follow from the seed, what
they hit from the machine as well. Ends with 1 if a promise was broken. SIGUSR1 ends it early, and judges.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.adapters.sqlite.runs import SqliteRunStore
from app.domain.runs import Run, RunStatus
from benchmarks.rented.judging import Billed, Evidence, broken, cost
from tests.emulators.runpod.containers import Image
from tests.emulators.runpod.server import RunpodEmulator

ROOT = Path(__file__).resolve().parent.parent
GPUS = ["NVIDIA L4", "NVIDIA RTX A4000", "NVIDIA GeForce RTX 4090"]
SETTLED_SECONDS = 150.0


@dataclass
class Report:
    seed: int
    runs: int
    seconds: float = 0.0
    did: Counter[str] = field(default_factory=Counter)
    """What was done to them, and how often."""
    ended: Counter[str] = field(default_factory=Counter)
    """How the runs ended."""
    pods: int = 0
    billed: float = 0.0
    counted: float = 0.0
    checked_adapters: int = 0
    broken: list[str] = field(default_factory=list)
    """Promises, in sentences. Empty if all is well."""

    def text(self) -> str:
        counts = {"did": dict(sorted(self.did.items())), "ended": dict(self.ended)}
        return json.dumps({**vars(self), **counts}, indent=1)


class Soak:
    def __init__(self, home: Path, *, runs: int, seed: int, together: int) -> None:
        self.home, self.total, self.together = home, runs, together
        self.dice = random.Random(seed)
        self.report = Report(seed, runs)
        self.truth = home / "truth"
        for folder in (self.truth, home / "app" / "orders"):
            folder.mkdir(parents=True)
        (home / "rows.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}]}\n' * 20)
        env = {
            "PYTHONPATH": str(ROOT),
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": "{port:8080}",
            "STUDIO_TRAINER": str(ROOT / "benchmarks/rented/quick_trainer.py"),
            "STUDIO_RETRY_SECONDS": "0.3",
            "STUDIO_RETRIEVE_GRACE": "20",
            "STUDIO_BOOT_GRACE": "60",
            "STUDIO_RETRIEVED_GRACE": "2",
            "TRUTH": str(self.truth),
        }
        image = Image(["{python}", "-m", "trainer_image.pod"], env)
        self.emulator = RunpodEmulator(home / "runpod", images={"": image})
        self.app: subprocess.Popen[bytes] | None = None
        self.database = open_database(home / "app" / "tunewright.db")
        self.runs, self.rentals = SqliteRunStore(self.database), SqliteRentalStore(self.database)
        self.ordered = 0
        self.asked_to_stop: set[str] = set()
        self.calm_at = 0.0

    def go(self) -> Report:
        began = time.monotonic()
        signal.signal(signal.SIGUSR1, lambda *_: self.enough())
        with self.emulator:
            try:
                self.start_app()
                for _ in range(min(self.together, self.total)):
                    self.order_run()
                self.wait_for_a_pod()
                while self.ordered < self.total or self.orders() or self.going():
                    if self.ordered < self.total and len(self.going()) + self.orders() < self.together:
                        self.order_run()
                    self.misfortune()()
                    self.see_to_the_app()
                    time.sleep(self.dice.uniform(0.3, 1.2))
                    if self.ordered >= self.total and time.monotonic() > self.calm_from():
                        break  # the last runs had their share of misfortune, too
                self.calm_down()
                self.judge()
            finally:
                self.kill_app()
        self.report.seconds = time.monotonic() - began
        self.database.dispose()
        return self.report

    def calm_from(self) -> float:
        self.calm_at = self.calm_at or time.monotonic() + 10
        return self.calm_at

    def enough(self) -> None:
        """No more runs: what was begun is brought to its end and judged."""
        self.total = self.report.runs = self.ordered

    def orders(self) -> int:
        """Not taken up yet."""
        return len(list((self.home / "app" / "orders").glob("*.json"))) + self.begun()

    def begun(self) -> int:
        """Taken up by an app that was killed, perhaps, before it recorded anything."""
        orders = self.home / "app" / "orders"
        names = {json.loads(path.read_text())["name"] for path in orders.glob("*.begun")}
        return len(names - {run.name for run in self.runs.all()})

    def going(self) -> list[Run]:
        return [run for run in self.runs.all() if not run.status.is_final]

    def order_run(self) -> None:
        is_tight = self.dice.random() < 0.08
        budget = 0.0009 if is_tight else 2.0
        self.report.did["runs with a budget of seconds"] += is_tight
        self.give(
            {
                "do": "start",
                "name": f"soak-{self.ordered:04}",
                "data": str(self.home / "rows.jsonl"),
                "max_steps": 2 if is_tight else 12,
                "budget": budget,
                "gpus": self.dice.sample(GPUS, 3),
            }
        )
        self.ordered += 1

    def give(self, order: dict[str, object]) -> None:
        partial = self.home / "app" / "orders" / f"{time.time_ns()}.partial"
        partial.write_text(json.dumps(order))
        partial.rename(partial.with_suffix(".json"))

    def misfortune(self) -> Callable[[], None]:
        kinds: dict[Callable[[], None], float] = {
            self.nothing: 1.5,
            self.kill_ready_app: 0.8,
            self.kill_container: 1,
            self.kill_trainer: 1,
            self.lose_pod: 0.25,
            self.network_gone: 0.7,
            self.proxy_trouble: 1.2,
            self.create_trouble: 0.8,
            self.read_trouble: 1,
            self.no_capacity: 0.3,
            self.no_end_from_inside: 0.5,
            self.without_agent: 0.1,
            self.stop_a_run: 0.35,
        }
        return self.dice.choices(list(kinds), list(kinds.values()))[0]

    def did(self, what: str) -> None:
        self.report.did[what] += 1

    def nothing(self) -> None:
        faults = self.emulator.faults
        faults.no_capacity, faults.refused_to_pods = set(), set()

    def start_app(self) -> None:
        (self.home / "app" / "ready").unlink(missing_ok=True)
        env = {
            **{k: v for k, v in os.environ.items() if "TOKEN" not in k and "KEY" not in k},
            **self.emulator.environment(),
            "TUNEWRIGHT_HOME": str(self.home / "app"),
        }
        with (self.home / "app.log").open("ab") as log:
            self.app = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rented.soak_app", str(self.home / "app")],
                cwd=ROOT, env=env, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_for_a_pod(self) -> None:
        """Before the first misfortune."""
        deadline = time.monotonic() + SETTLED_SECONDS
        while not self.emulator.account.living and time.monotonic() < deadline:
            time.sleep(0.1)

    def see_to_the_app(self) -> None:
        if self.app is None or self.app.poll() is not None:
            self.start_app()

    def kill_ready_app(self) -> None:
        """One that could begin something: else nothing would ever happen."""
        if (self.home / "app" / "ready").exists():
            self.kill_app()

    def kill_app(self) -> None:
        if self.app is not None and self.app.poll() is None:
            self.did("app killed")
            self.app.send_signal(signal.SIGKILL)
            self.app.wait()

    def kill_container(self) -> None:
        if pod := self.some_pod():
            self.did("container killed: supervisor, agent and trainer")
            pod.kill_container()

    def kill_trainer(self) -> None:
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if "quick_trainer.py" in words and str(self.home) in words and self.dice.random() < 0.5:
                self.did("trainer killed")
                process.kill()
                return

    def lose_pod(self) -> None:
        if pod := self.some_pod():
            self.did("pod taken away by its host")
            self.emulator.account.lose(pod.id)

    def network_gone(self) -> None:
        self.did("network gone")
        self.emulator.faults.offline = True
        time.sleep(self.dice.uniform(0.3, 3.0))
        self.emulator.faults.offline = False

    def proxy_trouble(self) -> None:
        self.did("proxy trouble")
        self.emulator.faults.proxy = self.dice.choice(["502", "524", "cut"])
        self.emulator.faults.proxy_times = self.dice.randint(1, 12)

    def create_trouble(self) -> None:
        self.did("trouble with an order")
        what = self.dice.choice(["html 502", "500", "reset", "429", "403"])
        self.emulator.faults.add("POST /graphql", what, though_done=self.dice.random() < 0.6, retry_after=1)

    def read_trouble(self) -> None:
        self.did("trouble with a question")
        pod = self.some_pod()
        if pod and self.dice.random() < 0.5:
            self.emulator.faults.vanished[pod.id] = 1
            return
        what = self.dice.choice(["html 502", "500", "429", "reset"])
        method = self.dice.choice(["GET", "DELETE"])
        self.emulator.faults.add(f"{method} /v2/*", what, by="account", retry_after=1)

    def no_capacity(self) -> None:
        self.did("no capacity on some GPUs")
        self.emulator.faults.no_capacity = set(self.dice.sample(GPUS, self.dice.randint(1, 2)))

    def no_end_from_inside(self) -> None:
        self.did("pods may not end themselves")
        self.emulator.faults.refused_to_pods = {"delete"}

    def without_agent(self) -> None:
        self.did("pod without an agent")
        self.emulator.faults.without_agent += 1

    def stop_a_run(self) -> None:
        if runs := self.going():
            run, kind = self.dice.choice(runs), self.dice.choice(["stop", "save"])
            self.did(f"told to {kind}")
            self.asked_to_stop.add(run.id)
            self.give({"do": kind, "name": run.name})

    def some_pod(self):
        living = self.emulator.account.living
        return self.dice.choice(living) if living else None

    def calm_down(self) -> None:
        """No more misfortune: what is to be judged is where everything then comes to rest."""
        faults = self.emulator.faults
        faults.queue.clear()
        faults.no_capacity, faults.refused_to_pods = set(), set()
        faults.proxy, faults.without_agent, faults.offline = "", 0, False
        faults.vanished.clear()
        deadline = time.monotonic() + SETTLED_SECONDS
        while self.unsettled() and time.monotonic() < deadline:
            self.see_to_the_app()
            time.sleep(0.2)

    def unsettled(self) -> bool:
        return bool(self.orders() or self.going() or self.rentals.living() or self.emulator.account.living)

    def judge(self) -> None:
        seen = self.evidence()
        self.report.pods = len(seen.pods)
        self.report.billed = sum(pod.spent for pod in seen.pods)
        self.report.counted = sum(cost(rental) for rental in seen.rentals)
        self.report.ended = Counter(run.status.value for run in seen.runs)
        self.report.checked_adapters = sum(run.status is RunStatus.FINISHED for run in seen.runs)
        self.report.broken = list(broken(seen))

    def evidence(self) -> Evidence:
        pods = [
            Billed(pod.id, pod.wish.name, pod.spent(), pod.billed[-1].ends if pod.is_gone else None)
            for pod in self.emulator.account.pods.values()
        ]
        told: dict[str, list[str]] = {}
        for path in self.truth.iterdir():
            told.setdefault(path.name.rpartition("-")[0], []).extend(path.read_text().split())
        return Evidence(
            pods,
            self.rentals.all(),
            self.runs.all(),
            [f"soak-{number:04}" for number in range(self.ordered)],
            told,
            frozenset(self.asked_to_stop),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, default=6)
    parser.add_argument("--home", type=Path, help="keep everything here")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    home = args.home or Path(tempfile.mkdtemp(prefix="soak-"))
    report = Soak(home, runs=args.runs, seed=args.seed, together=args.together).go()
    if args.json:
        args.json.write_text(report.text())
    print(report.text())
    print("All promises were kept." if not report.broken else f"{len(report.broken)} promises were broken.")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
