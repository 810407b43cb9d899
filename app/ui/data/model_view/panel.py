"""The rows of a session as a base model sees them: choose the model, and look."""

import flet as ft

from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.services.previews import PreviewService
from app.ui.data.model_view.view import ModelView
from app.ui.data.session_context import SessionContext
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Choice
from app.ui.training.mounting import keyed
from app.ui.training.options import OTHER_MODEL, model_options
from trainer_image.config import RunConfig


def SeenByModelView(context: SessionContext) -> ft.Control:
    if context.previews is None:
        return ft.Text(text("data.model.not_here"))
    key = f"seen-{context.session.id}-{context.session.version}"
    return keyed(SeenByModel, key, context.previews, context.session)


@ft.component
def SeenByModel(previews: PreviewService, session: Session) -> ft.Control:
    """With the settings of a fresh run; the Training tab shows the same for the run in its form."""
    chosen, set_chosen = ft.use_state(BUNDLED_MODEL)
    typed = use_typed()
    model, set_model = ft.use_state(BUNDLED_MODEL)

    def choose(value: str) -> None:
        set_chosen(value)
        if value != OTHER_MODEL:
            set_model(value)

    def take() -> None:
        if typed.now():
            set_model(typed.now())

    body: list[ft.Control] = [
        Choice("seen-by", text("data.model.base_model"), chosen, model_options(), choose)
    ]
    if chosen == OTHER_MODEL:
        field = TextField(
            label=text("data.model.other_model"),
            value=typed.shown,
            hint_text=text("data.model.other_model_hint"),
            on_change=typed.edit,
            on_submit=take,
            expand=True,
        )
        body.append(ft.Row([field, ft.OutlinedButton(text("data.model.look"), on_click=take)], spacing=GAP))
    source = previews.of_session(session)
    config = RunConfig(base_model=model)
    body.append(keyed(ModelView, f"{session.id}-{model}", previews, source, config))
    return Section(
        text("data.model.title"),
        body,
        subtitle=text("data.model.about"),
    )
