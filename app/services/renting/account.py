"""The account at Runpod that pays, or the reason why there is none now."""

from collections.abc import Callable
from typing import Final

from app.domain.errors import TargetError
from app.domain.runpod_ports import RunpodCloud
from app.domain.tokens import TokenPlace, TokenSource

NO_KEY: Final = "There is no key for Runpod."
NO_KEY_HINT: Final = "Make one at console.runpod.io and keep it in Settings, or set RUNPOD_API_KEY."


class Account:
    """Looks for the key anew at every use, so that one that was just kept counts at once."""

    def __init__(self, tokens: TokenSource, cloud: RunpodCloud, offline: Callable[[], str]) -> None:
        """`offline` says why the network is not used, as a sentence; empty if it is."""
        self._tokens = tokens
        self._cloud = cloud
        self._offline = offline

    def problem(self) -> str:
        """Why nothing can be rented now, as a sentence; empty if it can."""
        if reason := self._offline():
            return reason
        return "" if self._tokens.find(TokenPlace.RUNPOD) else f"{NO_KEY} {NO_KEY_HINT}"

    def cloud(self) -> RunpodCloud:
        """Raises TargetError if the account cannot be used."""
        if reason := self._offline():
            raise TargetError(reason, "Turn offline mode off in Settings to reach Runpod.", may_pass=True)
        if self._tokens.find(TokenPlace.RUNPOD) is None:
            raise TargetError(NO_KEY, NO_KEY_HINT)
        return self._cloud
