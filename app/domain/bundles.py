"""A bundle: one file with what a computer without network needs, made on one that has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.domain.errors import StudioError

MANIFEST: Final = "manifest.json"
FOLDER: Final = "folder"
"""In a part's path, in place of the revision that a model of the Hub has."""
Kind = Literal["wheel", "model", "image", "session", "window"]


class BundleError(StudioError):
    """A bundle could not be made, read or installed."""


class Part(BaseModel):
    """One file in a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    name: str
    """What it belongs to: a model, an image, a session; of a wheel its file name."""
    path: str
    """Its place in the bundle."""
    size: int = Field(ge=0)
    sha256: str = Field(pattern="[0-9a-f]{64}")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path:
            raise ValueError("a part lies inside the bundle")
        return path


class Manifest(BaseModel):
    """What a bundle says of itself. Unknown keys are an error: a newer version may mean something by them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle_version: Literal[1] = 1
    made_with: str
    """Version of Tunewright."""
    made_for: str
    """System, machine and Python that its wheels are for."""
    requirement: str = ""
    """What pip installs from its wheels; empty without wheels."""
    image_platform: str = ""
    """System and processor of its image, as in "linux/amd64"; empty if nobody noted it."""
    parts: tuple[Part, ...]

    def of_kind(self, kind: Kind) -> Sequence[Part]:
        return [part for part in self.parts if part.kind == kind]

    def models(self) -> Sequence["BundledModel"]:
        """One for each folder of models/, whatever names they have in common."""
        found: dict[str, list[Part]] = {}
        for part in self.of_kind("model"):
            found.setdefault("/".join(part.path.split("/")[:3]), []).append(part)
        return [BundledModel(place, tuple(parts)) for place, parts in found.items()]

    def names(self, kind: Kind) -> Sequence[str]:
        return list(dict.fromkeys(part.name for part in self.of_kind(kind)))


@dataclass(frozen=True)
class BundledModel:
    """The files of one model in a bundle."""

    place: str
    """models/NAME/REVISION; for a folder of the person's own the revision is "folder"."""
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        return self.parts[0].name

    @property
    def revision(self) -> str:
        """Empty for a folder of the person's own."""
        last = self.place.rpartition("/")[2]
        return "" if last == FOLDER else last

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def sizes(self) -> Mapping[str, int]:
        """File below `place` → bytes."""
        return {part.path.removeprefix(f"{self.place}/"): part.size for part in self.parts}

    @property
    def sums(self) -> Mapping[str, str]:
        """File below `place` → SHA-256."""
        return {part.path.removeprefix(f"{self.place}/"): part.sha256 for part in self.parts}


@dataclass(frozen=True)
class BundleWish:
    """What a person wants in a bundle."""

    models: Sequence[str] = ()
    """Names on the Hub, or folders."""
    sessions: Sequence[str] = ()
    image: str = ""
    requirement: str = ""
    """What pip is to collect wheels for, like tunewright[local]."""
    window: bool = False
    """The client of the desktop window, which no wheel brings."""


@dataclass(frozen=True)
class BundleProgress:
    text: str
    done: int = 0
    total: int = 0


Told = Callable[[BundleProgress], None]
"""May raise to stop; what was finished is used when it is begun again."""


@dataclass(frozen=True)
class ModelFiles:
    """A model on this computer."""

    folder: Path
    revision: str = ""
    """Of the Hub; empty for a folder of the person's own."""
    base: str = ""
    """Of an adapter: the model that it changes, by which it goes into a bundle; else empty."""


class BundleParts(Protocol):
    """Where parts come from and where they go. Every method raises StudioError."""

    def made_for(self) -> str: ...

    def collect_wheels(self, requirement: str, folder: Path) -> None:
        """By this computer's pip, with its own settings."""
        ...

    def install_wheels(self, requirement: str, folder: Path) -> None:
        """From that folder alone; no index is asked."""
        ...

    def model(self, name: str) -> ModelFiles:
        """Fetched from the Hub if it is not here, or not whole. One that stays in part is refused."""
        ...

    def model_places(self, name: str, revision: str, sums: Mapping[str, str]) -> Sequence[Path]:
        """The folders into which `place_model` puts its files; they need not exist."""
        ...

    def place_model(self, name: str, revision: str, folder: Path, sums: Mapping[str, str]) -> Sequence[Path]:
        """Put its files where runs and chats find it under `name`, and say where that is.

        `sums` is file in `folder` → SHA-256: what is there already is left alone, and a folder that holds
        another model, too.
        """
        ...

    def image_platform(self) -> str:
        """Of which images the engine here can run, as in "linux/amd64"."""
        ...

    def save_image(self, name: str, path: Path, told: Told) -> str:
        """Its platform. The file appears whole or not at all; one of this very image is left alone."""
        ...

    def load_image(self, path: Path) -> None: ...

    def save_window(self, path: Path) -> str:
        """The desktop window's client, fetched if it is not here yet; its name. Whole or not at all."""
        ...

    def place_window(self, name: str, path: Path) -> None:
        """Put it where the app looks for it; does nothing that is done already."""
        ...
