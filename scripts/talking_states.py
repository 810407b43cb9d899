"""The Inference tab and an export as pictures, for `training_states`: steps of the same journey."""

from typing import TYPE_CHECKING, Final

from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import pick

if TYPE_CHECKING:
    from scripts.training_states import States

QUESTIONS: Final = ("Which harbour does Saltby have?", "When does the ferry leave?")
_WIDE: Final = {"width": 1280, "height": 1100}
_NARROW: Final = {"width": 420, "height": 860}
_ANSWER_SECONDS: Final = 120.0
"""A process that imports PyTorch, on a busy machine."""


def inference(states: "States") -> None:
    """A conversation with the newest result, then that beside its base model."""
    ui = states.ui
    ui.go_to("Inference")
    states.resize(_WIDE)
    pick(ui, "My runs")
    ui.wait_for_text("lora", "model-run", timeout=30)
    pick(ui, "Deterministic")
    for number, question in enumerate(QUESTIONS, start=1):
        ui.fill("Message", question)
        ui.click("Send")
        ui.wait_for_text("tokens/s", f"message-{2 * number}", timeout=_ANSWER_SECONDS)
    _both(states, "16-inference-chat")
    states.show('="talk"')
    states.take("16-inference-chat-narrow", _NARROW)
    states.resize(_WIDE)
    pick(ui, "Compare")
    ui.fill("Prompts, one a line", QUESTIONS[0])
    ui.click("Compare now")
    ui.wait_for_text("2 of 2 answers", "compare-progress", timeout=_ANSWER_SECONDS)
    _both(states, "16-inference-compare")


def export(states: "States") -> None:
    """What is asked before, how far it is, and the certificate."""
    ui = states.ui
    ui.go_to("Training")
    _open(ui)
    _both(states, "17-export")
    ui.click("Export")
    ui.wait_for_text("Loading what was trained", "export-progress", timeout=60)
    states.take("17-export-running", states.ui.page.viewport_size or _WIDE, at_once=True)
    ui.wait_for_text("As trained", "export-verdict", timeout=_ANSWER_SECONDS)
    _both(states, "17-export-certificate")
    ui.click("Close")


def _open(ui: FletUI) -> None:
    ui.click("Export…")
    ui.wait_for_text("About ", "export-estimate", timeout=30)


def _both(states: "States", name: str) -> None:
    size = states.ui.page.viewport_size or _WIDE
    states.take(name, dict(size))
    states.take(f"{name}-dark", dict(size), dark=True)
