"""Keep the form as it stands, so that the app opens with it though nothing was started."""

from typing import Final

from app.services.settings import SettingsService
from app.ui.training.draft import TrainingDraft
from app.ui.training.reading import read
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0


def use_keeping(settings: SettingsService, draft: TrainingDraft) -> None:
    """A moment after the last change; nothing before what was left last time is in the form."""
    form, answers, is_restored = read(draft), draft.answers, draft.is_restored

    def keep() -> None:
        if is_restored:
            settings.keep_form(form.setup, answers)

    use_answer(keep, lambda _: None, on=(is_restored, form.asked, answers), delay_seconds=_SECONDS)
