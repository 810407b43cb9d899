"""The main job as a new user does it: a file, a preset, a run, a falling loss, a chat with the result."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import RunningApp
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_shell import import_file

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).resolve().parents[2] / "assets/sample/ferry-help-desk.jsonl"
QUESTIONS = (
    "Which harbour does Saltby have?",
    "Which inn is there on Quill?",
    "Which dish is Penhale known for?",
)
PRESET_STEPS = 50
RUN_SECONDS = 180.0
CURVE = re.compile(r"(\d+\.\d+) at step 1, (\d+\.\d+) at step (\d+)")
"""What a screen reader is told of the loss curve."""
STAMP_OF_THE_ENGINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", re.MULTILINE)
"""Docker's, before each line a container says."""


def expected_answers() -> dict[str, str]:
    """The sample's own answers to its first questions."""
    rows = [json.loads(line)["messages"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    return {messages[0]["content"]: messages[1]["content"] for messages in rows}


def import_the_sample_as(ui: FletUI, name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.jsonl"
    file.write_bytes(SAMPLE.read_bytes())
    import_file(ui, file)
    ui.wait_for_text("344 rows imported", "import-outcome")


def choose_session(ui: FletUI, name: str) -> None:
    ui.go_to("Training")
    ui.wait_for_text("Choose a dataset", "start-reason")
    ui.choose_option("dataset", f"{name}, 344 rows")
    ui.wait_for(lambda: "Choose a dataset" not in (ui.text("start-reason") or ""), lambda: str(ui.text()))


def pick(ui: FletUI, name: str) -> None:
    """One of a group of choices, whatever role the browser gives it."""
    choices = [ui.page.get_by_role(role, name=name, exact=True) for role in ("radio", "checkbox", "button")]
    choices[0].or_(choices[1]).or_(choices[2]).first.click()


def start_and_watch(ui: FletUI) -> tuple[float, float]:
    """Press Start; the first and the last loss of the curve on the screen once the run has finished."""
    ui.click("Start training")
    ui.wait_for_text("Finished", "run-status", timeout=RUN_SECONDS)
    curve = ui.wait_for_text(rf"at step {PRESET_STEPS}\b", "loss-chart")
    found = CURVE.search(curve)
    assert found, curve
    return float(found[1]), float(found[2])


def watch_the_loss_fall(ui: FletUI) -> None:
    """Look at the curve while the run goes on, until it has been seen to come down to half its height."""
    seen: dict[int, float] = {}

    def has_halved() -> bool:
        found = CURVE.search(ui.text("loss-chart") or "")
        if found:
            seen[int(found[3])] = float(found[2])
        return found is not None and len(seen) >= 3 and seen[max(seen)] < float(found[1]) / 2

    ui.wait_for(has_halved, lambda: f"step: loss {seen}", 90)
    assert "Running" in (ui.text("run-status") or "")


def ask(ui: FletUI, number: int, question: str) -> str:
    """The answer to a question, once it is whole: the button is to be had again."""
    ui.fill("Prompt", question)
    ui.click("Run Inference")
    found = [""]

    def is_whole() -> bool:
        is_answering = ui.identified("chat-progress").count() > 0
        found[0] = (ui.text(f"chat-answer-{number}") or "").strip()
        return not is_answering and found[0] != "" and not found[0].endswith("…")

    ui.wait_for(is_whole, lambda: f"{found[0]!r}; {ui.text('chat-progress')}", 90)
    assert question in (ui.text(f"chat-prompt-{number}") or "")
    return found[0]


def learn_and_talk(ui: FletUI, shot: str) -> None:
    """From a ready form to a chat in which the tuned model speaks as the data does and the base does not."""
    pick(ui, "Quick local test")
    first, last = start_and_watch(ui)
    ui.screenshot(f"{shot}-finished")
    assert first > 2 * last

    pick(ui, "Deterministic")
    tuned = [ask(ui, number, question) for number, question in enumerate(QUESTIONS, start=1)]
    pick(ui, "Base model")
    base = ask(ui, len(QUESTIONS) + 1, QUESTIONS[0])
    ui.screenshot(f"{shot}-chat")

    wanted = expected_answers()
    right = [wanted[question] in answer for question, answer in zip(QUESTIONS, tuned, strict=True)]
    assert sum(right) >= 2, tuned
    assert wanted[QUESTIONS[0]] not in base


def test_from_a_file_to_a_chat_with_ones_own_model_on_this_computer(ui: FletUI, tmp_path: Path):
    import_the_sample_as(ui, "harbour", tmp_path)
    choose_session(ui, "harbour")

    learn_and_talk(ui, "local")


@pytest.mark.docker
def test_the_same_in_a_container(ui: FletUI, app: RunningApp, tmp_path: Path, trainer_image: str):
    import_the_sample_as(ui, "harbour", tmp_path)
    choose_session(ui, "harbour")
    ui.choose_option("target", "Local (Docker)")
    ui.page.set_viewport_size({"width": 1280, "height": 1900})
    ui.fill("Docker image", trainer_image)

    learn_and_talk(ui, "docker")
    [log] = app.home.rglob("log.txt")
    assert STAMP_OF_THE_ENGINE.search(log.read_text(encoding="utf-8")), "it did not run in a container"


def test_a_run_survives_the_app_being_killed_and_is_stopped_and_resumed_later(
    ui: FletUI, browser: Browser, app: RunningApp, tmp_path: Path
):
    import_the_sample_as(ui, "harbour", tmp_path)
    choose_session(ui, "harbour")
    ui.page.set_viewport_size(
        {"width": 1280, "height": 1900}
    )  # the whole form, so that no field is under the bar
    ui.fill("Max steps", "3000")
    ui.click("Start training")
    ui.wait_for_text(r"\b[1-9]\d* (of|/) ?3,?000", "run-step", timeout=90)
    watch_the_loss_fall(ui)

    app.kill()
    app.start()
    again = FletUI(browser.new_page(viewport={"width": 1280, "height": 800})).open(app.url)
    again.at_rest()
    again.go_to("Training")
    again.wait_for_text("Running", "run-status")
    before = steps_done(again)
    again.wait_for(lambda: steps_done(again) > before, lambda: str(again.text("run-step")), 60)

    again.click("Stop and save")
    again.wait_for_text("Stopped", "run-status", timeout=90)
    again.screenshot("stopped")
    stopped_at = steps_done(again)
    again.click("Resume")
    again.wait_for_text("Running", "run-status", timeout=60)
    steps = watch_steps(again, beyond=stopped_at)
    assert min(steps) >= stopped_at, f"it began anew: {steps}"
    again.click("Stop and save")
    again.wait_for_text("Stopped", "run-status", timeout=90)
    again.page.close()


def watch_steps(ui: FletUI, *, beyond: int) -> list[int]:
    """Every step that is on the screen until one lies beyond."""
    steps: list[int] = []

    def is_beyond() -> bool:
        steps.append(steps_done(ui))
        return steps[-1] > beyond

    ui.wait_for(is_beyond, lambda: f"{steps}: {ui.text('run-step')}", 90)
    return steps


def steps_done(ui: FletUI) -> int:
    found = re.search(r"([\d,]+) ?(?:of|/)", ui.text("run-step") or "")
    return int(found[1].replace(",", "")) if found else 0
