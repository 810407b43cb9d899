"""Every setting of a run, from the schema: what it is called, what it means, where it belongs.

A setting added to the schema is here by itself, in the group of its section or in the last one.
"""

import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.domain.presets import Method
from app.domain.setting_labels import label_of
from app.ui.texts import text_in
from trainer_image.config import Distributed, Logging, Lora, Osft, Push, RunConfig, Sft

METHODS: Final[dict[Method, type[BaseModel]]] = {"lora": Lora, "osft": Osft, "sft": Sft}
SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "distributed": Distributed, "push": Push, "logging": Logging,
}  # fmt: skip

_ELSEWHERE: Final = frozenset({"schema_version", "base_model", "dataset", "method", *SECTIONS})
"""Not a field by itself: said in the parts of the form above, or opened up into its own settings."""
_WITH_ANOTHER: Final = frozenset({"kind", "load_in_8bit"})
"""Chosen together with the method, and with `load_in_4bit`."""

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "learning": (
        "max_steps", "num_epochs", "learning_rate", "lr_scheduler", "warmup_steps", "warmup_ratio",
        "optimizer", "weight_decay", "max_grad_norm", "seed",
    ),
    "batches-and-length": (
        "per_device_batch_size", "gradient_accumulation_steps", "max_tokens_per_gpu", "max_seq_len",
        "packing",
    ),
    "method": (
        "method.lora_r", "method.lora_dropout", "method.lora_alpha", "method.unfreeze_rank_ratio",
        "method.target_modules", "method.target_patterns", "method.train_rest", "method.use_rslora",
        "method.use_dora", "method.load_in_4bit", "method_plugin",
    ),
    "rows": (
        "unmask_messages", "is_pretraining", "block_size", "document_column_name", "over_long",
        "min_seq_len", "drop_duplicates", "max_lost_share",
    ),
    "validation-and-samples": (
        "validation", "validation_share", "validation_file", "eval_steps", "eval_samples", "eval_at_epoch",
        "measure_first", "early_stopping_patience", "min_improvement", "load_best", "samples",
        "sample_tokens",
    ),
    "memory-and-precision": (
        "precision", "gradient_checkpointing", "probe_memory", "on_oom_shorten",
    ),
    "checkpoints-and-result": (
        "save_steps", "save_at_epoch", "save_full_state", "keep_checkpoints", "push.repo_id", "push.private",
        "push.every_save", "offline",
    ),
    "loggers": (),
    "several-gpus-and-backend": ("backend", "backend_args", "backend_plugin"),
    "further-settings": (),
}  # fmt: skip
_GROUP_OF: Final = {path: group for group, paths in _GROUPS.items() for path in paths}
_GROUP_OF_SECTION: Final = {
    "method": "method", "push": "checkpoints-and-result", "logging": "loggers",
    "distributed": "several-gpus-and-backend",
}  # fmt: skip
GROUPS: Final = tuple(_GROUPS)
"""In the order they are shown."""

Kind = Literal["switch", "choice", "number", "text"]


@dataclass(frozen=True)
class Setting:
    """One field of the form."""

    path: str
    """In the config, like `method.lora_r`."""
    label: str
    help: str
    group: str
    kind: Kind
    default: Any
    options: tuple[str, ...] = ()
    """All it may be, of a choice; of anything else, words it may be too, like auto."""
    may_be_empty: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def group_label(self) -> str:
        return text_in("training.expert.groups", self.group)

    def is_found_by(self, words: str) -> bool:
        """Whether every word stands in its label, its name, its group or its help."""
        said = f"{self.label} {self.path} {self.name} {self.group_label} {self.help}".lower()
        return all(word in said for word in words.lower().split())


@cache
def settings(method: Method, config: type[RunConfig] = RunConfig) -> Sequence[Setting]:
    """All that count for a method, in the order they are shown."""
    places = [path for paths in _GROUPS.values() for path in paths]
    order = {path: number for number, path in enumerate(places)}
    found = [_setting(path, field) for path, field in _fields(method, config)]
    return tuple(sorted(found, key=lambda s: (GROUPS.index(s.group), order.get(s.path, len(order)))))


def _fields(method: Method, config: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in config.model_fields.items():
        if name not in _ELSEWHERE:
            yield name, field
    for section in ("method", *SECTIONS):
        for name, field in _section_of(config, section, method).model_fields.items():
            if name not in _WITH_ANOTHER:
                yield f"{section}.{name}", field


def _section_of(config: type[BaseModel], section: str, method: Method) -> type[BaseModel]:
    """As this very schema has it: of the methods the one that is chosen."""
    known = METHODS[method] if section == "method" else SECTIONS[section]
    return next(
        found for found in _models(config.model_fields[section].annotation) if issubclass(found, known)
    )


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _setting(path: str, field: FieldInfo) -> Setting:
    section = path.partition(".")[0] if "." in path else ""
    kinds, options = _kinds(field.annotation)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    is_choice = bool(options) and not kinds - {"none"}
    return Setting(
        path=path,
        label=label_of(path),
        help=field.description or "",
        group=_GROUP_OF.get(path) or _GROUP_OF_SECTION.get(section, GROUPS[-1]),
        kind="choice" if is_choice else "text" if options else _kind(kinds),
        default=default,
        options=options,
        may_be_empty="none" in kinds,
    )


def _kind(kinds: set[str]) -> Kind:
    plain = kinds - {"none"}
    return "switch" if plain == {"bool"} else "number" if plain and plain <= {"int", "float"} else "text"


def _kinds(annotation: Any) -> tuple[set[str], tuple[str, ...]]:
    """Names of the plain types in an annotation, and the words it may be."""
    if annotation is type(None):
        return {"none"}, ()
    if get_origin(annotation) is Literal:
        return set(), tuple(str(word) for word in get_args(annotation))
    if get_origin(annotation) in {Union, types.UnionType}:
        parts = [_kinds(part) for part in get_args(annotation)]
        return set().union(*(kinds for kinds, _ in parts)), sum((words for _, words in parts), ())
    if hasattr(annotation, "__metadata__"):
        return _kinds(get_args(annotation)[0])
    return {re.sub(r"\W.*", "", getattr(annotation, "__name__", "other"))}, ()
