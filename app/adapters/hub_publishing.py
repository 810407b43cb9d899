"""Puts a file and its card on the Hugging Face Hub as a dataset, in one commit."""

import io
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.publishing import DATA_PATH, PublishWish
from app.domain.sizes import sized
from trainer_image import network

log = logging.getLogger(__name__)

_AGAIN: Final = (
    "The session is unchanged here: try again, in the window or with `tunewright sessions publish`."
)


class HuggingFacePublisher:
    """HubPublisher over `huggingface_hub`."""

    def why_not(self) -> str:
        return network.reason()

    def publish(
        self, data: Path, card: str, wish: PublishWish, *, token: str | None, progress: Callable[[str], None]
    ) -> str:
        """Returns the address. A dataset that was made for this and got no data is taken away again."""
        from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415 a third of a second

        hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
        is_new = False
        try:
            progress("Asking the Hub for a place")
            address, is_new = _place(hub, wish)
            with data.open("rb") as file:
                watched = _Watched(file, data.stat().st_size, progress)
                hub.create_commit(
                    repo_id=address.repo_id,
                    repo_type="dataset",
                    operations=[
                        CommitOperationAdd("README.md", card.encode()),
                        CommitOperationAdd(DATA_PATH, io.BufferedReader(watched)),
                    ],
                    commit_message="Publish a session",
                )
        except StudioError:
            _take_back(hub, wish, is_new=is_new)
            raise
        except Exception as error:  # the library and what lies below it raise dozens of types
            is_gone = _take_back(hub, wish, is_new=is_new)
            raise _explain(error, wish, is_left=is_new and not is_gone) from error
        return str(address)


class _Watched(io.RawIOBase):
    """A file that tells how much of it was read, so that an upload can be followed and stopped."""

    def __init__(self, file: io.BufferedReader, size: int, progress: Callable[[str], None]) -> None:
        self._file = file
        self._size = max(size, 1)
        self._progress = progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._progress(f"Uploading: {100 * self._file.tell() // self._size} % of {sized(self._size)} read")
        return count


def _place(hub: Any, wish: PublishWish) -> tuple[Any, bool]:
    """The dataset's address, and whether it was made now. Raises StudioError if there is one already."""
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    try:
        return hub.create_repo(wish.repo, repo_type="dataset", private=wish.is_private, exist_ok=False), True
    except HfHubHTTPError as error:
        if error.response is None or error.response.status_code != 409:
            raise
    if not wish.update:
        raise StudioError(
            f"There is a dataset {wish.repo} on the Hub already.",
            "Choose another name, or allow replacing its rows (--update).",
        )
    return hub.create_repo(wish.repo, repo_type="dataset", private=wish.is_private, exist_ok=True), False


def _take_back(hub: Any, wish: PublishWish, *, is_new: bool) -> bool:
    """An empty dataset would only confuse. Whether it is gone."""
    if not is_new:
        return False
    with suppress(Exception):
        hub.delete_repo(wish.repo, repo_type="dataset", missing_ok=True)
        return True
    log.warning("The empty dataset could not be removed from the Hub")
    return False


def _explain(error: Exception, wish: PublishWish, *, is_left: bool) -> StudioError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    log.info("Publishing failed with %s (%s)", type(error).__name__, status)
    left = f" An empty dataset {wish.repo} was left on the Hub; you can delete it there." if is_left else ""
    if status in (401, 403):
        return StudioError(
            f"The Hub does not let you write to {wish.repo}.{left}",
            "Set HF_TOKEN to a token that may write, and check the name. Then try again.",
        )
    if status is None:
        return StudioError(f"The Hub cannot be reached, or broke off.{left}", f"Check the network. {_AGAIN}")
    return StudioError(f"The Hub refused the upload (code {status}).{left}", _AGAIN)
