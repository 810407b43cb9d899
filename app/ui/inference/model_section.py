"""Which model to talk to, and whether it has room here."""

from collections.abc import Sequence
from typing import Final, cast

import flet as ft

from app.domain.talkers import DEVICES, PRECISIONS, Fit, ModelChoice
from app.services.talkers import TalkerService
from app.ui.inference.draft import PickedModel
from app.ui.kit.browse_button import beside_browse
from app.ui.kit.foldable import Foldable
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.training.fields import Choice, Help, Segments, TextInput, Toggle
from app.ui.training.watching import use_answer

_REFRESH_SECONDS: Final = 3.0
_SOURCES: Final = ("runs", "hub", "folder")

Choices = tuple[ModelChoice, ...]


@ft.component
def ModelSection(
    talkers: TalkerService, model: PickedModel, offline: str, status: ft.Control, *, is_shown: bool
) -> ft.Control:
    """`offline` says why there is no network; `status` goes under the choice."""
    runs, set_runs = ft.use_state(cast(Choices | None, None))
    cached, set_cached = ft.use_state(cast(Choices, ()))

    def take(found: tuple[Choices, Choices]) -> None:
        set_runs(found[0])
        set_cached(found[1])
        if model.source == "runs" and not model.run:
            model.run = next((str(c.ref) for c in found[0] if not c.blocked), "")
        if not found[0] and not model.hub and found[1]:  # nothing trained yet: something to try all the same
            model.source, model.hub = "hub", str(found[1][0].ref)

    use_answer(
        lambda: (tuple(talkers.runs()), tuple(talkers.hub_models())),
        take,
        on=is_shown,
        every_seconds=_REFRESH_SECONDS if is_shown else None,
    )

    def choose_source(value: str) -> None:
        model.source = "hub" if value == "hub" else "folder" if value == "folder" else "runs"
        model.insists = False

    def use_base(value: bool) -> None:
        model.uses_base = value

    body: list[ft.Control] = [
        Segments(
            "model-source",
            text("inference.model.from"),
            model.source,
            [(each, text_in("inference.model.sources", each)) for each in _SOURCES],
            choose_source,
        )
    ]
    if model.source == "runs":
        body.append(_runs(model, runs))
    elif model.source == "hub":
        body.extend(_hub(model, cached, offline))
    else:
        body.append(_folder(model))
    if model.source != "hub":
        body.append(
            Toggle(text("inference.model.base_instead"), model.uses_base, use_base, identifier="uses-base")
        )
    body += [Memory(model), status]
    return Section(text("inference.model.title"), body)


def _runs(model: PickedModel, runs: Choices | None) -> ft.Control:
    if runs is not None and not runs:
        return Help(text("inference.model.no_runs"))

    def choose(value: str) -> None:
        model.run = value
        model.insists = False

    return Choice(
        "model-run",
        text("inference.model.result"),
        model.run,
        [(str(choice.ref), choice.label) for choice in runs or ()],
        choose,
        hint=text("inference.model.choose_run"),
        disabled=[str(choice.ref) for choice in runs or () if choice.blocked],
    )


def _hub(model: PickedModel, cached: Sequence[ModelChoice], offline: str) -> list[ft.Control]:
    def put(text: str) -> None:
        model.hub = text
        model.insists = False

    known = [(_key(choice), choice.label) for choice in cached]
    blocked = [_key(choice) for choice in cached if choice.blocked]
    fields = [
        Choice(
            "model-hub",
            text("inference.model.here"),
            model.hub,
            known,
            put,
            hint=text("inference.model.choose_model"),
            disabled=blocked,
        )
    ]
    if offline:
        return [*fields, Help(text("inference.model.offline", reason=offline))]
    shown = "" if any(key == model.hub for key, _ in known) else model.hub
    name = TextInput(
        text("inference.model.any"),
        shown,
        put,
        hint="owner/name",
        help_text=text("inference.model.any_help"),
    )
    return [*fields, name]


def _key(choice: ModelChoice) -> str:
    return choice.ref.name if choice.ref.kind == "hub" else str(choice.ref)


def _folder(model: PickedModel) -> ft.Control:
    def edit(text: str) -> None:
        model.folder = text
        model.insists = False

    field = TextInput(
        text("inference.model.folder"),
        model.folder,
        edit,
        help_text=text("inference.model.folder_help"),
        hint="/home/me/models/mine",
    )
    return beside_browse(field, text("inference.model.browse"), edit, folder=True)


@ft.component
def Memory(model: PickedModel) -> ft.Control:
    """In how many bits, and where."""

    def set_precision(value: str) -> None:
        model.precision = next(p for p in PRECISIONS if p == value)
        model.insists = False

    def set_device(value: str) -> None:
        model.device = next(d for d in DEVICES if d == value)
        model.insists = False

    def fields() -> list[ft.Control]:
        bits = [(p, text_in("inference.model.precisions", p)) for p in PRECISIONS]
        devices = [(d, text_in("inference.model.devices", d)) for d in DEVICES]
        return [
            Segments("precision", text("inference.model.weights"), model.precision, bits, set_precision),
            Help(text("inference.model.weights_help")),
            Segments("device", text("inference.model.computes_on"), model.device, devices, set_device),
        ]

    said = text_in("inference.model.placed_full", model.device)
    if model.precision != "full":
        said = text(
            "inference.model.placed",
            precision=text_in("inference.model.precisions", model.precision),
            device=text_in("inference.model.devices", model.device),
        )
    badge = ft.Text(said, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
    return Foldable(text("inference.model.memory"), fields, badge=badge, identifier="placing")


def fit_icon(fit: Fit) -> tuple[ft.IconData, str]:
    """Never by colour alone."""
    if fit.verdict == "fits":
        return ft.Icons.CHECK_CIRCLE_OUTLINE, ft.Colors.PRIMARY
    if fit.verdict == "unknown":
        return ft.Icons.HELP_OUTLINE, ft.Colors.ON_SURFACE_VARIANT
    return ft.Icons.WARNING_AMBER, ft.Colors.TERTIARY if fit.verdict == "tight" else ft.Colors.ERROR
