"""Does the window answer while the app itself works hard? Measured in a real browser.

    python benchmarks/ui_busy.py [--rows 300000] [--limit-ms 100] [--only import] [--in-place]

Serves the real app over a home of its own, clicks on the idle page, then again while each kind of work goes
on as the Data and Merge tabs start it: import and merge in the helper process, searching in the app. A
click's time runs inside the page from the click to the frame in which what Python rendered for it is there.
Exits with 1 if a 95th percentile is above the limit.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from browser.clicking import Times, clicks, judge, new_home, served, training_tab, wait_for

IN_PLACE = "TUNEWRIGHT_BENCHMARK_IN_PLACE"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--only", choices=WORK, help="one kind of work, and the import before it")
    parser.add_argument("--in-place", action="store_true", help="as it was before there was a helper process")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, in_place=bool(os.environ.get(IN_PLACE)))
        return 0
    os.environ[IN_PLACE] = "yes" if args.in_place else ""
    return measure(
        args.rows, args.limit_ms, ["import", *({args.only} - {"import"})] if args.only else list(WORK)
    )


def serve(port: int, *, in_place: bool) -> None:
    """The real app; a kind of work begins when the file of its name appears, and leaves NAME.done."""
    from app.adapters.helper_process import HelperProcess  # noqa: PLC0415
    from app.bootstrap import build_services  # noqa: PLC0415
    from app.paths import Paths  # noqa: PLC0415
    from app.ui.window import run_window  # noqa: PLC0415

    paths = Paths.from_environment()
    paths.make()
    services = build_services(paths, None if in_place else HelperProcess(paths.home, paths.logs))
    services.library.ensure_sample()

    def work_when_told() -> None:
        for name in (path.name for path in watch(paths.home)):
            WORK[name](services, paths.home)
            (paths.home / f"{name}.done").touch()

    threading.Thread(target=work_when_told, daemon=True).start()
    run_window(lambda: services, paths, web=True, port=port, open_browser=False)


def watch(home: Path):
    done: set[str] = set()
    while True:
        for name in WORK:
            if name not in done and (home / name).exists():
                done.add(name)
                yield home / name
        time.sleep(0.02)


def import_rows(services, home: Path) -> None:
    services.library.import_file(home / "rows.jsonl", "busy", progress=lambda _: None)


def merge_rows(services, home: Path) -> None:
    from app.domain.merging import MergeRecipe, MergeSource  # noqa: PLC0415

    services.library.duplicate(services.library.find("busy"), "busy again")
    sources = (MergeSource(session="busy"), MergeSource(session="busy again"))
    services.merging.to_session(MergeRecipe(name="busy merged", sources=sources))


def search_rows(services, home: Path) -> None:
    """Words that are nowhere and words that are everywhere, one after the other, as one types them."""
    from app.domain.finding import RowFilter  # noqa: PLC0415

    session = services.library.find("busy")
    for n in range(20):
        services.library.editing.find(session.id, RowFilter(text=f"nowhere {n}" if n % 2 else "harbour"))


WORK: Mapping[str, Callable] = {"import": import_rows, "merge": merge_rows, "search": search_rows}


def measure(rows: int, limit_ms: float, kinds: list[str]) -> int:
    with new_home() as home:
        write_rows(home / "rows.jsonl", rows)
        with served(__file__, home) as (url, _), training_tab(url) as ui:
            measured = {"idle page": clicks(ui.page, 15)}
            for name in kinds:
                measured[f"during {name}, {rows:,} rows"] = clicks_during(ui.page, home, name)
    return judge(measured, limit_ms)


def clicks_during(page, home: Path, name: str) -> Times:
    started = time.monotonic()
    (home / name).touch()
    times = clicks(page, 300, until=(home / f"{name}.done").exists)
    wait_for((home / f"{name}.done").exists, 300)
    print(f"{name}: {time.monotonic() - started:.1f} s")
    return times


def write_rows(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for n in range(rows):
            messages = [
                {"role": "user", "content": f"Which ferry goes to island {n}, and when does it leave?"},
                {"role": "assistant", "content": f"Ferry {n % 97} at {n % 24}:00, from the north harbour."},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
