"""Why a rental ended, in sentences: (message, hint)."""

from datetime import datetime, timedelta
from typing import Final

from app.domain.money import money
from app.domain.rentals import Rental, RentalState

RESUME: Final = "Resume it to go on from the last checkpoint that was fetched, here or on another pod."


RESUME_OR_START: Final = "It was not ended by this app. Start the run again, or resume it if it can be."


def money_is_up(rental: Rental) -> tuple[str, str]:
    """Of a pod that was ended because the run's pods have together cost its budget."""
    return (
        f"The budget of {money(rental.budget)} is used up by all pods of the run together, and this one was "
        "ended.",
        RESUME,
    )


def time_is_up(rental: Rental) -> tuple[str, str]:
    """Of a pod that was ended at its hard end."""
    return f"{_which_end(rental)}, and the pod was ended.", RESUME


_NEAR_THE_END: Final = timedelta(seconds=30)
"""The pod and Runpod have clocks of their own, and the pod saves before its end."""


def stopped_there(rental: Rental, now: datetime) -> str:
    """Of a training that saved and left though nobody here asked for it."""
    if now >= rental.train_until - _NEAR_THE_END:
        return f"{_which_end(rental)}: it saved and stopped."
    return "Something in the pod asked the training to end; it saved first."


def _which_end(rental: Rental) -> str:
    hours = (rental.ends_by - rental.created_at).total_seconds() / 3600
    if rental.spent_before + hours * rental.price >= rental.budget * 0.999:
        return f"Its budget of {money(rental.budget)} is used up"
    return f"Its deadline after {hours:.1f} hours has come"


def gone_words(rental: Rental, now: datetime) -> tuple[str, str]:
    """Of a pod that is gone and that this app did not end; nothing where a person asked for its end."""
    if rental.wish:
        return "", ""
    if now >= rental.train_until - _NEAR_THE_END:  # whoever ended it did as it was told
        return time_is_up(rental)
    if not rental.is_started:
        return "The pod was gone before the training began: not by this app.", "Start the run again."
    if rental.state is RentalState.UPLOADING:
        return (
            "The pod was gone as the training was being started; whether it ran is not known.",
            RESUME_OR_START,
        )
    if rental.state is RentalState.RETRIEVING:
        return "The pod was gone before all that it made was fetched: not by this app.", RESUME
    return "The pod is gone while the training ran: Runpod or somebody else ended it.", RESUME
