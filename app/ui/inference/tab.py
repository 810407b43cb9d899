"""The Inference tab: a model and how it answers on one side, talking to it on the other."""

from typing import Final, cast

import flet as ft

from app.services.everything import Services
from app.ui.inference.api_view import ApiView
from app.ui.inference.compare_view import CompareView
from app.ui.inference.draft import InferenceDraft, Talk, View
from app.ui.inference.engine_status import EngineLine
from app.ui.inference.model_section import ModelSection
from app.ui.inference.sample_prompts import SessionPrompts
from app.ui.inference.sampling_controls import SamplingControls
from app.ui.inference.saved_chats import ChatBar
from app.ui.inference.talk_view import TalkView
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.section import Section
from app.ui.kit.two_columns import use_two_columns
from app.ui.texts import text, text_in
from app.ui.theme import SPACE
from app.ui.training.fields import Segments
from app.ui.training.mounting import Unwatched, keyed
from app.ui.training.watching import use_answer

_VIEWS: Final = ("chat", "prompts", "compare", "api")


@ft.component
def InferenceTab(services: Services, kept: Unwatched[InferenceDraft], *, is_shown: bool = True) -> ft.Control:
    """Nothing before it is first shown: the app opens sooner. From then on it keeps its state."""
    was_shown = ft.use_ref(False)
    was_shown.current = was_shown.current or is_shown
    if not was_shown.current:
        return ft.Container()
    return keyed(Inference, "inference", services, kept.value, is_shown=is_shown)


@ft.component
def Inference(services: Services, draft: InferenceDraft, *, is_shown: bool) -> ft.Control:
    columns = use_two_columns()
    offline, set_offline = ft.use_state("")
    use_answer(services.offline.reason, set_offline, on=is_shown)

    status = keyed(EngineLine, "engine", services.talkers, services.talking, draft.model)
    setup = [
        PageHeading(text("inference.tab.title"), text("inference.tab.subtitle")),
        keyed(ModelSection, "model", services.talkers, draft.model, offline, status, is_shown=is_shown),
        Section(text("inference.tab.how"), [keyed(SamplingControls, "sampling", draft.settings)]),
    ]
    talk = [keyed(Right, "right", services, draft, is_shown=is_shown)]
    return columns.frame(setup, talk, stacked=[*setup[:2], *talk, *setup[2:]])


@ft.component
def Right(services: Services, draft: InferenceDraft, *, is_shown: bool) -> ft.Control:
    """One of the views; the others keep what was set up in the draft."""

    def choose(value: str) -> None:
        draft.view = cast(View, value)

    views = Segments(
        "inference-view",
        text("inference.tab.view"),
        draft.view,
        [(each, text_in("inference.tab.views", each)) for each in _VIEWS],
        choose,
    )
    return Section(
        text_in("inference.tab.titles", draft.view), [views, _view(services, draft, is_shown=is_shown)]
    )


def _view(services: Services, draft: InferenceDraft, *, is_shown: bool) -> ft.Control:
    if draft.view == "compare":
        return keyed(
            CompareView,
            "compare",
            services,
            services.talking,
            draft,
            draft.compare,
            draft.model,
            is_shown=is_shown,
        )
    if draft.view == "api":
        return keyed(ApiView, "api", services.serving, services.talking, draft, draft.model)
    talk = draft.chat if draft.view == "chat" else draft.prompts
    return keyed(TalkColumn, draft.view, services, draft, talk, is_shown=is_shown)


@ft.component
def TalkColumn(services: Services, draft: InferenceDraft, talk: Talk, *, is_shown: bool) -> ft.Control:
    def put(prompt: str) -> None:
        talk.typing.prompt = prompt

    lines = [
        keyed(ChatBar, "bar", services.conversations, draft, talk),
        keyed(TalkView, "talk", services.conversations, services.talking, draft, talk),
        keyed(SessionPrompts, "samples", services.library, services.comparing, put, is_shown=is_shown),
    ]
    if talk.is_alone:  # samples are what this view begins with
        lines = [lines[0], lines[2], lines[1]]
    return ft.Column(lines, spacing=SPACE, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
