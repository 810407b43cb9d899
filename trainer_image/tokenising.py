"""The run's data in tokens: a small set at once, a large one by several processes, once for all runs.

A small set stays in this process and in memory: to start workers and to write files would take longer than
to tokenise it. Both ways give the same rows, the same ledger and the same content hash.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from trainer_image import token_cache
from trainer_image.config import RunConfig
from trainer_image.data import FirstSeen, TrainingRows, gather_in_memory
from trainer_image.encoding import Chunk
from trainer_image.fingerprint import fingerprint
from trainer_image.ledger import Ledger
from trainer_image.masking import Masking
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.rows import Refused, Row
from trainer_image.sources import Source, open_rows, open_validation_rows
from trainer_image.token_cache import DamagedError, Entry, NewEntry, TokenCache
from trainer_image.verdicts import Inspection
from trainer_image.workers import (
    Encoding,
    Work,
    asked_workers,
    chunks_of,
    encode_in_workers,
    up_to,
    worker_count,
)

SMALL_ROWS: Final = 10_000
SMALL_CHARACTERS: Final = 8_000_000
"""With fewer of both a set is small: some seconds of one processor."""
ALONE: Final = 3
"""Workers take seconds to start; they are worth it for what is left after as many small sets."""
_SAID_EVERY: Final = 100_000

Rows = Iterable[Row | Refused]


class Tokenising:
    """Turns the data of one run into tokens. Raises RunFailedError if that cannot be done."""

    def __init__(
        self,
        config: RunConfig,
        run_dir: Path,
        tokenizer: Any,
        reporter: Reporter,
        *,
        workers: int | None = None,
    ) -> None:
        self._config, self._run_dir, self._tokenizer = config, run_dir, tokenizer
        self._reporter = reporter
        self._encoding = Encoding(config, tokenizer)
        self._done = 0
        self._asked = workers or asked_workers()
        self._workers = self._asked or worker_count()

    @property
    def masking(self) -> Masking:
        return self._encoding.masking

    def rows(self, inspection: Inspection) -> TrainingRows:
        """The rows to train on, with those of the validation file if any. The first pass the inspection."""
        source = open_rows(self._config, self._run_dir)
        passing = iter(inspection.watch(source.rows))
        first = list(_few(passing, 1))
        following = next(passing, None)
        if not following:
            return self._in_memory(first)
        cache = TokenCache(self._place())
        name = self._fingerprint(source)
        with cache.held(name, waiting=self._say_waiting) as entry:
            rows = self._found(entry)
            if rows:
                inspection.fill(passing)
            else:
                rows = self._made(entry, chain(first, [following], passing), source)
        cache.make_room(keep=name)
        return rows

    def _in_memory(self, first: Rows) -> TrainingRows:
        seen = FirstSeen() if self._config.drop_duplicates else None
        rows = gather_in_memory(self._here(first), Ledger(), seen)
        if self._config.validation == "file":
            aside = self._here(self._validation().rows)
            rows.validation = gather_in_memory(aside, rows.ledger, seen, bucket="validation")
            self._require_validation(len(rows.validation.input_ids))
        return rows

    def _say_waiting(self) -> None:
        self._reporter.say("Another run is tokenising the same rows; this one waits for them.")

    def _found(self, entry: Entry) -> TrainingRows | None:
        try:
            rows = entry.read()
        except DamagedError:
            self._reporter.notice(
                "The rows that were tokenised before are damaged on disk; they are tokenised again.",
                level="warning",
            )
            return None
        if rows:
            self._reporter.say(
                "The rows were tokenised before, by the same model and settings: taken from there."
            )
        return rows

    def _made(self, entry: Entry, rows: Rows, source: Source) -> TrainingRows:
        new = entry.new()
        seen = new.first_seen() if self._config.drop_duplicates else None
        try:
            self._write(new, rows, seen, source)
        except BaseException:
            new.give_up()
            raise
        finally:
            if seen:
                seen.close()
        made = entry.read()
        assert made
        return made

    def _write(self, new: NewEntry, rows: Rows, seen: FirstSeen | None, source: Source) -> None:
        ledger = Ledger()
        new.gather("train", self.chunks(rows), ledger, seen, bucket="trained")
        if self._config.validation == "file":
            aside = self._here(self._validation().rows)
            self._require_validation(new.gather("validation", aside, ledger, seen, bucket="validation"))
        if seen:
            seen.close()
        if self._fingerprint(source) != new.folder.name:
            raise RunFailedError("The data changed while it was read.", "Start again once it stays as it is.")
        new.finish(ledger)

    def _here(self, rows: Rows) -> Iterator[Chunk]:
        return map(self._encoding, chunks_of(rows))

    def chunks(self, rows: Rows) -> Iterator[Chunk]:
        """What becomes of the rows: the first here, and those after some seconds of work in workers."""
        rows = iter(rows)
        if not self._asked:
            yield from self._counted(self._here(_few(rows, ALONE)))
        following = next(rows, None)
        if following:
            yield from self._counted(self._in_workers(chain([following], rows)))

    def _in_workers(self, rows: Rows) -> Iterator[Chunk]:
        """Where there are several processors and the tokenizer can be sent."""
        work = Work.of(self._config, self._tokenizer) if self._workers > 1 else None
        if self._workers > 1 and not work:
            self._reporter.notice("This tokenizer cannot be sent to other processes: one does all the work.")
        if work:
            self._reporter.say(f"The rows are tokenised by {self._workers} processes.")
        yield from encode_in_workers(rows, work, workers=self._workers) if work else self._here(rows)

    def _counted(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            before, self._done = self._done, self._done + len(chunk.outcomes)
            if self._done // _SAID_EVERY > before // _SAID_EVERY:
                self._reporter.say(f"{self._done:,} rows are tokenised")
            yield chunk

    def _place(self) -> Path:
        """Where the cache lies. A shared folder that cannot be used is said, and the run's own taken."""
        place, own = token_cache.place(self._run_dir), token_cache.own_place(self._run_dir)
        try:
            place.mkdir(parents=True, exist_ok=True)
            usable = os.access(place, os.W_OK)
        except OSError:
            usable = False
        if usable or place == own:
            return place
        self._reporter.notice(
            f"The folder {place} for tokenised rows cannot be written; they are kept with the run instead.",
            level="warning",
        )
        return own

    def _fingerprint(self, source: Source) -> str:
        validation = self._validation().identity() if self._config.validation == "file" else None
        return fingerprint(self._config, self._tokenizer, data=source.identity(), validation=validation)

    def _validation(self) -> Source:
        return open_validation_rows(self._config, self._run_dir)

    def _require_validation(self, kept: int) -> None:
        """Rows that are trained on too are not measured on: they count as duplicates."""
        if not kept:
            raise RunFailedError(
                f"No row of the validation file '{self._config.validation_file}' can be used.",
                "Its rows must be of the kind trained on, and not rows that are trained on.",
            )


def _few(rest: Iterator[Row | Refused], sets: int) -> Iterator[Row | Refused]:
    """As many of the rows as so many small sets have, or less."""
    return up_to(rest, rows=sets * SMALL_ROWS, characters=sets * SMALL_CHARACTERS)
