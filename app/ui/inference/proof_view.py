"""Proving what a run has learnt: the button, the numbers, and where the report lies."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import flet as ft

from app.domain.comparing import Answered, Comparison, ComparisonFormat
from app.domain.errors import StudioError
from app.domain.talkers import ModelRef
from app.services.everything import Services
from app.services.talking import TalkingEngine
from app.ui.actions import problem_of
from app.ui.inference.draft import Compare, InferenceDraft, PickedModel
from app.ui.inference.focus_on_stop import FocusOnStop
from app.ui.kit.focusing import use_focus_place
from app.ui.kit.identified import Identified
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.mounting import memoised


@ft.component
def Proving(
    services: Services,
    engine: TalkingEngine,
    draft: InferenceDraft,
    compare: Compare,
    model: PickedModel,
    focus: FocusOnStop,
) -> ft.Control:
    """For what a run has made: only that has rows that were kept aside."""
    page, place = ft.context.page, use_focus_place()
    ref = model.ref

    async def prove() -> None:
        focus.pressed(place)  # before the plan is made: who moves the focus meanwhile keeps it
        try:
            plan, pair = await asyncio.to_thread(_plan, services, engine, draft, ref)
        except Exception as error:
            focus.typed()
            compare.problem = problem_of(error)
            return
        placing = model.placing

        def answers() -> Iterator[Answered]:
            return services.comparing.run(plan, *pair, placing, compare.is_wanted)

        def write(whole: Comparison) -> Path:
            return services.comparing.export(whole, ComparisonFormat.HTML)

        page.run_task(compare.prove, plan, answers, write)  # goes on when this component is gone

    if ref is None or ref.kind not in ("run", "checkpoint"):
        return ft.Container(visible=False)
    button = ft.OutlinedButton(
        text("inference.proof.prove"),
        icon=ft.Icons.FACT_CHECK_OUTLINED,
        ref=place.ref,
        on_focus=place.on_focus,
        on_blur=place.on_blur,
        disabled=draft.is_busy,
        on_click=prove,
    )
    about = text("inference.proof.about")
    lines = [ft.Row([Identified("compare-prove", button)]), Help(about)]
    return ft.Column(lines, spacing=GAP / 2, tight=True)


def _plan(
    services: Services, engine: TalkingEngine, draft: InferenceDraft, ref: ModelRef | None
) -> tuple[Comparison, tuple[ModelRef, ModelRef]]:
    if ref is None:
        raise StudioError(text("inference.compare.no_model"), text("inference.compare.no_model_hint"))
    plan, pair = services.proving.plan(ref)
    engine.require_fit(pair[1], draft.model.placing, insists=draft.model.insists)
    return plan, pair


def proof_lines(plan: Comparison, report: str, show_folder: Callable[[Path], None]) -> list[ft.Control]:
    """The numbers as far as there are answers; the report once all are there."""
    found = plan.findings()
    if plan.proof is None or found is None:
        return []
    said = [plan.proof.what_they_are]
    if plan.proof.loss is not None:
        was, now = plan.proof.loss
        said.append(text("inference.proof.loss", before=was, after=now))
    if found.scores is not None:
        before, after = found.scores
        said.append(
            text("inference.proof.exact", before=before.exact, after=after.exact, count=found.compared)
        )
        said.append(text("inference.proof.rouge", before=before.rouge_l, after=after.rouge_l))
    if found.general:
        said.append(
            text("inference.proof.general", changed=found.changed, count=found.general, alike=found.likeness)
        )
    lines: list[ft.Control] = [Help(words) for words in said]
    if report:
        lines.append(Selectable(ft.Text(text("inference.proof.report", path=report))))
        folder = Path(report).parent
        lines.append(ft.Row([memoised(OpenFolderButton, f"open-{report}", show_folder, folder)]))
    return [Identified("proof", ft.Column(lines, spacing=GAP / 2, tight=True), live=True)]
