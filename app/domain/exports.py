"""Taking a model along: what it can become, how large that is, and what is certified of it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.export_formats import ComputesOn as ComputesOn  # noqa: PLC0414 - part of what an export is
from app.domain.export_formats import ExportFormat as ExportFormat  # noqa: PLC0414
from app.domain.export_formats import MlxBits as MlxBits  # noqa: PLC0414
from app.domain.export_formats import Quantization as Quantization  # noqa: PLC0414
from app.domain.export_formats import kind_of
from app.domain.runs import RunId

CERTIFICATE_FILE: Final = "certificate.json"
READABLE_FILE: Final = "CERTIFICATE.md"
MODELFILE: Final = "Modelfile"
PROMPTS: Final = 20
"""So many held-out prompts a certificate looks at, if there are as many."""
NOT_TRIED: Final = "Not tried: "
"""How the verdict begins where nothing is known to be wrong, but no answers were compared."""


@dataclass(frozen=True)
class ExportWish:
    """What a person asked for."""

    format: ExportFormat
    folder: Path
    """Becomes the export's own folder: it must not be there yet, or be empty."""
    quantization: Quantization = Quantization.Q8_0
    """Of a GGUF only."""
    base_model: str = ""
    """Full-precision model to merge an adapter into; empty: the one it was trained on."""
    prompts: int = PROMPTS
    checkpoint: str = ""
    """Its folder's name, like samples_400; empty for the run's result."""
    mlx_bits: MlxBits = MlxBits.EIGHT
    """Of an MLX model only."""
    computes_on: ComputesOn = ComputesOn.AUTO

    @property
    def kind(self) -> str:
        """Short, as in names of folders: q8_0, mlx-8bit, merged."""
        return kind_of(self.format, self.quantization, self.mlx_bits)

    @property
    def label(self) -> str:
        named = {
            ExportFormat.GGUF: f"GGUF {self.quantization.upper()}",
            ExportFormat.MLX: f"MLX, {self.mlx_bits} bit",
        }
        kind = named.get(self.format, self.format.label)
        return f"{kind} of {self.checkpoint}" if self.checkpoint else kind

    @property
    def bits(self) -> float:
        """Of a weight, where the whole model is written."""
        if self.format is ExportFormat.GGUF:
            return self.quantization.bits
        return self.mlx_bits.bits if self.format is ExportFormat.MLX else 16.0


@dataclass(frozen=True)
class Check:
    """One thing that has to be alike in training and in serving."""

    name: str
    passed: bool
    text: str
    """What was found, as a sentence; where it did not pass, the exact difference."""


@dataclass(frozen=True)
class AnswerPair:
    """A held-out prompt, and how it was answered before and after."""

    prompt: str
    trained: str
    exported: str
    tokens: int
    agreeing: int
    """Tokens that are the same when both have read the same."""
    clear: int
    """Tokens that differ although the trained model was clear about its own."""


@dataclass(frozen=True)
class Certificate:
    """What running the export, loaded anew, has shown."""

    runtime: str
    """What answered, with its version."""
    checks: tuple[Check, ...]
    answers: tuple[AnswerPair, ...] = ()
    remarks: tuple[str, ...] = ()
    untried: str = ""
    """Why no answers were compared, as a sentence; empty where they were."""

    @property
    def passed(self) -> bool:
        return bool(self.checks) and not self.untried and all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence: all is alike, or the first thing that is not, or why nobody knows."""
        failed = next((check for check in self.checks if not check.passed), None)
        if failed is not None:
            return failed.text
        if self.untried:
            return NOT_TRIED + self.untried
        return "It reads and answers as in training." if self.checks else "Nothing was checked."


@dataclass(frozen=True)
class Export:
    """One export as the store keeps it."""

    id: str
    run_id: RunId
    label: str
    format: ExportFormat
    folder: Path
    size_bytes: int
    created_at: datetime
    passed: bool
    verdict: str
    owner: str | None = None
    """The process that is writing it; None once it is whole."""
    staging: Path | None = None
    """Where it is being written."""
    pushed_to: str = ""

    @property
    def is_untried(self) -> bool:
        """Nothing is known to be wrong, and nothing was compared either."""
        return not self.passed and self.verdict.startswith(NOT_TRIED)


@dataclass(frozen=True)
class Estimate:
    """What an export will take, as far as it can be told beforehand."""

    size_bytes: int | None
    needed_bytes: int | None
    """On the disk while it is made: copies that are only steps on the way are counted, and the base model
    that is downloaded first, if it goes to the same disk."""
    free_bytes: int
    memory_bytes: int | None
    """While it is made: of the graphics card if `on_card`, else of the computer."""
    on_card: bool = False
    download_bytes: int = 0
    """Of the base model, where that is not on this computer yet."""
    download_free_bytes: int = 0
    """On the disk that it goes to."""
    seconds: float | None = None
    """It takes by what the last one of that kind took here; None where none was made yet."""

    @property
    def fits(self) -> bool:
        return self.needed_bytes is None or self.needed_bytes <= self.free_bytes

    @property
    def download_fits(self) -> bool:
        return self.download_bytes <= self.download_free_bytes


@dataclass(frozen=True)
class Made:
    """What the exporting process reports at its end."""

    certificate: Certificate
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """How far an export is."""

    text: str
    share: float | None = None
    """Of this step, from 0 to 1; None where it is not known."""
    left_seconds: float | None = None
    """About; None where nobody knows."""
    left_of_all: bool = False
    """Whether those are of the whole export, and not of this step only."""


@dataclass(frozen=True)
class ExportJob:
    """All that the exporting process needs to know. Folders are absolute."""

    base_model: str
    """Hub name or folder; for a whole model, of no matter."""
    model: Path
    """Folder of the run's result, or of a checkpoint."""
    is_adapter: bool
    format: ExportFormat
    quantization: Quantization
    staging: Path
    """An empty folder, to be filled."""
    name: str
    """Of files, without their endings."""
    prompts: tuple[tuple[dict[str, str], ...], ...]
    offline: bool
    mlx_bits: MlxBits = MlxBits.EIGHT
    computes_on: ComputesOn = ComputesOn.AUTO


class ExportCancelledError(StudioError):
    def __init__(self) -> None:
        super().__init__("The export was cancelled.", "Nothing of it is left.")


@dataclass(frozen=True)
class FormatChoice:
    """One thing a run's result can become, or why not."""

    format: ExportFormat
    blocked: str = ""


@dataclass(frozen=True)
class PushWish:
    """An export on the Hugging Face Hub."""

    repo: str
    is_private: bool = True
    replaces: bool = False
    """Whether a person has agreed to replace files of a model that is there already."""


@dataclass(frozen=True)
class Replacing:
    """What a push would do to a model that is on the Hub already."""

    repo: str
    replaced: tuple[str, ...]
    kept: tuple[str, ...]
    """Files of it that the export does not have: they stay beside the new ones."""

    @property
    def text(self) -> str:
        """In words."""
        said = [f"There is a model {self.repo} on the Hub already."]
        if self.replaced:
            said.append(f"Replaced would be: {_few(self.replaced)}.")
        if self.kept:
            said.append(f"Kept beside the new files: {_few(self.kept)}.")
        return " ".join(said)


def _few(names: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
