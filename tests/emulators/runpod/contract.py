"""What Runpod publishes about its REST interface, and whether a body keeps to it.

`schema.json` is an excerpt of what Runpod publishes of v2 (OpenAPI 3.1, version 2.0.0): the paths
that Tunewright uses, without the prose.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

NAME = "urn:runpod"
_FORMATS = FormatChecker([])


@_FORMATS.checks("date-time", ValueError)
def _is_time(told: object) -> bool:
    return not isinstance(told, str) or datetime.fromisoformat(told).tzinfo is not None


@cache
def document() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("schema.json").read_text())


def wrong_with_request(path: str, method: str, body: Any) -> list[str]:
    """In Runpod's own words: "$: missing property 'dataCenter'"."""
    place = f"/paths/{_escaped(path)}/{method.lower()}/requestBody/content/application~1json/schema"
    return sorted({said for error in _validator(place).iter_errors(body) for said in _words(error)})


def wrong_with_reply(path: str, method: str, status: int, body: Any) -> list[str]:
    """Of our own replies: the emulator is to say nothing that Runpod would not."""
    replies = document()["paths"][path][method.lower()]["responses"]
    which = str(status) if str(status) in replies else "default"
    place = f"/paths/{_escaped(path)}/{method.lower()}/responses/{which}"
    if "$ref" in replies[which]:
        place = replies[which]["$ref"].removeprefix("#")
    reply = _at(place)
    if "content" not in reply:
        return [] if body is None else ["$: there is no body"]
    kind = next(iter(reply["content"]))
    return [
        error.message for error in _validator(f"{place}/content/{_escaped(kind)}/schema").iter_errors(body)
    ]


@cache
def _validator(place: str) -> Draft202012Validator:
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry = Registry().with_resource(NAME, resource)
    return Draft202012Validator({"$ref": f"{NAME}#{place}"}, registry=registry, format_checker=_FORMATS)


def _at(place: str) -> Any:
    here: Any = document()
    for part in place.strip("/").split("/"):
        here = here[part.replace("~1", "/").replace("~0", "~")]
    return here


def _words(error: ValidationError) -> Iterator[str]:
    where = "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    match error.validator:
        case "required":
            yield from (
                f"{where}: missing property '{name}'"
                for name in error.validator_value
                if name not in error.instance
            )
        case "additionalProperties" | "unevaluatedProperties":
            names = ", ".join(re.findall(r"'[^']+'", error.message))
            yield f"{where}: additional properties {names} not allowed"
        case _:
            yield f"{where}: {error.message}"


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
