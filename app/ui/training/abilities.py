"""What can be trained at a place, in badges."""

import flet as ft

from app.domain import preflight_words as words
from app.ui.kit.identified import Identified
from app.ui.kit.status_pill import StatusPill
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from trainer_image.look_protocol import Ability


def Abilities(abilities: tuple[Ability, ...], heading: str, *, identifier: str) -> ft.Control:
    """A badge each; the reason of what cannot run stands below, once for all that share it."""
    badges = [
        StatusPill(
            words.ability(each.name),
            "neutral" if each.why_not else "good",
            icon=ft.Icons.BLOCK if each.why_not else None,
        )
        for each in abilities
    ]
    reasons: dict[str, list[str]] = {}
    for each in abilities:
        if each.why_not:
            reasons.setdefault(each.why_not, []).append(words.ability(each.name))
    lines: list[ft.Control] = [
        Help(text("training.abilities.not_here", names=", ".join(names), why=why))
        for why, names in reasons.items()
    ]
    title = ft.Text(heading, theme_style=ft.TextThemeStyle.LABEL_MEDIUM)
    return Identified(identifier, ft.Column([title, Wrap(badges), *lines], spacing=GAP, tight=True))
