"""Tokens of the person: kept in the system's keyring, tested, deleted; shown never."""

from collections.abc import Sequence
from typing import Final

from app.domain.errors import StudioError
from app.domain.tokens import TokenChecker, TokenPlace, TokenSource, TokenState, TokenVault
from app.services.offline import OfflineService

_LONGEST: Final = 500


class TokenService:
    """Blocking: a keyring may wait for its owner, a test for the network."""

    def __init__(
        self, source: TokenSource, vault: TokenVault, checker: TokenChecker, offline: OfflineService
    ) -> None:
        self._source = source
        self._vault = vault
        self._checker = checker
        self._offline = offline

    def states(self) -> Sequence[TokenState]:
        return [self.state(place) for place in TokenPlace]

    def state(self, place: TokenPlace) -> TokenState:
        found = self._source.find(place)
        is_kept = self._vault.get(place) is not None
        if found is None:
            return TokenState(place, "none", f"None. {_needed_for(place)}")
        origin = found[1]
        if origin == "keyring":
            return TokenState(place, "keyring", "In this computer's keyring.", is_kept)
        if origin == "login":
            return TokenState(place, "login", "From what hf auth login saved.", is_kept)
        besides = " One is in the keyring too, and is not used meanwhile." if is_kept else ""
        return TokenState(place, "environment", f"From the environment variable {origin}.{besides}", is_kept)

    def why_not_kept(self) -> str:
        """Why no token can be kept on this computer, as a sentence; empty if it can."""
        return self._vault.problem()

    def keep(self, place: TokenPlace, token: str) -> TokenState:
        """Put it into the keyring in place of the one that is there. Raises StudioError."""
        token = token.strip()
        if not token:
            raise StudioError("There is no token to keep.", f"Copy one from {place.page}.")
        if len(token) > _LONGEST or not token.isascii() or not token.isprintable() or " " in token:
            raise StudioError(
                "That is no token: it has blanks or letters that no token has, or is too long.",
                f"Copy it again from {place.page}.",
            )
        self._vault.put(place, token)
        return self.state(place)

    def delete(self, place: TokenPlace) -> TokenState:
        """Remove it from the keyring; one in the environment is not ours to remove."""
        self._vault.forget(place)
        return self.state(place)

    def test(self, place: TokenPlace) -> str:
        """Ask the place about the token in use; a sentence. Raises StudioError."""
        found = self._source.find(place)
        if found is None:
            raise StudioError(f"There is no token for {place.label}.", f"Get one at {place.page}.")
        self._offline.refuse("Testing a token")
        return self._checker.check(place, found[0])


def _needed_for(place: TokenPlace) -> str:
    if place is TokenPlace.HUGGING_FACE:
        return "Only needed for private or gated models and datasets, and to publish."
    return "Only needed to train on Runpod."
