"""Quick Local Inference: a few settings, a question, and the answer as it is made."""

import flet as ft

from app.domain.chat import EngineStatus
from app.domain.runs import Run
from app.services.chatting import ChatService
from app.ui.inference.sampling_controls import SamplingControls
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.selectable import Selectable
from app.ui.theme import CODE_FONT
from app.ui.training.inference.conversation import Conversation
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.inference.prompt_bar import PromptBar
from app.ui.training.inference.samples import SamplePrompts
from app.ui.training.watching import use_answer

_STATUS_SECONDS = 0.5
_STATES = {
    "idle": "Idle: the model is loaded with the first question",
    "loading": "Loading the model…",
    "ready": "Ready",
    "generating": "Generating…",
    "error": "Error",
}


@ft.component
def InferencePanel(chats: ChatService, run: Run, chat: ChatDraft) -> ft.Control:
    """Not there until the run has a result to talk to. Give it the run's id as key, and memoise it."""
    blocked, set_blocked = ft.use_state("not looked yet")
    use_answer(lambda: chats.blocked(run), set_blocked, on=(run.status, run.output))
    if blocked:
        return ft.Container(visible=False)
    return Identified(
        "inference",
        Section(
            "Quick Local Inference",
            [
                StatusLine(chats),
                _meta(run),
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
    text = _STATES[status.state]
    if status.message and status.state == "error":
        text = f"{text}: {status.message}"
    color = ft.Colors.ERROR if status.state == "error" else ft.Colors.ON_SURFACE_VARIANT
    return Identified("chat-status", ft.Text(text, color=color), live=True, label="Model status")


def _meta(run: Run) -> ft.Control:
    kind = "Adapter" if run.output_kind == "adapter" else "Model"
    lines = [f"{kind}: {run.output_dir}", f"Base model: {run.config.base_model}"]
    text = ft.Text("\n".join(lines), font_family=CODE_FONT, size=12)
    return Identified("chat-meta", Selectable(text))
