"""Models one can talk to: what a run made, one of its checkpoints, a folder, or a model of the Hub."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from app.domain.chat import Voice
from app.domain.errors import StudioError

ModelKind = Literal["run", "checkpoint", "folder", "hub"]
Precision = Literal["full", "8bit", "4bit"]
Device = Literal["auto", "cpu", "cuda", "mps"]

KINDS: Final[tuple[ModelKind, ...]] = get_args(ModelKind)
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)
DEVICES: Final[tuple[Device, ...]] = get_args(Device)
_BASE: Final = "#base"


@dataclass(frozen=True)
class Placing:
    """How a model is put into memory."""

    precision: Precision = "full"
    """ "full" is 16 or 32 bits, as the device computes best; fewer take less room and answer less well."""
    device: Device = "auto"


AUTOMATIC: Final = Placing()


@dataclass(frozen=True)
class ModelRef:
    """Names a model; as text it is `kind:name`, with `#base` for the base model of what it names."""

    kind: ModelKind
    name: str
    """A run's id, that and a checkpoint (`id/samples_400`), a folder, or a name on the Hub."""
    voice: Voice = "tuned"

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}{_BASE if self.voice == 'base' else ''}"

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """Raises StudioError for a text that names none."""
        word, colon, name = text.strip().partition(":")
        kind = next((kind for kind in KINDS if kind == word), None)
        if not colon or kind is None or not name:
            raise StudioError(
                f"'{text}' names no model.", f"Write it as KIND:NAME; kinds are {', '.join(KINDS)}."
            )
        voice: Voice = "base" if name.endswith(_BASE) else "tuned"
        return cls(kind, name.removesuffix(_BASE), voice)

    def as_base(self) -> "ModelRef":
        return replace(self, voice="base")


@dataclass(frozen=True)
class ModelChoice:
    """One entry of a list to choose from."""

    ref: ModelRef
    label: str
    blocked: str = ""
    """Why it cannot be talked to now, as a sentence."""


@dataclass(frozen=True)
class LoadableModel:
    """A model that was found, with all that has to be in memory for its answers."""

    label: str
    base_model: str
    """Hub name or folder."""
    words: str
    """Hub name or folder of the tokenizer and the chat template: those of the training, if there was one."""
    adapter: str = ""
    """Folder of an adapter on the base model; empty for a whole model."""
    voice: Voice = "tuned"
    """ "base" has the adapter switched off."""
    base_stamp: int = 0
    adapter_stamp: int = 0
    """Nanoseconds of the newest file: what was trained further is another model."""
    offline: bool = False
    placing: Placing = AUTOMATIC


@dataclass(frozen=True)
class Fit:
    """Whether a model has room in this computer's memory."""

    verdict: Literal["fits", "tight", "too_large", "unknown"]
    text: str
    """One sentence for people."""
    needed_bytes: int = 0
    available_bytes: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether it is loaded only if somebody insists."""
        return self.verdict == "too_large"
