"""What the form's dropdowns offer."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

from app.domain.setups import BUNDLED_MODEL
from app.ui.texts import text, text_in

LrScheduler = Literal["cosine", "linear", "constant"]
Optimizer = Literal["adamw", "adamw_8bit", "paged_adamw_8bit", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
TargetModules = Literal["auto", "all-linear", "attention", "custom"]
BaseBits = Literal["", "4", "8"]
"""In how many bits LoRA keeps the frozen model; empty for as it is."""


class Source(StrEnum):
    """Where the rows come from."""

    SESSION = "session"
    HUB = "hub"
    FILE = "file"

    @property
    def label(self) -> str:
        return text_in("training.sources", self)


ROWS: Final = (
    "over_long", "drop_duplicates", "unmask_messages", "is_pretraining", "document_column_name", "packing",
    "validation", "validation_file", "load_best",
)  # fmt: skip
"""Fields of the config on what becomes of the rows that are no numbers."""


BASE_MODELS: Final[Sequence[str]] = (
    BUNDLED_MODEL,
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "Qwen/Qwen2.5-0.5B-Instruct",
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    "HuggingFaceTB/SmolLM2-1.7B-Instruct",
    "mistralai/Mistral-7B-Instruct-v0.3",
    "Qwen/Qwen2.5-7B-Instruct",
    "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit",
)
"""Models worth starting from, as they go into the config."""

OTHER_MODEL: Final = "other"
"""Value of the dropdown's last entry, which opens a text field."""

LISTED_MODELS: Final = frozenset(BASE_MODELS)


def model_options() -> list[tuple[str, str]]:
    """For a dropdown: what goes into the config, and what is shown."""
    listed = [(name, text_in("training.model.listed", name)) for name in BASE_MODELS]
    return [*listed, (OTHER_MODEL, text("training.model.another"))]
