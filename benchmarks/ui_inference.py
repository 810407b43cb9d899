"""Does the window answer while a model is loaded and while it answers? Measured in a real browser.

    python benchmarks/ui_inference.py [--seconds 20] [--limit-ms 100]

Serves the real app over a home of its own, clicks on the idle page, sends a message to the bundled model in
the Inference tab, and clicks while that is loaded and while answers are made, one after another. A click's
time runs inside the page from the click to the frame in which what Python rendered for it is there.
Exits with 1 if a 95th percentile is above the limit.
"""

import argparse
import sys
import threading

from browser.clicking import Times, clicks, judge, new_home, served, training_tab

LOG = "logs/inference.log"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of clicks, idle and while it answers")
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return 0
    return measure(args.seconds, args.limit_ms)


def serve(port: int) -> None:
    """The real app. Once the first answer has come, more are made in the same chat until it ends."""
    from app.bootstrap import build_services  # noqa: PLC0415
    from app.domain.chat import Sampling  # noqa: PLC0415
    from app.paths import Paths  # noqa: PLC0415
    from app.ui.window import run_window  # noqa: PLC0415

    paths = Paths.from_environment()
    paths.make()
    services = build_services(paths)
    services.library.ensure_sample()
    endless = Sampling(max_new_tokens=1500, repetition_penalty=1.0, guard_repetition=False)

    def answer() -> None:
        ref = services.talkers.hub_models()[0].ref
        chat = services.conversations.begin(ref, endless)
        while True:
            for _ in services.conversations.ask(chat.id, "Which harbours are there?", endless, alone=True):
                pass

    def answer_when_told() -> None:
        while not (paths.home / "go").exists():
            threading.Event().wait(0.05)
        answer()

    threading.Thread(target=answer_when_told, daemon=True).start()
    run_window(lambda: services, paths, web=True, port=port, open_browser=False)


def measure(seconds: float, limit_ms: float) -> int:
    measured: dict[str, Times] = {}
    with new_home() as home, served(__file__, home) as (url, _), training_tab(url) as ui:
        measured["idle page"] = clicks(ui.page, seconds)

        def is_loaded() -> bool:
            log = home / LOG
            return log.exists() and b"INFO loaded on" in log.read_bytes()

        ui.go_to("Inference")
        ui.wait_for_text("are free", "model-fit")
        ui.fill("Message", "Which harbour does Saltby have?")
        ui.click("Send")
        ui.go_to("Training")
        measured["while a model is loaded"] = clicks(ui.page, 120, until=is_loaded)
        (home / "go").touch()
        measured["while it answers"] = clicks(ui.page, seconds)
    return judge(measured, limit_ms)


if __name__ == "__main__":
    sys.exit(main())
