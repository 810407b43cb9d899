"""Parts of the form that are drawn only when needed still show every change."""

from collections import Counter
from dataclasses import fields, replace
from enum import Enum
from typing import Any

import flet as ft
import pytest

from app.domain.auto_set import Wishes
from app.domain.presets import Method
from app.domain.questions import Answers
from app.domain.runs import Target
from app.domain.setups import Skill
from app.ui.training import data_source
from app.ui.training.beginner.state import AutoState
from app.ui.training.draft import TrainingDraft
from app.ui.training.form import TrainingForm, shown_in
from app.ui.training.options import Source
from app.ui.training.reading import read
from app.ui.training.taking_back import Reset
from tests.ui.harness import Screen, mounted
from tests.ui.training.conftest import choose_session
from trainer_image.config import Logging

_PARTS = ("target", "method", "beginner", "output")
_NOT_SHOWN = {
    "skill",
    "file_dataset",
    "is_restored",
    "was_started_before",
    "looks_at_rows",
    "exports",
    "selection",
    "chat",
    "spread",
    "pod",
    "job",
    "row_counts",
    "offline_reason",  # said by a service every other second, whatever was put here: tests/ui/test_offline.py
}
_DEPENDS = (
    "form.shown_in",
    "beginner.auto_setting._depends",
    "expert.form._depends",
    "expert.form._bar_depends",
)
_PROPERTIES = ("label", "value", "selected", "error", "helper", "disabled")
_OTHER = {
    "setups_version": 1,
    "cloned_from": "0123456789ab",
    "before_reset": Reset({"output_name": "ferry"}, {"output_name": ""}),
    "undoable": {"output_name": "ferry"},
    "answers": Answers(goal="style"),
    "auto": AutoState(Wishes(bits="4")),
    "optimizer": "sgd",
    "strategy": "fsdp",
    "backend": "unsloth",
    "method": "osft",
    "target_modules": "custom",
    "base_bits": "4",
    "preset": "Custom",
    "lr_scheduler": "linear",
    "precision": "float32",
    "gpus": ("NVIDIA L4",),
    "disk_gb": 80,
    "listed_model": "Qwen/Qwen2.5-0.5B-Instruct",
}


def looks(screen: Screen) -> list[tuple[Any, ...]]:
    """Everything the screen says and every value its fields hold."""
    return [
        (type(control).__name__, *(_plain(getattr(control, name, None)) for name in _PROPERTIES))
        for control in screen.controls(ft.Control)
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, ft.Control) else value


