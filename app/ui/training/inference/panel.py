"""Quick Local Inference: a few settings, a question, and the answer as it is made."""

import flet as ft

from app.domain.chat import EngineStatus
from app.domain.runs import Run
from app.domain.setups import BUNDLED_MODEL
from app.services.chatting import ChatService
from app.ui.inference.sampling_controls import SamplingControls
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT
from app.ui.training.inference.conversation import Conversation
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.inference.prompt_bar import PromptBar
from app.ui.training.inference.samples import SamplePrompts
from app.ui.training.watching import use_answer

_STATUS_SECONDS = 0.5


@ft.component
def InferencePanel(chats: ChatService, run: Run, chat: ChatDraft) -> ft.Control:
    """Not there until the run has a result to talk to. Give it the run's id as key, and memoise it."""
    blocked, set_blocked = ft.use_state(text("training.chat.not_looked"))
    use_answer(lambda: chats.blocked(run), set_blocked, on=(run.status, run.output))
    if blocked:
        return ft.Container(visible=False)
    return Identified(
        "inference",
        Section(
            text("training.chat.panel"),
            [
                StatusLine(chats),
                _meta(run, chats.base_of(run)),
                SamplingControls(chat.settings),
                SamplePrompts(chats, run.id, chat),
                PromptBar(chats, run.id, chat, chat.answering),
                Conversation(chats, run.id, chat.answering, chat.answering.live),
            ],
        ),
    )


@ft.component
def StatusLine(chats: ChatService) -> ft.Control:
    """What the inference process is doing."""
    status, set_status = ft.use_state(EngineStatus())
    use_answer(chats.status, set_status, on="engine", every_seconds=_STATUS_SECONDS)
    said = text_in("training.chat.states", status.state)
    if status.message and status.state == "error":
        said = text("training.chat.state_error", state=said, message=status.message)
    color = ft.Colors.ERROR if status.state == "error" else ft.Colors.ON_SURFACE_VARIANT
    return Identified(
        "chat-status", ft.Text(said, color=color), live=True, label=text("training.chat.status")
    )


def _meta(run: Run, base: str) -> ft.Control:
    key = "adapter" if run.output_kind == "adapter" else "model"
    shown = text_in("training.model.listed", base) if base == BUNDLED_MODEL else base
    lines = [
        text_in("training.chat.results", key, folder=run.output_dir),
        text("training.chat.base_model", model=shown),
    ]
    said = ft.Text("\n".join(lines), font_family=CODE_FONT, size=12)
    return Identified("chat-meta", Selectable(said))
