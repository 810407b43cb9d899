"""The recipes that came with the app: read where each is from and what was seen of it, then use one."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

import flet as ft

from app.domain.recipes import Recipe
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services.recipes import recipes
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft

_DATA: Final = ("source", "session", "hub_repo", "hub_split", "hub_config", "file", "file_dataset")
_MODEL: Final = ("listed_model", "typed_model", "is_model_typed")

Used = Callable[[Recipe, Mapping[str, Any]], object]
"""Told which one was used, and what the form was before."""


def use_recipes(draft: TrainingDraft, on_used: Used) -> Callable[[], object]:
    """Returns what opens the dialog."""
    found, set_found = ft.use_state(cast(Sequence[Recipe], ()))

    def read() -> Sequence[Recipe]:
        return recipes(Paths.from_environment().assets)

    ask = use_action(read, on_done=set_found)

    def close() -> None:
        set_found(())
        ask.dismiss()

    def use(recipe: Recipe) -> None:
        close()
        on_used(recipe, take(draft, recipe))

    cards: list[ft.Control] = [_card(recipe, partial(use, recipe)) for recipe in found]
    dialog = ft.AlertDialog(
        title=ft.Text(text("training.setups.recipes.title"), theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(
            Identified("recipes", ft.Column(cards, spacing=GAP * 2, scroll=ft.ScrollMode.AUTO)),
            width=620,
            height=520,
        )
        if found
        else ErrorBanner(ask.problem),
        actions=[ft.TextButton(text("training.setups.recipes.close"), autofocus=True, on_click=close)],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if found or ask.problem else None)
    return ask.run


def take(draft: TrainingDraft, recipe: Recipe) -> Mapping[str, Any]:
    """Put the recipe's method and numbers into the form; returns what the form was before.

    The target stays, and so do data that were chosen. The model stays too, unless the recipe is for one.
    """
    before = draft.everything()
    own = {"skill": draft.skill, "target": draft.target, "docker": draft.docker_options()}
    draft.load(recipe.setup.model_copy(update={**own, "output_name": draft.output_name}))
    has_data = any(before[name] for name in ("session", "hub_repo", "file"))
    is_for_any = recipe.setup.config.base_model == BUNDLED_MODEL
    stays = (*(_DATA if has_data else ()), *(_MODEL if is_for_any else ()))
    draft.put_back({name: before[name] for name in stays})
    return before


def _card(recipe: Recipe, use: Callable[[], None]) -> ft.Control:
    facts = (
        (text("training.setups.recipes.from"), recipe.source),
        (text("training.setups.recipes.seen"), recipe.seen),
        (text("training.setups.recipes.limits"), recipe.limits),
    )
    lines: list[ft.Control] = [
        ft.Text(recipe.title, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        ft.Text(recipe.what_for),
        *(
            ft.Text(
                f"{name}: {said}",
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                color=ft.Colors.ON_SURFACE_VARIANT,
            )
            for name, said in facts
        ),
    ]
    button = ft.FilledTonalButton(
        text("training.setups.recipes.use"),
        tooltip=text("training.setups.recipes.use_named", title=recipe.title),
        on_click=use,
    )
    return ft.Column(
        [
            Selectable(ft.Column(lines, spacing=GAP / 2, tight=True)),
            Identified(
                f"use-{recipe.name}",
                button,
                label=text("training.setups.recipes.use_named", title=recipe.title),
            ),
        ],
        spacing=GAP,
        tight=True,
    )
