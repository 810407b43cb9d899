"""Another language, given as a file, is what the Training tab speaks."""

import flet as ft

from app.ui import texts

NAMES = {"LoRA", "OSFT", "SFT", "GPU", "DDP", "FSDP", "SGD", "AdamW", "bfloat16", "float32"}
"""Called so in every language; the schema's own labels call the same things by the same words."""


def english() -> set[str]:
    """What is said as it stands: nothing is filled in."""
    said = texts.read(texts.ENGLISH.glob("*.toml")).values()
    return {text for text in said if isinstance(text, str) and "{" not in text} - NAMES


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
