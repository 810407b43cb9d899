"""What a person set up for talking to a model, and the answer under way; outlives leaving the tab."""

from dataclasses import dataclass, field

import flet as ft

from app.domain.chat import Voice
from app.ui.inference.sampling import SamplingDraft
from app.ui.training.inference.answering import Answering


@ft.observable
@dataclass(eq=False)
class ChatDraft:
    """The next question, and who answers it how."""

    prompt: str = ""
    samples_taken: int = 0
    """How often a sample was put into the prompt."""
    voice: Voice = "tuned"
    settings: SamplingDraft = field(default_factory=SamplingDraft)
    answering: Answering = field(default_factory=Answering)
