"""Merge sessions, files and Hub datasets: see the result first, then write it, and run it again later."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from app.domain.elsewhere import Elsewhere
from app.domain.errors import StudioError
from app.domain.mapping import ColumnMapping
from app.domain.merge_ports import (
    MergeEngine,
    MergeInput,
    MergeStore,
    RowWriter,
    Watch,
    WorkedOut,
)
from app.domain.merging import (
    MergeCancelledError,
    MergeError,
    MergeId,
    MergePreview,
    MergeProgress,
    MergeRecipe,
    MergeResult,
    MergeSource,
    SavedMerge,
)
from app.domain.ports import Secrets
from app.domain.publishing import PublishWish
from app.domain.reading import ReadOptions
from app.domain.session_ports import RowSource, SessionStore
from app.domain.sessions import Session, SessionId
from app.domain.typed_paths import is_file
from app.services.elsewhere import LONG_ROWS, Given, elsewhere_if, is_long_file
from app.services.publishing import PublishingService

log = logging.getLogger(__name__)

HEAD_ROWS: Final = 50


def _is_long(merging: "MergeService", given: Given) -> bool:
    return merging.is_long(given["recipe"])


class MergeService:
    """What the Merge tab and `tunewright merge` can ask for. Blocking; given another process, what is long is
    done there."""

    place = "merging"

    def __init__(
        self,
        sessions: SessionStore,
        sources: RowSource,
        merges: MergeStore,
        engine: MergeEngine,
        writer: RowWriter,
        secrets: Secrets,
        publishing: PublishingService,
        clock: Callable[[], datetime],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._sessions = sessions
        self._sources = sources
        self._merges = merges
        self._engine = engine
        self._writer = writer
        self._secrets = secrets
        self._publishing = publishing
        self._clock = clock
        self.elsewhere = elsewhere

    def sessions(self) -> Sequence[Session]:
        """What can be merged, newest first."""
        return self._sessions.all()

    def saved(self) -> Sequence[SavedMerge]:
        """Newest first."""
        return self._merges.all()

    def find(self, name_or_id: str) -> SavedMerge:
        """Raises UnknownMergeError."""
        return self._merges.find(name_or_id)

    def save(self, recipe: MergeRecipe, merge_id: MergeId | None = None) -> SavedMerge:
        """Keep a recipe, or change a kept one; nothing is merged."""
        return self._merges.save(recipe, merge_id)

    def delete(self, merge_id: MergeId) -> None:
        """Forget a merge. What it made stays."""
        self._merges.delete(merge_id)

    @elsewhere_if(_is_long)
    def preview(self, recipe: MergeRecipe, watch: Watch | None = None) -> MergePreview:
        """The ledger and the first rows; nothing is written. Raises StudioError."""
        with self._worked_out(recipe, watch) as merged:
            return MergePreview(merged.ledger, merged.head(HEAD_ROWS))

    @elsewhere_if(_is_long)
    def to_session(
        self, recipe: MergeRecipe, merge_id: MergeId | None = None, watch: Watch | None = None
    ) -> SavedMerge:
        """Merge into a new session and keep the recipe with its ledger.

        A merge that fails or is cancelled leaves no session behind. Raises StudioError.
        """
        with self._worked_out(recipe, watch) as merged:
            _refuse_nothing(merged)
            label = f"Merge of {len(recipe.sources)} source{'s' if len(recipe.sources) > 1 else ''}"
            session = self._sessions.add_stored(self._free_name(recipe.name), label, merged.rows())
            result = MergeResult(made_at=self._clock(), ledger=merged.ledger, session_id=session.id)
        log.info("Merged %d rows into session %s", session.row_count, session.id)
        return self._keep(recipe, merge_id, result)

    @elsewhere_if(_is_long)
    def to_file(
        self,
        recipe: MergeRecipe,
        path: Path,
        merge_id: MergeId | None = None,
        watch: Watch | None = None,
        *,
        overwrite: bool = False,
    ) -> SavedMerge:
        """The same into a .jsonl or .parquet file, which appears whole or not at all.

        A file that is there already is replaced only with `overwrite`, or if this merge made it.
        """
        if not overwrite and is_file(path) and not self._has_made(merge_id, path):
            raise MergeError(
                f"{path} exists already.",
                "Name another file, remove that one first, or give --force in a terminal.",
            )
        with self._worked_out(recipe, watch) as merged:
            _refuse_nothing(merged)
            self._writer.write(path, merged.rows())
            result = MergeResult(made_at=self._clock(), ledger=merged.ledger, file=path)
        return self._keep(recipe, merge_id, result)

    @elsewhere_if(_is_long)
    def to_hub(
        self,
        recipe: MergeRecipe,
        wish: PublishWish,
        merge_id: MergeId | None = None,
        watch: Watch | None = None,
    ) -> SavedMerge:
        """Merge into a new session and publish that, with its card: private unless the wish says otherwise.

        Refused where personal data is found. What fails after the merge leaves the session, and says so.
        """
        if reason := self._publishing.why_not():
            raise MergeError(f"Nothing can be published. {reason}", "Nothing was merged.")
        tell = watch or _unwatched
        merge = self.to_session(recipe, merge_id, watch)
        assert merge.result is not None
        session = self._sessions.get(SessionId(merge.result.session_id or ""))
        try:
            published = self._publishing.publish(session, wish, lambda said: tell(MergeProgress(said)))
        except MergeCancelledError as error:
            raise MergeError(f"Publishing {session.name} was cancelled.", "The session stays.") from error
        except StudioError as error:
            raise MergeError(
                f"The session {session.name} was made, but not published: {error.message}", error.hint
            ) from error
        return self._merges.note_result(merge.id, merge.result.model_copy(update={"url": published.url}))

    def changes(self, merge: SavedMerge) -> Sequence[str]:
        """What is no longer as it was when the merge was last run, as sentences; nothing is read anew."""
        if merge.result is None:
            return []
        found: list[str] = []
        for source, account in zip(merge.recipe.sources, merge.result.ledger.accounts, strict=False):
            try:
                now = self._version(source)
            except StudioError:
                found.append(f"{account.label} is no longer there.")
                continue
            if account.version and now != account.version:
                found.append(f"{account.label} has changed.")
        return found

    @contextmanager
    def _worked_out(self, recipe: MergeRecipe, watch: Watch | None) -> Iterator[WorkedOut]:
        held_out = self._sessions.find(recipe.held_out) if recipe.held_out else None
        inputs = [self._open(source) for source in recipe.sources]
        with self._engine.work_out(recipe, inputs, held_out, watch or _unwatched) as merged:
            yield merged

    def _open(self, source: MergeSource) -> MergeInput:
        version = self._version(source)
        if source.session is not None:
            session = self._sessions.find(source.session)
            return MergeInput(session.name, version, session=session)
        mapping = ColumnMapping.from_record(source.columns) if source.columns else None
        if source.file is not None:
            rows = iter(self._sources.read_file(source.file, ReadOptions(mapping)))
            return MergeInput(source.label, version, rows=rows)
        token = self._secrets.hf_token()
        rows = self._sources.read_hub(source.hub or "", source.split, source.subset, mapping, token=token)
        return MergeInput(source.label, version, rows=rows)

    def _version(self, source: MergeSource) -> str:
        """A session by its content, a file or a folder's files by size and time; the Hub is not asked."""
        if source.session is not None:
            return self._sessions.find(source.session).content_hash
        if source.file is None:
            return ""
        try:
            found = [file.stat() for file in [source.file, *source.file.rglob("*")]]
        except (OSError, ValueError) as error:
            raise MergeError(f"There is no file {source.file}.", "Check the name and the folder.") from error
        if len(found) == 1:
            return f"{found[0].st_size}:{found[0].st_mtime_ns}"
        size, newest = sum(one.st_size for one in found), max(one.st_mtime_ns for one in found)
        return f"{len(found)}:{size}:{newest}"

    def _keep(self, recipe: MergeRecipe, merge_id: MergeId | None, result: MergeResult) -> SavedMerge:
        merge = self._merges.save(recipe, merge_id)
        return self._merges.note_result(merge.id, result)

    def _has_made(self, merge_id: MergeId | None, path: Path) -> bool:
        return any(m.id == merge_id and m.result and m.result.file == path for m in self._merges.all())

    def is_long(self, recipe: MergeRecipe) -> bool:
        """Whether merging takes longer than a moment."""
        enough = LONG_ROWS // 10 if recipe.near_duplicates or recipe.near_leaks else LONG_ROWS
        return any(self._is_long_source(source, enough) for source in recipe.sources)

    def _is_long_source(self, source: MergeSource, enough: int) -> bool:
        if source.session is None:
            return source.file is None or is_long_file(source.file)
        try:
            return self._sessions.find(source.session).row_count >= enough
        except StudioError:
            return False

    def _free_name(self, name: str) -> str:
        taken = {session.name for session in self._sessions.all()}
        if name not in taken:
            return name
        return next(free for n in range(2, len(taken) + 3) if (free := f"{name} ({n})") not in taken)


def with_files_in(recipe: MergeRecipe, folder: Path) -> MergeRecipe:
    """The recipe with its relative paths meant from `folder`, where it was read."""
    sources = tuple(
        source.model_copy(update={"file": folder / source.file}) if source.file else source
        for source in recipe.sources
    )
    return recipe.model_copy(update={"sources": sources})


def _refuse_nothing(merged: WorkedOut) -> None:
    if merged.ledger.rows_out == 0:
        raise MergeError(
            "No row is left after merging; nothing was written.", "Look at the ledger and loosen the recipe."
        )


def _unwatched(progress: MergeProgress) -> None:
    del progress
