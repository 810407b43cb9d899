"""Another language, given as a file, is what the Training tab speaks."""

import flet as ft

from app.ui import texts

SAME = {"All", "Load", "Save", "LoRA", "OSFT", "SFT", "GPU"}
"""Said by domain or trainer, too: groups of layers, stages of a run, methods."""


def english() -> set[str]:
    """What is said as it stands: nothing is filled in."""
    said = texts.read(texts.ENGLISH.glob("*.toml")).values()
    return {text for text in said if isinstance(text, str) and "{" not in text} - SAME


async def test_the_training_tab_speaks_another_language_given_as_a_file(studio, spoken, in_brackets):
    spoken(in_brackets)
    studio.start("ferry")
    studio.draft.skill = "expert"

    async with studio.opened() as screen:
        await screen.wait_for_text("⟦Running⟧")
        shown = set(screen.texts())
        buttons = {button.content for button in screen.controls(ft.OutlinedButton)}

    assert {
        "⟦Make a model learn from your data.⟧",
        "⟦Dataset⟧",
        "⟦Frozen model in memory⟧",
        "⟦Loss now⟧",
    } <= shown
    assert {"⟦Stop⟧", "⟦Save now⟧"} <= buttons
    assert (shown | buttons) & english() == set()
