"""What Runpod says when it does not do something, as our errors.

The wordings are those that were seen (`docs/decisions/0022-runpod.md`); REST and GraphQL share them.
"""

from typing import Final

from app.domain.runpod_ports import (
    BusyError,
    KeyRefusedError,
    NoCapacityError,
    NoCreditError,
    NotFoundAtRunpodError,
    NotValidError,
    RunpodError,
)

_NO_CAPACITY: Final = (
    "no longer any instances available",
    "no instances currently available",
    "does not have the resources to deploy your pod",
    "not enough free gpus",
)
_NO_CREDIT: Final = (
    "insufficient balance",
    "insufficient funds",
    "insufficient credit",
    "not enough credit",
    "balance is too low",
    "add funds",
    "spend limit",
)
_NO_RIGHT: Final = ("unauthorized", "not authorized", "access denied", "forbidden", "permission")
_NOT_UNDERSTOOD: Final = (
    "cannot query field",
    "unknown argument",
    "unknown type",
    "cannot represent",
    "syntax error",
)
_NOT_UNDERSTOOD_BEGINS: Final = ("field ", "variable ", "expected value of type", "expected type")
_NO_REGION: Final = "failed to find data center"
_LONGEST: Final = 300
_KEYS: Final = "https://console.runpod.io/user/settings"


def by_words(said: str) -> RunpodError | None:
    """What these words mean for certain, whatever came with them; None if they may mean anything."""
    words = said.lower()
    if any(part in words for part in _NO_CAPACITY):
        return no_capacity()
    if any(part in words for part in _NO_RIGHT):
        return no_right()
    if any(part in words for part in _NO_CREDIT):
        return no_credit()
    if _NO_REGION in words:
        return NotValidError("Runpod knows no such region.", "Choose another region.")
    if any(part in words for part in _NOT_UNDERSTOOD) or words.startswith(_NOT_UNDERSTOOD_BEGINS):
        return not_valid(said)
    return None


def by_status(status: int, said: str, *, retry_after: float | None = None) -> RunpodError:
    """What a REST reply other than 2xx means. `said` is its detail, already without secrets."""
    if status == 401:
        return key_unknown()
    if status == 402:
        return no_credit()
    if status == 429:
        return too_often(retry_after)
    if known := by_words(said):
        return known
    if status == 403:
        return no_right()
    if status in (413, 422):
        return not_valid(said)
    if status >= 500:
        return BusyError(f"Runpod cannot answer now (code {status}).", "Try again in a few minutes.")
    return RunpodError(
        f"Runpod refused: {shortened(said) or f'code {status}'}", "The Runpod console may say more."
    )


def gone(what: str) -> NotFoundAtRunpodError:
    return NotFoundAtRunpodError(
        f"Runpod knows no such {what}.", "It was deleted, or belongs to another account."
    )


def no_capacity() -> NoCapacityError:
    return NoCapacityError(
        "Runpod has no such GPU free there now.", "Take another GPU or another region, or try again later."
    )


def no_credit() -> NoCreditError:
    return NoCreditError(
        "The balance of the Runpod account is too low for this.",
        "Add credit at https://console.runpod.io/user/billing.",
    )


def key_unknown() -> KeyRefusedError:
    return KeyRefusedError(
        "Runpod does not accept the key.", f"Make a new one at {_KEYS} and keep it in Settings."
    )


def no_right() -> KeyRefusedError:
    return KeyRefusedError(
        "The Runpod key may not do this.",
        f"Give it the right to read and write at {_KEYS}, or make another one.",
    )


def not_valid(said: str) -> NotValidError:
    return NotValidError(
        f"Runpod does not understand what was asked: {shortened(said) or 'it does not say why'}",
        "Update Tunewright; if it is the newest, please report this.",
    )


def too_often(seconds: float | None) -> BusyError:
    wait = f" for {seconds:.0f} seconds" if seconds else ""
    return BusyError(f"Runpod wants fewer questions{wait}.", "Wait a moment and try again.")


def unreachable() -> BusyError:
    return BusyError("Runpod cannot be reached.", "Check the network and the proxy, then try again.")


def somebody_else(status: int) -> BusyError:
    return BusyError(
        f"Something between this computer and Runpod answered instead of it (code {status}).",
        "Check the network and the proxy, then try again.",
    )


def not_understood() -> RunpodError:
    return RunpodError("Runpod's answer could not be understood.", "Update Tunewright; the log says more.")


def shortened(said: str) -> str:
    """In one line, and not a page long."""
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
