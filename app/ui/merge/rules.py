"""How rows are put together, and which are left out."""

from collections.abc import Sequence
from typing import Any

import flet as ft

from app.domain.sessions import Session
from app.ui.data.wording import rows
from app.ui.kit.section import Section
from app.ui.merge.draft import MergeDraft
from app.ui.texts import text, text_in
from app.ui.training.fields import Choice, Grid, Help, Segments, TextInput, Toggle

_SYSTEM = ("keep", "first", "text", "remove")
_CONFLICTS = ("off", "keep", "first", "drop")


@ft.component
def Order(draft: MergeDraft) -> ft.Control:
    """Concatenate or interleave, shuffle, system prompts."""

    def put(name: str) -> Any:
        return lambda value: setattr(draft, name, value)

    controls: list[ft.Control] = [
        Segments(
            "how",
            text("merge.rules.rows_come"),
            draft.how,
            [
                ("concatenate", text("merge.rules.how.concatenate")),
                ("interleave", text("merge.rules.how.interleave")),
            ],
            put("how"),
        )
    ]
    if draft.how == "interleave":
        controls += [
            Segments(
                "until",
                text("merge.rules.until_title"),
                draft.until,
                [("all", text("merge.rules.until.all")), ("first", text("merge.rules.until.first"))],
                put("until"),
            ),
            Help(text("merge.rules.in_turn_help")),
        ]
    within = text("merge.rules.shuffle_within") if draft.how == "interleave" else text("merge.rules.shuffle")
    controls.append(
        Toggle(
            within,
            draft.shuffle,
            put("shuffle"),
            help_text=text("merge.rules.shuffle_help"),
            identifier="shuffle",
        )
    )
    if draft.shuffle:
        controls.append(TextInput(text("merge.rules.seed"), draft.seed, put("seed")))
    controls.append(
        Choice(
            "system",
            text("merge.rules.system_prompts"),
            draft.system,
            [(each, text_in("merge.rules.system", each)) for each in _SYSTEM],
            put("system"),
        )
    )
    if draft.system == "text":
        controls.append(TextInput(text("merge.rules.system_text"), draft.system_text, put("system_text")))
    return Section(text("merge.rules.order"), controls)


@ft.component
def LeftOut(draft: MergeDraft, sessions: Sequence[Session]) -> ft.Control:
    """Duplicates, conflicts, leaks. What each took out is in the ledger."""

    def put(name: str) -> Any:
        return lambda value: setattr(draft, name, value)

    held_out = [
        ("", text("merge.rules.none")),
        *((str(s.id), f"{s.name}, {rows(s.row_count)}") for s in sessions),
    ]
    controls: list[ft.Control] = [
        Toggle(
            text("merge.rules.equal_once"),
            draft.exact_duplicates,
            put("exact_duplicates"),
            identifier="exact-duplicates",
        ),
        Toggle(
            text("merge.rules.almost_once"),
            draft.near_duplicates,
            put("near_duplicates"),
            help_text=text("merge.rules.almost_help"),
            identifier="near-duplicates",
        ),
        Choice(
            "conflicts",
            text("merge.rules.conflicts_title"),
            draft.conflicts,
            [(each, text_in("merge.rules.conflicts", each)) for each in _CONFLICTS],
            put("conflicts"),
        ),
        Choice(
            "held-out",
            text("merge.rules.held_out"),
            draft.held_out,
            held_out,
            put("held_out"),
            help_text=text("merge.rules.held_out_help"),
        ),
    ]
    if draft.held_out:
        controls.append(
            Toggle(
                text("merge.rules.nor_almost"),
                draft.near_leaks,
                put("near_leaks"),
                identifier="near-leaks",
            )
        )
    if draft.near_duplicates or (draft.near_leaks and draft.held_out):
        controls.append(
            Grid([TextInput(text("merge.rules.similarity"), draft.similarity, put("similarity"), hint="80")])
        )
    return Section(text("merge.rules.left_out"), controls)
