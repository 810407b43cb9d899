"""Setups with one setting changed each, made from the schema: a new setting comes by itself."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from app.domain.presets import NAMES, with_preset
from app.domain.setups import Setup
from trainer_image.config import HubDataset, Lora, Osft, RunConfig, Sft

_CANDIDATES = (
    True, False, 1, 3, 7, 100_000, 0.125, 3.3e-5, "n/é字-1", "me/it", "pissa:niter=16", ["q_proj$", "a|b"],
    "style", "yes", "memory", "fastest",
    {"use_liger": True, "log_level": "very loud", "adamw_eps": 1e-8, "callbacks": None},
)  # fmt: skip
_NEEDED: dict[str, dict[str, Any]] = {
    "config.is_pretraining": {"config.block_size": 2048},
    "config.validation": {"config.validation_file": "aside.jsonl"},
    "config.backend_args": {"config.backend": "instructlab-training", "config.method": {"kind": "sft"}},
    "config.method.target_patterns": {"config.method.target_modules": "custom"},
    "config.method.target_modules": {"config.method.target_patterns": ["up"]},
}
"""What else must be said for a setting to be another; tried first without."""
_MOST = 2
"""Other values of one setting."""


def plain(method: type[BaseModel] = Lora) -> dict[str, Any]:
    return {"session": "any", "config": {"base_model": "owner/model", "method": {"kind": kind_of(method)}}}


def kind_of(section: type[BaseModel]) -> str:
    return str(section.model_fields["kind"].default)


def every_setting() -> Iterator[tuple[str, Setup]]:
    """(place, a setup with another value there), at least one for each setting there is."""
    elsewhere = {"setup_version", "config", "session", "file", "docker", "pod", "job", "answers", "preset"}
    for name in Setup.model_fields.keys() - elsewhere:
        yield from _others(name, plain())
    for name in Setup.model_fields["docker"].default.__dataclass_fields__:
        yield from _others(f"docker.{name}", plain())
    for name in Setup.model_fields["pod"].default.__dataclass_fields__:
        yield from _others(f"pod.{name}", plain())
    for name in Setup.model_fields["job"].default.__dataclass_fields__:
        yield from _others(f"job.{name}", plain())
    for name in Setup.model_fields["answers"].default.__dataclass_fields__:
        yield from _others(f"answers.{name}", plain())
    for method in (Lora, Osft):
        for name in method.model_fields.keys() - {"kind"}:
            yield from _others(f"config.method.{name}", plain(method))
    yield "config.method.kind", Setup.model_validate(plain(Sft))
    yield from _of_config()
    yield from _of_presets()
    yield "file", Setup.model_validate({"file": "rows.jsonl", "config": {"base_model": "m"}})


def _of_presets() -> Iterator[tuple[str, Setup]]:
    """Each with its values, and its values as somebody's own."""
    for method in (Lora, Osft, Sft):
        for name in NAMES:
            setup = Setup.model_validate(plain(method))
            changes = {"config": with_preset(setup.config, name)}
            yield "preset", setup.model_copy(update=changes | {"preset": name})
            yield "preset", setup.model_copy(update=changes)


def _of_config() -> Iterator[tuple[str, Setup]]:
    for name, field in RunConfig.model_fields.items():
        section = _section_in(field.annotation)
        if name == "dataset":
            hub = HubDataset(repo="owner/rows", split="test", config="small").model_dump()
            yield "config.dataset", Setup.model_validate({"config": {"base_model": "m", "dataset": hub}})
        elif name not in {"schema_version", "method"}:
            for inner in section.model_fields if section else ():
                yield from _others(f"config.{name}.{inner}", plain())
            if section is None:
                yield from _others(f"config.{name}", plain())


def _section_in(annotation: Any) -> type[BaseModel] | None:
    options = (annotation, *get_args(annotation))
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def _others(path: str, document: dict[str, Any]) -> list[tuple[str, Setup]]:
    before = _at(_tried(document, {}) or Setup.model_validate(document), path)
    found: dict[str, Setup] = {}
    for value in (*_CANDIDATES, *_options(path)):
        for needed in ({}, _NEEDED.get(path, {})):
            setup = _tried(document, {**_siblings(path), **needed, path: value})
            if setup is not None and repr(_at(setup, path)) != repr(before):
                found.setdefault(repr(_at(setup, path)), setup)
                break
    assert found, f"no other value is known for {path}: say one in this file"
    is_choice = len(_options(path)) > 1
    return [(path, setup) for setup in list(found.values())[: None if is_choice else _MOST]]


def _siblings(path: str) -> dict[str, Any]:
    if path == "target":
        return {"pod.image": "registry.example/trainer:1"}  # a pod has none of its own
    return {"config.push.repo_id": "me/it"} if path.startswith("config.push.") else {}


def _options(path: str) -> list[Any]:
    """Every text a choice of the schema knows."""
    name = path.rpartition(".")[2]
    owners = [Setup, RunConfig, Lora, Osft, *filter(None, map(_section_in, _annotations()))]
    fields = [owner.model_fields[name].annotation for owner in owners if name in owner.model_fields]
    return [str(o) for annotation in fields for o in _literals(annotation)]


def _annotations() -> list[Any]:
    return [field.annotation for field in RunConfig.model_fields.values()]


def _literals(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        yield from (str(member.value) for member in annotation)
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)


def _tried(document: dict[str, Any], values: dict[str, Any]) -> Setup | None:
    for path, value in values.items():
        document = _put(document, path.split("."), value)
    try:
        return Setup.model_validate(document)
    except ValidationError:
        return None


def _put(document: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**document, first: _put(document.get(first) or {}, rest, value) if rest else value}


def _at(setup: Any, path: str) -> Any:
    for name in path.split("."):
        setup = getattr(setup, name, None)
    return setup
