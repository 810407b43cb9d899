"""How large a run is, for choosing its GPU and for saying what leaves this computer."""

import json
from dataclasses import dataclass
from typing import Final

from app.domain.errors import StudioError
from app.domain.runs import RunRequest
from app.services.library import LibraryService
from app.services.previews import PreviewService
from trainer_image.config import RunConfig

_ROWS_WEIGHED: Final = 200


@dataclass
class GpuNeed:
    """The memory a run takes on a GPU: what the estimate says at its highest, None where it says nothing."""

    previews: PreviewService | None = None
    """Comes later: it is made of what needs the launchers."""

    def __call__(self, config: RunConfig) -> int | None:
        if self.previews is None:
            return None
        try:
            return self.previews.outlook(config, device="cuda").high
        except StudioError:
            return None


def data_size(request: RunRequest, library: LibraryService) -> int | None:
    """Bytes of its rows: of a file exactly, of a session as its first rows are; None if nobody knows."""
    if request.data_file:
        try:
            return request.data_file.stat().st_size
        except OSError:
            return None
    if not request.session_id:
        return None
    rows = library.rows(request.session_id, start=0, limit=_ROWS_WEIGHED)
    weighed = sum(len(json.dumps(row.messages).encode()) for row in rows)
    count = library.get(request.session_id).row_count
    return round(weighed / len(rows) * count) if rows else 0