def changed(name: str, value: Any) -> Any:
    """Another value of this field of the draft."""
    if name in _OTHER:
        return _OTHER[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(other for other in type(value) if other is not value)
    assert isinstance(value, str), f"{name}: say in this test what else it can be"
    return value + "7"


@ft.component
def Nothing(*_: Any) -> ft.Control:
    return ft.Container()


def single_changes(draft: TrainingDraft):
    """(what, how): each change of one field, or of one entry of one of its tables."""
    for field in fields(draft):
        if field.name not in _NOT_SHOWN:
            yield from changes_of(draft, field.name)
    for field in fields(draft.spread):
        for name, (_, *change) in changes_of(draft.spread, field.name):
            yield f"spread.{name}", ("spread", *change)
    for field in fields(draft.pod):
        for name, (_, *change) in changes_of(draft.pod, field.name):
            yield f"pod.{name}", ("pod", *change)
    for field in fields(draft.job):
        for name, (_, *change) in changes_of(draft.job, field.name):
            yield f"job.{name}", ("job", *change)


def changes_of(owner: Any, name: str):
    value = getattr(owner, name)
    if not isinstance(value, dict):
        yield name, ("", name, None, changed(name, value))
    for key, entry in value.items() if isinstance(value, dict) else ():
        yield f"{name}[{key}]", ("", name, key, "7" if entry is None else changed_entry(key, entry))


def changed_entry(key: str, entry: Any) -> Any:
    return {"validation": "share", "over_long": "truncate"}.get(key) or changed(key, entry)


CHANGES = dict(single_changes(TrainingDraft(logging=dict.fromkeys(Logging.model_fields, ""))))


@pytest.fixture(autouse=True)
def _docker_that_answers_at_once(monkeypatch) -> None:
    """The real care of Docker asks an engine meanwhile; what it is asked about is all that counts here."""

    @ft.component
    def care(_: object, image: str, offline_reason: str) -> ft.Control:
        return ft.Text(f"care of {image} {offline_reason}")

    monkeypatch.setattr("app.ui.training.target_section.DockerCare", care)


SKILL = ("", "skill", None, "expert")
"""The last of the changes, as it brings another form."""


@pytest.mark.parametrize(("method", "skill"), [("lora", "beginner"), ("osft", "expert")])
async def test_every_single_change_is_on_the_screen_as_if_all_of_the_form_were_drawn_anew(
    studio, method, skill, monkeypatch
):
    monkeypatch.setattr("app.ui.training.expert.form.LayersMatched", Nothing)  # it answers when it can
    seen = await looks_after_each_change(studio, method, skill)

    for depends in _DEPENDS:
        monkeypatch.setattr(f"app.ui.training.{depends}", lambda *_: object())  # never equal to the last

    for name, look in (await looks_after_each_change(studio, method, skill)).items():
        assert seen[name] == look, f"what {name} changes is not drawn"


async def looks_after_each_change(studio, method: Method, skill: Skill) -> dict[str, list[tuple[Any, ...]]]:
    draft, seen = first_draft(method, skill), {}
    async with form_over(studio, draft) as screen:
        for name, change in [*CHANGES.items(), ("skill", SKILL)]:
            set_value(draft, *change)
            await screen.settle()
            seen[name] = looks(screen)
    return seen


def first_draft(method: Method, skill: Skill) -> TrainingDraft:
    """Everything that one choice can bring into sight is there."""
    return TrainingDraft(
        method=method,
        skill=skill,
        target=Target.DOCKER,
        is_model_typed=True,
        source=Source.HUB,
        logging=dict.fromkeys(Logging.model_fields, ""),
    )


def form_over(studio, draft: TrainingDraft):
    return mounted(TrainingForm, studio.services, draft, print, is_shown=True)


def set_value(draft: TrainingDraft, part: str, field: str, key: str | None, value: Any) -> None:
    if part:
        owner = getattr(draft, part)
        new = value if key is None else {**getattr(owner, field), key: value}
        setattr(draft, part, replace(owner, **{field: new}))
    elif key is None:
        setattr(draft, field, value)
    else:
        getattr(draft, field)[key] = value


def test_a_change_leaves_the_parts_alone_that_do_not_show_it():
    draft = TrainingDraft()
    before = {part: shown_in(part, draft) for part in _PARTS}

    draft.hub_repo = "owner/name"

    assert {part: shown_in(part, draft) for part in _PARTS} == before

    draft.numbers["max_steps"] = "70"

    changed_parts = {part for part in _PARTS if shown_in(part, draft) != before[part]}
    assert changed_parts == {"method", "beginner"}


async def test_a_change_draws_what_shows_it_once_and_works_out_once_what_the_form_lacks(studio, monkeypatch):
    counted = Counter[str]()
    count(monkeypatch, counted, data_source, "Segments")
    count(monkeypatch, counted, TrainingDraft, "missing")
    async with studio.opened() as screen:
        await choose_session(screen, studio)
        counted.clear()

        studio.draft.source = Source.FILE
        await screen.settle()

    assert counted == {"Segments": 1, "missing": 1}


def count(monkeypatch, counted: Counter[str], owner: Any, name: str) -> None:
    real = getattr(owner, name)

    def counting(*args, **kwargs):
        counted[name] += 1
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, counting)


def test_what_the_form_says_is_read_anew_after_each_change_and_only_then():
    draft = TrainingDraft()
    first = read(draft)

    assert first.missing == "Choose a dataset"
    assert read(draft) is first

    draft.session = "any"
    draft.numbers["num_epochs"] = "2"

    assert (second := read(draft)).setup is not None
    assert second.setup.config.num_epochs == 2

    draft.numbers["num_epochs"] = "3"

    assert read(draft).asked != second.asked
