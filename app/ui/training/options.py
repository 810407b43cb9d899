"""What the form's dropdowns offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.setups import BUNDLED_MODEL


class Source(StrEnum):
    """Where the rows come from."""

    SESSION = "session"
    HUB = "hub"
    FILE = "file"

    @property
    def label(self) -> str:
        return {Source.SESSION: "Session", Source.HUB: "Hugging Face", Source.FILE: "File"}[self]


ROWS: Final = (
    "over_long", "drop_duplicates", "unmask_messages", "is_pretraining", "document_column_name", "packing",
    "validation", "validation_file", "load_best",
)  # fmt: skip
"""Fields of the config on what becomes of the rows that are no numbers."""


@dataclass(frozen=True)
class BaseModelOption:
    """A model worth starting from; `name` is what goes into the config."""

    name: str
    label: str


BASE_MODELS: Final[Sequence[BaseModelOption]] = (
    BaseModelOption(BUNDLED_MODEL, "Tiny demo model (bundled, no download)"),
    BaseModelOption("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2 135M Instruct, Apache-2.0, 0.3 GB"),
    BaseModelOption("Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5 0.5B Instruct, Apache-2.0, 1 GB"),
    BaseModelOption("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "TinyLlama 1.1B Chat, Apache-2.0, 2.2 GB"),
    BaseModelOption("HuggingFaceTB/SmolLM2-1.7B-Instruct", "SmolLM2 1.7B Instruct, Apache-2.0, 3.4 GB"),
    BaseModelOption("mistralai/Mistral-7B-Instruct-v0.3", "Mistral 7B Instruct v0.3, Apache-2.0, 14.5 GB"),
    BaseModelOption("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5 7B Instruct, Apache-2.0, 15 GB"),
    BaseModelOption(
        "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "Llama 3.1 8B Instruct, 4 bits, Llama 3.1, 5.7 GB"
    ),
)

OTHER_MODEL: Final = "other"
"""Value of the dropdown's last entry, which opens a text field."""

OTHER_MODEL_LABEL: Final = "Another model: Hub name or folder…"

LISTED_MODELS: Final = frozenset(option.name for option in BASE_MODELS)
