"""Every folder the app uses. `TUNEWRIGHT_HOME` moves all of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import StoreError

HOME_VARIABLE = "TUNEWRIGHT_HOME"


@dataclass(frozen=True)
class Paths:
    home: Path

    @classmethod
    def from_environment(cls) -> "Paths":
        """`TUNEWRIGHT_HOME`, else the platform's folder for an application's data. Raises StoreError."""
        chosen = os.environ.get(HOME_VARIABLE, "").strip()
        try:
            home = Path(chosen).expanduser() if chosen else _usual_home()
        except RuntimeError as error:
            raise StoreError(
                f"{HOME_VARIABLE} names a user this computer does not know: {chosen}.",
                "Set it to a folder you may write to.",
            ) from error
        return cls(home.absolute())

    @property
    def database(self) -> Path:
        return self.home / "tunewright.db"

    @property
    def data(self) -> Path:
        """Mounted at /data in containers."""
        return self.home / "data"

    @property
    def outputs(self) -> Path:
        """Run folders, one each."""
        return self.data / "outputs"

    @property
    def rows_cache(self) -> Path:
        """Rows that runs have tokenised; may be deleted at any time."""
        return self.data / "cache" / "rows"

    @property
    def memory_history(self) -> Path:
        """What memory runs were estimated to take, and took; may be deleted at any time."""
        return self.data / "cache" / "memory.jsonl"

    @property
    def speeds(self) -> Path:
        """How fast probes were; may be deleted at any time."""
        return self.data / "cache" / "speeds.jsonl"

    @property
    def export_paces(self) -> Path:
        """How long exports took; may be deleted at any time."""
        return self.data / "cache" / "export-paces.jsonl"

    @property
    def previews(self) -> Path:
        """What base models were found to see of rows; may be deleted at any time."""
        return self.data / "cache" / "previews"

    @property
    def models(self) -> Path:
        """Models that came with a bundle as folders."""
        return self.home / "models"

    @property
    def uploads(self) -> Path:
        """Files a browser sent, until they are imported."""
        return self.home / "uploads"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    @property
    def merging(self) -> Path:
        """Working files of merges under way."""
        return self.home / "merging"

    @property
    def models_in_memory(self) -> Path:
        """One small file for each process that holds a model now."""
        return self.home / "in-memory"

    @property
    def pod_tokens(self) -> Path:
        """Tokens of rented pods while they live; readable by their owner only."""
        return self.home / "pods"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def app_log(self) -> Path:
        """The app's own."""
        return self.logs / "tunewright.log"

    @property
    def assets(self) -> Path:
        """Shipped with the app: sample, tiny model, fonts. Read only. A wheel has them inside the package."""
        package = Path(__file__).resolve().parent
        packed = package / "assets"
        return packed if packed.is_dir() else package.parent / "assets"

    @property
    def sample_file(self) -> Path:
        return self.assets / "sample" / "ferry-help-desk.jsonl"

    @property
    def tiny_model(self) -> Path:
        return self.assets / "tiny-model"

    @property
    def trainer(self) -> Path:
        """Folder of `train.py`. Read only."""
        return Path(__file__).resolve().parent.parent / "trainer_image"

    def make(self) -> None:
        """Create what must exist. Raises OSError."""
        for folder in (self.home, self.outputs, self.uploads, self.exports, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


def _usual_home() -> Path:
    import platformdirs  # noqa: PLC0415 - takes longer than all else here, and tests and containers choose

    return platformdirs.user_data_path("tunewright")
