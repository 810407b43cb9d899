"""The SDK, for what only GraphQL knows. What importing it does to a process is undone here.

Measured with 1.12.0: importing it starts `sys.executable` (by cpuinfo; in a packaged app that is the app
itself), gives the root logger the level INFO and a handler on stderr, and takes two seconds. Of its functions
only `run_graphql_query` is used: others paste values in as they are, and most know one key for all.
"""

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from app.adapters.runpod import refusals
from app.adapters.runpod.rest import AnswerLostError
from app.domain.runpod_ports import RunpodError

log = logging.getLogger(__name__)

_importing: Final = threading.Lock()
_NAME: Final = "RUNPOD_UA_INTEGRATION"
"""Read at the import: who uses the SDK, in its user agent."""
_TEXTS: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SHORTEST: Final = 3
Ask = Callable[..., dict[str, Any]]


class Word(str):
    """A GraphQL enum: written without quotes."""

    __slots__ = ()


def ask(query: str, key: str) -> dict[str, Any]:
    """The `data` of a GraphQL query. Raises RunpodError, or AnswerLostError if it says nothing for certain.

    The query is never logged: its values may be anybody's.
    """
    answer = _asked(query, key)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise AnswerLostError(refusals.not_understood())
    return data


def literal(value: Any) -> str:
    """A GraphQL input literal. JSON's escapes of text are GraphQL's, too."""
    match value:
        case Word():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(literal(item) for item in value) + "]"
        case _:
            return json.dumps(value)


def _asked(query: str, key: str) -> Any:
    import requests  # noqa: PLC0415 - the SDK's own client: these are its errors

    run, errors = _sdk()
    try:
        return run(query, api_key=key)
    except errors.AuthenticationError:
        raise refusals.key_unknown() from None
    except errors.QueryError as error:
        said = without_values(str(error.message), query).replace(key, "…")
        log.info("Runpod's GraphQL refused: %s", refusals.shortened(said))
        raise refusals.by_words(said) or AnswerLostError(
            RunpodError(f"Runpod refused: {refusals.shortened(said)}", "The Runpod console may say more.")
        ) from None
    except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError):
        raise refusals.unreachable() from None
    except requests.exceptions.ConnectionError as error:
        log.info("Runpod's GraphQL: %s", type(error).__name__)
        if _was_never_connected(error):
            raise refusals.unreachable() from None
        raise AnswerLostError(refusals.unreachable()) from None
    except (requests.exceptions.RequestException, ValueError, KeyError, TypeError, IndexError) as error:
        log.info("Runpod's GraphQL gave no answer: %s", type(error).__name__)
        raise AnswerLostError(refusals.unreachable()) from None


def without_values(said: str, query: str) -> str:
    """A refusal may repeat what it refuses: every text of the query is taken out again."""
    for text in sorted(_TEXTS.findall(query), key=len, reverse=True):
        for written in {text, str(json.loads(f'"{text}"'))}:
            if len(written) >= _SHORTEST:
                said = said.replace(written, "…")
    return said.partition("found: ")[0]


def _was_never_connected(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError, NewConnectionError  # noqa: PLC0415

    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _sdk() -> tuple[Ask, ModuleType]:
    with _importing:
        if "runpod" in sys.modules:
            return _parts()
        with _undone():
            return _parts()


def _parts() -> tuple[Ask, ModuleType]:
    try:
        from runpod import error  # noqa: PLC0415
        from runpod.api.graphql import run_graphql_query  # noqa: PLC0415
    except ImportError as failed:
        log.warning("Runpod's SDK cannot be imported: %s", failed)
        raise RunpodError(
            "The part of Tunewright that rents at Runpod is not installed.",
            'Run: pip install "tunewright[runpod]"',
        ) from None
    return run_graphql_query, error


@contextmanager
def _undone() -> Iterator[None]:
    """What the import did to logging is taken back, and what it would start is not started."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    stands_in = "cpuinfo" not in sys.modules
    if stands_in:
        sys.modules["cpuinfo"] = _no_cpuinfo()
    names_us = _NAME not in os.environ
    os.environ.setdefault(_NAME, "tunewright")
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)
        if stands_in:
            sys.modules.pop("cpuinfo", None)
        if names_us:
            os.environ.pop(_NAME, None)


def _no_cpuinfo() -> ModuleType:
    module = ModuleType("cpuinfo")
    module.__dict__["get_cpu_info"] = dict
    return module
