"""Does the window answer while a model is loaded, answers, and is exported? Measured in a real browser.

    python benchmarks/ui_inference.py [--seconds 20] [--limit-ms 100]

Serves the real app over a home of its own and clicks in the Inference tab, beside the chat: on the idle page,
while the bundled model is loaded over and over, while answers to messages that were sent there grow on the
screen, and while a run is exported to GGUF over and over. The run that answers is not allowed the tokens that
end a turn: the bundled model is done within a tenth of a second, before anybody could click. A click's time
runs inside the page from the click to the frame in which what Python rendered for it is there; how much of it
went by until the answer of the app was there is printed, too. Exits with 1 if a 95th percentile is above the
limit.
"""

import argparse
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from browser.clicking import INFERENCE, ROOT, Times, clicks, judge, new_home, served, training_tab, wait_for

MODEL = ROOT / "assets/tiny-model"
LONGEST = 1536


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of clicks in each state")
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return 0
    return measure(args.seconds, args.limit_ms)


def serve(port: int) -> None:
    """The real app, whose answers are long; it loads and exports while the file for it is there."""
    from app.domain import chat  # noqa: PLC0415

    hot = 5.0  # so that it never goes round in circles, which would end the answer
    long = chat.Sampling(temperature=hot, max_new_tokens=LONGEST, repetition_penalty=1.0)
    chat.TEMPERATURE_RANGE = (0.1, hot)  # type: ignore[misc]
    chat.PRESETS = dict.fromkeys(chat.PRESETS, long)  # type: ignore[misc]
    chat.MAX_NEW_TOKENS_RANGE = (64, LONGEST)  # type: ignore[misc]

    from app.bootstrap import build_services  # noqa: PLC0415
    from app.paths import Paths  # noqa: PLC0415
    from app.ui.window import run_window  # noqa: PLC0415

    paths = Paths.from_environment()
    paths.make()
    services = build_services(paths)
    services.library.ensure_sample()
    to_export = add_runs(paths)
    for name, work in {
        "do.load": loading(services),
        "do.export": exporting(services, paths, to_export),
    }.items():
        threading.Thread(target=repeat, args=(paths.home / name, work), daemon=True).start()
    run_window(lambda: services, paths, web=True, port=port, open_browser=False)


def repeat(file: Path, work: Callable[[], None]) -> None:
    """Do it while the file is there, and write into NAME.done how often; NAME.busy is there meanwhile."""
    count = 0
    while True:
        beside(file, "busy").touch()
        if file.exists():
            work()
            count += 1
            beside(file, "done").write_text(str(count))
        beside(file, "busy").unlink()
        time.sleep(0.02)


def beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}.{ending}")


def loading(services) -> Callable[[], None]:
    def load() -> None:
        services.talking.unload()
        services.talking.load(services.talkers.hub_models()[0].ref)

    return load


def add_runs(paths):
    """Two that have ended, whose result is the bundled model: one to export, and a newer one, so the one that
    the tab begins with, whose answers have no end."""
    from app.adapters.sqlite.engine import open_database  # noqa: PLC0415
    from app.adapters.sqlite.runs import SqliteRunStore  # noqa: PLC0415
    from app.domain.runs import RunId  # noqa: PLC0415
    from tests.exporting.conftest import finished_run  # noqa: PLC0415

    to_export = finished_run(paths.outputs, MODEL, name="to export")
    to_ask = finished_run(paths.outputs, MODEL, name="to ask")
    to_ask = replace(to_ask, id=RunId("b2c3d4"), created_at=to_ask.created_at + timedelta(hours=1))
    allow_no_end(to_ask.output_dir)
    store = SqliteRunStore(open_database(paths.database))
    for run in (to_export, to_ask):
        store.add(run)
        store.update(run.id, lambda _, run=run: run)
    return to_export


def allow_no_end(model: Path) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415

    file = model / "generation_config.json"
    special = AutoTokenizer.from_pretrained(model).all_special_ids
    file.write_text(json.dumps({**json.loads(file.read_text()), "suppress_tokens": special}))


def exporting(services, paths, run) -> Callable[[], None]:
    from app.domain.exports import ExportFormat, ExportWish  # noqa: PLC0415

    def export() -> None:
        folder = paths.exports / "again"
        shutil.rmtree(folder, ignore_errors=True)
        services.exporting.export(run.id, ExportWish(ExportFormat.GGUF, folder), lambda *_: None)

    return export


def measure(seconds: float, limit_ms: float) -> int:
    measured: dict[str, Times] = {}
    with new_home() as home, served(__file__, home) as (url, _), training_tab(url) as ui:
        ui.go_to("Inference")
        ui.wait_for_text("are free", "model-fit")
        clicks(ui.page, 3, on=INFERENCE)
        measured["idle page"] = clicks(ui.page, seconds, on=INFERENCE)
        measured["while a model is loaded"] = during(ui, home / "do.load", seconds)
        measured["while it answers"] = while_it_answers(ui, seconds)
        measured["while a run is exported"] = during(ui, home / "do.export", seconds)
    return judge(measured, limit_ms)


def during(ui, file: Path, seconds: float) -> Times:
    file.touch()
    times = clicks(ui.page, seconds, on=INFERENCE)
    file.unlink()
    done, busy = beside(file, "done"), beside(file, "busy")
    # The last load holds the engine, which would refuse a question: nothing begins before it has ended.
    wait_for(lambda: done.exists() and not busy.exists(), 300)
    print(f"{file.suffix[1:]}: {done.read_text()} times in {seconds:.0f} s")
    return times


def while_it_answers(ui, seconds: float) -> Times:
    """Clicks beside an answer that grows; where the model's context is full, another one is asked for."""
    times: Times = []
    left, asked = seconds, 0
    while left > 0:
        ui.click("New chat")
        ui.fill("Message", "Which harbour does Saltby have?")
        ui.click("Send")
        asked += 1
        ui.wait_for_text("[^ …]", "live-answer", timeout=300)  # its model comes first
        started = time.monotonic()
        times += clicks(ui.page, left, until=lambda: ui.text("live-answer") is None, on=INFERENCE)
        left -= time.monotonic() - started
    print(f"answers: {asked}")
    return times


if __name__ == "__main__":
    sys.exit(main())
