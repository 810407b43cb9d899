"""Names of people's choosing as parts of file names."""

import re
from typing import Final

_LONGEST_NAME: Final = 80


def file_name(name: str) -> str:
    """A run's name as part of file names: letters of any script, but no spaces: some programs split there."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:_LONGEST_NAME] or "model"
