"""Asks Hugging Face and Runpod whose a token is. The token travels in a header, to that place only."""

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from app.adapters.runpod.places import AGENT, places
from app.domain.errors import StudioError
from app.domain.tokens import TokenPlace

log = logging.getLogger(__name__)

_HUB: Final = "https://huggingface.co"
_SECONDS: Final = 15


class HttpTokenChecker:
    """Implements `TokenChecker`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def check(self, place: TokenPlace, token: str) -> str:
        if place is TokenPlace.HUGGING_FACE:
            base = self._environment.get("HF_ENDPOINT") or _HUB
            answer = _get(f"{base.rstrip('/')}/api/whoami-v2", token, place)
            account = answer if isinstance(answer, dict) else {}
            name = account.get("name")
            return f"It works: it belongs to {name}.{_paying(account)}" if name else "It works."
        _get(f"{places(self._environment).rest}/pods", token, place)
        return "It works: Runpod accepts it."


def _paying(account: Mapping[str, Any]) -> str:
    """Whether the account may pay for a job, as far as the Hub says; a balance it does not tell."""
    if "isPro" not in account and "canPay" not in account:
        return ""
    if account.get("isPro"):
        return " It has a Pro plan, so it may start Hugging Face Jobs."
    if account.get("canPay"):
        return " It has a way to pay, as Hugging Face Jobs need."
    return " It has neither a Pro plan nor a way to pay: Hugging Face Jobs need credit first."


def _get(address: str, token: str, place: TokenPlace) -> Any:
    import httpx  # noqa: PLC0415 - not for every start

    headers = {"Authorization": f"Bearer {token}", "User-Agent": AGENT}
    try:
        response = httpx.get(address, headers=headers, timeout=_SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        log.info("Testing the token for %s failed with %s", place.label, type(error).__name__)
        raise StudioError(
            f"{place.label} cannot be reached.", "Check the network and the proxy, then test again."
        ) from None
    status = response.status_code
    if status == 401:
        raise StudioError(f"{place.label} does not accept the token.", f"Make a new one at {place.page}.")
    if status == 403:
        raise StudioError(
            f"{place.label} knows the token, and it may not be used for this.",
            f"Give it more rights, or make another one at {place.page}.",
        )
    if status == 429 or status >= 500:
        raise StudioError(f"{place.label} cannot answer now (code {status}).", "Try again in a few minutes.")
    if status != 200:
        raise StudioError(
            f"What answered is not {place.label} (code {status}).", "Check the network and the proxy."
        )
    try:
        return response.json()
    except ValueError:
        raise StudioError(
            f"What answered is not {place.label}.", "Check the network and the proxy."
        ) from None
