"""The Inference tab in a real browser with a real model: a chat, and the adapter against its base."""

import re
from pathlib import Path

import pytest

from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import pick
from tests.worker.tiny import make_adapter_on

pytestmark = pytest.mark.browser

MODEL = Path(__file__).resolve().parents[2] / "assets/tiny-model"
FIRST_ANSWER_SECONDS = 120.0
"""A process that imports PyTorch, on a busy machine."""


def send(ui: FletUI, text: str, number: int) -> str:
    """The answer, once it is whole."""
    ui.fill("Message", text)
    ui.click("Send")
    return ui.wait_for_text(r"tokens/s", f"message-{number}", timeout=FIRST_ANSWER_SECONDS)


def test_an_adapter_in_a_folder_is_talked_to_and_compared_to_its_base(ui: FletUI, tmp_path: Path):
    make_adapter_on(MODEL, tmp_path / "mine", seed=3)
    ui.page.set_viewport_size({"width": 1280, "height": 1500})  # all of it: what is scrolled away has no text
    ui.go_to("Inference")
    pick(ui, "Folder")
    ui.fill("Folder of a model or an adapter", str(tmp_path / "mine"))
    ui.wait_for_text(r"Needs [\d.]+ GB; [\d.]+ GB are free", "model-fit")
    pick(ui, "Deterministic")
    for _ in range(2):
        ui.click("Less max new tokens")

    first = send(ui, "Which harbour does Saltby have?", 2)
    second = send(ui, "And Quill?", 4)
    assert "in the conversation" in first
    longer = [int(found[1]) for text in (first, second) if (found := re.search(r"(\d+) tokens in", text))]
    assert longer == sorted(longer)
    assert "The adapter is really there" in (ui.text("engine-loaded") or "")
    ui.screenshot("inference-chat")

    pick(ui, "Compare")
    ui.fill("Prompts, one a line", "Which harbour does Saltby have?")
    ui.click("Compare now")
    ui.wait_for_text("2 of 2 answers", "compare-progress", timeout=FIRST_ANSWER_SECONDS)
    base, tuned = (ui.text(f"answer-1-{side}") or "" for side in (1, 2))
    ui.screenshot("inference-compare")
    assert "Base of mine" in base
    assert base.replace("Base of ", "") != tuned
