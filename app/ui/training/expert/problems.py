"""What is wrong with the form as it stands, said at the settings it is about: the schema's own rules.

A rule that is added to the schema speaks here by itself, at the settings its sentence names.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.domain.setting_labels import label_named, label_of
from app.domain.setup_secrets import secret_in
from app.ui.texts import text
from app.ui.texts.words import either
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import Setting, settings
from app.ui.training.typed_numbers import sentence_of
from trainer_image.backend_fields import fault_of
from trainer_image.config import RunConfig

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft

_ROUNDS: Final = 8
"""Each takes away what was wrong, so that the rules behind it are asked, too."""

Problems = Mapping[str, str]
"""Place in the config → sentence; under "" what no setting speaks for."""


def problems(draft: "TrainingDraft", config: type[RunConfig] = RunConfig) -> Problems:
    """Everything that is wrong now, each once at each setting it is about."""
    found: dict[str, str] = {}
    values: dict[str, Any] = {}
    known = {setting.path: setting for setting in settings(draft.method, config)}
    for path, setting in known.items():
        try:
            _note(values, draft, setting)
        except ValueError as error:
            found[path] = (
                text("training.expert.problems.json")
                if isinstance(error, json.JSONDecodeError)
                else str(error)
            )
        if path == "backend_args" and path in values and (refused := _refused(draft, values[path])):
            found[path] = refused
        if _holds_secret(draft, setting):
            found[path] = text("training.expert.problems.secret")
    for _ in range(_ROUNDS):
        wrong = _errors(draft.method, values, config)
        if not wrong:
            break
        for fault in wrong:
            for path in _places(fault, known):
                found.setdefault(path, _sentence(fault, known.get(path)))
                values.pop(path, None)
            if fault["type"] == "missing":  # what it needs was wrong: nothing can be said of the rest
                section = f"{fault['loc'][0]}."
                values = {path: value for path, value in values.items() if not path.startswith(section)}
    return found


def first_of(draft: "TrainingDraft") -> str:
    """One of them, as an order to the person; empty if there is none."""
    for path, sentence in problems(draft).items():
        return (
            text("training.expert.problems.in_field", field=label_of(path), problem=sentence)
            if path
            else sentence
        )
    return ""


def _note(values: dict[str, Any], draft: "TrainingDraft", setting: Setting) -> None:
    """Put what the setting says to the values, unless it counts for nothing now."""
    value = binding.read(draft, setting)
    if setting.path == "method.load_in_4bit":
        values |= {"method.load_in_4bit": value == "4", "method.load_in_8bit": value == "8"}
    elif setting.path == "backend_args":
        values[setting.path] = json.loads(value) if isinstance(value, str) else value
    elif setting.path == "method.target_patterns":
        values[setting.path] = draft.patterns
    elif setting.path.startswith("push.") and not draft.push_repo.strip():
        return
    elif setting.name in {"packing", "unmask_messages"} and draft.rows["is_pretraining"]:
        return  # not shown: documents are learnt whole
    else:
        values[setting.path] = value


def _refused(draft: "TrainingDraft", arguments: Any) -> str:
    """What is wrong with the first argument that the backend does not take."""
    names = arguments if isinstance(arguments, dict) else ()
    faults = (fault_of(draft.spread.backend, name) for name in names)
    return next((" ".join(fault) for fault in faults if fault), "")


def _holds_secret(draft: "TrainingDraft", setting: Setting) -> bool:
    text = binding.kept(draft, setting)
    if setting.path != "backend_args":
        return secret_in(setting.path, text)
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        return False
    return isinstance(arguments, dict) and any(
        secret_in(f"backend_args.{name}", value) for name, value in arguments.items()
    )


def _errors(method: str, values: Mapping[str, Any], config: type[RunConfig]) -> list[ErrorDetails]:
    document: dict[str, Any] = {"base_model": "any", "method": {"kind": method}}
    for path, value in values.items():
        section, _, name = path.rpartition(".")
        if section:
            document.setdefault(section, {})[name] = value
        else:
            document[name] = value
    try:
        config.model_validate(document)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _places(error: ErrorDetails, known: Mapping[str, Setting]) -> list[str]:
    """The settings an error is about: where it was found, or those a rule's sentence names."""
    parts = [str(part) for part in error["loc"] if isinstance(part, str)]
    section = parts[0] if parts else ""
    exact = [path for path in (".".join(parts[:2]), f"{section}.{parts[-1]}" if parts else "", section)
             if path in known]  # fmt: skip
    if exact:
        return exact[:1]
    words = set(re.findall(r"\w+", error["msg"]))
    in_section = [path for path, s in known.items() if path.startswith(f"{section}.") and s.name in words]
    named = in_section or [path for path, setting in known.items() if setting.name in words]
    return named or [""]


def _sentence(error: ErrorDetails, setting: Setting | None) -> str:
    if error["type"] == "string_pattern_mismatch":
        if setting is not None and setting.name.endswith("_plugin"):
            return text("training.expert.problems.plugin")
        return text("training.expert.problems.repo")
    if error["type"].startswith(("int_", "literal_")) and setting is not None:
        return text("training.expert.problems.type", wanted=_wanted(setting))
    if error["type"] != "value_error":
        return sentence_of(error)
    said = error["msg"].removeprefix("Value error, ")
    said = re.sub(r"\b[a-z]+(?:_[a-z0-9]+)+\b", _called, said)
    return f"{said[0].upper()}{said[1:]}" + ("" if said.endswith(".") else ".")


def _wanted(setting: Setting) -> str:
    return either([text("training.expert.problems.a_whole_number"), *setting.options])


def _called(found: re.Match[str]) -> str:
    label = label_named(found[0])
    return f"“{label}”" if label else found[0]
