"""Whether a Hugging Face token was found, and how to bring one along."""

from typing import cast

import flet as ft

from app.services.doctor import DoctorService, Finding
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.identified import Identified
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.section import Section
from app.ui.training.watching import use_answer


@ft.component
def HubToken(doctor: DoctorService, *, is_shown: bool) -> ft.Control:
    """Its state on a line of its own; never the token."""
    found, set_found = ft.use_state(cast(Finding | None, None))
    use_answer(doctor.token, set_found, on=is_shown)
    state = Identified("token-state", LabeledValue("State", found.text if found else "Looking…"))
    return Section(
        "Hugging Face token",
        [
            state,
            ft.Text("Read from the environment Tunewright is started in, or from what hf auth login saved."),
            LabeledValue(
                "Before the start, in the same terminal",
                "export HF_TOKEN=hf_…",
                is_code=True,
                trailing=CopyButton("export HF_TOKEN=", what="the command"),
            ),
        ],
    )
