"""How rows are put together, and which are left out."""

from collections.abc import Sequence
from typing import Any

import flet as ft

from app.domain.sessions import Session
from app.ui.data.wording import rows as counted
from app.ui.kit.section import Section
from app.ui.merge.draft import MergeDraft
from app.ui.training.fields import Choice, Grid, Help, Segments, TextInput, Toggle

_SYSTEM = [
    ("keep", "kept as they are"),
    ("first", "the first source's for all rows"),
    ("text", "one text for all rows"),
    ("remove", "removed"),
]
_CONFLICTS = [
    ("off", "are not looked for"),
    ("keep", "are reported and kept"),
    ("first", "leave the first answer"),
    ("drop", "are all left out"),
]


@ft.component
def Order(draft: MergeDraft) -> ft.Control:
    """Concatenate or interleave, shuffle, system prompts."""

    def put(name: str) -> Any:
        return lambda value: setattr(draft, name, value)

    controls: list[ft.Control] = [
        Segments(
            "how",
            "Rows come",
            draft.how,
            [("concatenate", "one after the other"), ("interleave", "in turn")],
            put("how"),
        )
    ]
    if draft.how == "interleave":
        controls += [
            Segments(
                "until",
                "Until",
                draft.until,
                [("all", "all are used up"), ("first", "the first one is")],
                put("until"),
            ),
            Help("With equal weights one row of each in turn; a source of weight 2 gives two rows for one."),
        ]
    within = "Shuffle within each source" if draft.how == "interleave" else "Shuffle"
    controls.append(
        Toggle(
            within, draft.shuffle, put("shuffle"), help_text="Same seed, same order.", identifier="shuffle"
        )
    )
    if draft.shuffle:
        controls.append(TextInput("Seed", draft.seed, put("seed")))
    controls.append(Choice("system", "System prompts are", draft.system, _SYSTEM, put("system")))
    if draft.system == "text":
        controls.append(TextInput("System prompt of all rows", draft.system_text, put("system_text")))
    return Section("Order", controls)


@ft.component
def LeftOut(draft: MergeDraft, sessions: Sequence[Session]) -> ft.Control:
    """Duplicates, conflicts, leaks. What each took out is in the ledger."""

    def put(name: str) -> Any:
        return lambda value: setattr(draft, name, value)

    held_out = [("", "none"), *((str(s.id), f"{s.name}, {counted(s.row_count)}") for s in sessions)]
    controls: list[ft.Control] = [
        Toggle(
            "Equal rows once", draft.exact_duplicates, put("exact_duplicates"), identifier="exact-duplicates"
        ),
        Toggle(
            "Almost equal rows once",
            draft.near_duplicates,
            put("near_duplicates"),
            help_text="Compared by the word triples they have in common.",
            identifier="near-duplicates",
        ),
        Choice("conflicts", "Same prompt, other answer: they", draft.conflicts, _CONFLICTS, put("conflicts")),
        Choice(
            "held-out",
            "Held-out session",
            draft.held_out,
            held_out,
            put("held_out"),
            help_text="Kept for measuring: no row with one of its questions comes into the result.",
        ),
    ]
    if draft.held_out:
        controls.append(
            Toggle(
                "Nor what is almost equal to one of its rows",
                draft.near_leaks,
                put("near_leaks"),
                identifier="near-leaks",
            )
        )
    if draft.near_duplicates or (draft.near_leaks and draft.held_out):
        controls.append(
            Grid([TextInput("Almost equal from, in %", draft.similarity, put("similarity"), hint="80")])
        )
    return Section("What is left out", controls)
