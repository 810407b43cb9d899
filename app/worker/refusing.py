"""What it means that a chat template refuses a conversation, and what it wants instead.

Gemma 2 and the first Mistrals know no system prompt and want a question, an answer, a question; most others
take what comes.
"""

from collections.abc import Callable

from app.domain.errors import NotTakenError
from app.worker.protocol import Messages


def refusal(messages: Messages, said: str, accepts: Callable[[Messages], bool]) -> NotTakenError:
    """As an error for people. `said` is the template's own word; `accepts` tries others on it."""
    plain = [message for message in messages if message["role"] != "system"]
    if plain and len(plain) < len(messages) and accepts(plain):
        return NotTakenError(
            "This model takes no system prompt: its chat template refuses one.",
            "Empty the system prompt and put what it says into your first message.",
        )
    if not _take_turns(plain):
        return NotTakenError(
            "This model wants turns that alternate: a question, its answer, the next question.",
            "Send the messages in that order, or begin a new chat.",
        )
    return NotTakenError(f"The model's chat template refuses this conversation: {said}", "Begin a new chat.")


def _take_turns(messages: Messages) -> bool:
    return all((message["role"] == "user") == (at % 2 == 0) for at, message in enumerate(messages))
