"""Which files of the run's folder a request may name."""

from pathlib import Path
from typing import Final

from trainer_image.pod.refusals import Refusal

_LONGEST: Final = 500


def inside(folder: Path, name: str) -> Path:
    """Raise Refusal for what leads out of the folder, over a link, or to a hidden file at its top."""
    parts = name.split("/")
    if (
        len(name.encode()) > _LONGEST
        or "\\" in name
        or any(ord(letter) < 32 for letter in name)
        or any(part in {"", ".", ".."} for part in parts)
        or parts[0].startswith(".")
    ):
        raise _refused()
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            raise _refused()
    return path


def _refused() -> Refusal:
    return Refusal(400, "bad_path", "A path must lie in the run's folder and lead over no link.")
