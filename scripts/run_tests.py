"""Run everything that CI runs, in stages, and end with one line that sums them up.

    .venv/bin/python scripts/run_tests.py [lint] [fast] [training] [docker] [browser]     (none: all)

Where no Docker engine or no Chromium can be had, one line says what was left out, why, and how to get it; the
rest still runs. With CI=true nothing may be left out: whatever is missing or skipped fails the run.

The browser has processes of its own: synchronous Playwright and pytest-asyncio cannot share one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".cache" / "test-results"
BIN = Path(sys.executable).parent
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
NOT_HERE = 75  # what the scripts exit with when a machine cannot provide something
IMAGE = "tunewright-trainer:cpu-test"

LINTS = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["lint-imports"],
    ["mypy"],
)
STAGES = {
    "lint": "",
    "fast": "not training and not docker and not browser",
    "training": "training and not docker and not browser",
    "docker": "docker and not browser",
    "browser": "browser",
}
PROCESSORS = min(os.cpu_count() or 1, 4)
PROCESSES = {
    "fast": (f"--numprocesses={PROCESSORS + 1}", "--dist=loadfile", "--no-loadscope-reorder"),  # some wait
    "training": (f"--numprocesses={PROCESSORS}", "--dist=loadfile", "--no-loadscope-reorder"),
}


@dataclass(frozen=True)
class Outcome:
    """How one stage ended."""

    stage: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    left_out: str = ""


def main(arguments: list[str]) -> int:
    inside = arguments[:1] == ["--inside-engine"]
    stages = arguments[1:] if inside else arguments or list(STAGES)
    if unknown := set(stages) - set(STAGES):
        print(f"No such stage: {', '.join(unknown)}. There are: {', '.join(STAGES)}.")
        return 64
    os.chdir(ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile everything anew
    RESULTS.mkdir(parents=True, exist_ok=True)
    if inside:
        run_with_containers(stages)
        return 0
    for stage in stages:
        forget(stage)
    started = time.monotonic()
    outcomes = run(stages)
    return summarise(outcomes, time.monotonic() - started)


def run(stages: list[str]) -> list[Outcome]:
    """Run the stages, those that use containers together under one engine."""
    outcomes = []
    if "lint" in stages:
        outcomes.append(lint())
    if "fast" in stages:
        outcomes.append(pytest("fast", STAGES["fast"]))
    if "training" in stages:
        outcomes.append(pytest("training", STAGES["training"]))
    contained = [stage for stage in stages if stage in {"docker", "browser"}]
    return outcomes + (with_containers_and_browser(contained) if contained else [])


def with_containers_and_browser(stages: list[str]) -> list[Outcome]:
    outcomes = []
    if "browser" in stages and (missing := bring_chromium()):
        stages.remove("browser")
        outcomes.append(Outcome("browser", left_out=missing))
    return outcomes + (under_an_engine(stages) if stages else [])


def under_an_engine(stages: list[str]) -> list[Outcome]:
    """Run the stages again in a process that has a Docker engine; without one, run what needs none."""
    heading("docker engine")
    again = [sys.executable, __file__, "--inside-engine", *stages]
    code, complaint, _ = run_with_complaint([str(ROOT / "scripts/with-engine.sh"), "--", *again])
    if code != NOT_HERE:
        return [read_result(stage, 0.0) for stage in stages]
    outcomes = [Outcome("docker", left_out=complaint)]
    if "browser" in stages:
        outcomes.append(pytest("browser", "browser and not docker"))
    return outcomes


def run_with_containers(stages: list[str]) -> None:
    """Inside the engine: build the trainer's image once, then run the tests that use it."""
    heading("trainer image")
    build = ["scripts/build-trainer-image.sh", "--cpu", "--tag", IMAGE, "--stand-in-base"]
    environment = {"PYTHON": sys.executable, "QUIET": "1"}
    if subprocess.run(build, env=os.environ | environment, check=False).returncode == 0:
        os.environ["TUNEWRIGHT_TEST_IMAGE"] = IMAGE
    else:
        print("The trainer's image was not built: what is tested in it is left out (in CI: fails).")
    for stage in stages:
        pytest(stage, STAGES[stage])


def lint() -> Outcome:
    heading("lint")
    started = time.monotonic()
    codes = []
    for program, *options in LINTS:
        print(f"$ {program} {' '.join(options)}", flush=True)
        codes.append(subprocess.run([BIN / program, *options], check=False).returncode)
    failed = sum(code != 0 for code in codes)
    return Outcome("lint", len(codes) - failed, failed, seconds=time.monotonic() - started)


def pytest(stage: str, marks: str) -> Outcome:
    """Run the tests with these marks; the result also goes to a file, where another process can read it.

    Containers are for one test at a time; all others run side by side.
    """
    heading(stage)
    started = time.monotonic()
    results = f"--junitxml={result_file(stage)}"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-m", marks, *PROCESSES.get(stage, ())]
    code = subprocess.run([*command, results], check=False).returncode
    return outcome_of(stage, code, time.monotonic() - started)


def outcome_of(stage: str, code: int, seconds: float) -> Outcome:
    outcome = read_result(stage, seconds)
    if code != 0 and not outcome.failed:  # 5: no test was found, which is never meant
        result_file(stage).unlink(missing_ok=True)
        return read_result(stage, seconds)
    return outcome


def read_result(stage: str, seconds: float) -> Outcome:
    """Read what pytest wrote; no file means that the stage broke down, which counts as one failure."""
    try:
        suite = next(ET.parse(result_file(stage)).getroot().iter("testsuite"))  # noqa: S314 - our own file
    except (OSError, ET.ParseError, StopIteration):
        return Outcome(stage, failed=1, seconds=seconds)
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return Outcome(stage, total - skipped - failed, failed, skipped, seconds or float(suite.get("time", 0)))


def bring_chromium() -> str:
    """Put the path of a Chromium into CHROMIUM; return why there is none, or nothing."""
    code, complaint, path = run_with_complaint(["scripts/chromium.sh"], stdout=subprocess.PIPE)
    if code != 0:
        return complaint
    os.environ["CHROMIUM"] = path
    return ""


def run_with_complaint(command: list[str], *, stdout: int | None = None) -> tuple[int, str, str]:
    """Run a command, show its stderr as it comes; return its code, its last line there, and its stdout."""
    process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
    last = ""
    for line in process.stderr or ():
        print(line, end="", file=sys.stderr, flush=True)
        last = line.strip() or last
    printed = process.stdout.read().strip() if process.stdout else ""
    return process.wait(), last, printed


def summarise(outcomes: list[Outcome], seconds: float) -> int:
    heading("summary")
    for outcome in outcomes:
        if outcome.left_out:
            print(f"{outcome.stage:9} left out: {outcome.left_out}")
            continue
        skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
        counts = f"{outcome.passed} passed, {outcome.failed} failed{skipped}"
        print(f"{outcome.stage:9} {counts} ({outcome.seconds:.0f} s)")
    failed = sum(outcome.failed for outcome in outcomes)
    if CI and (gaps := sum(outcome.skipped + bool(outcome.left_out) for outcome in outcomes)):
        print(f"In CI nothing may be left out or skipped: {gaps} more count as failed.")
        failed += gaps
    print(f"total     {seconds:.0f} s")
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


def heading(title: str) -> None:
    print(f"\n== {title} ==", flush=True)


def result_file(stage: str) -> Path:
    return RESULTS / f"{stage}.xml"


def forget(stage: str) -> None:
    result_file(stage).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
