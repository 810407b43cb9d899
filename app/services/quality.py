"""Look for what may be wrong with rows: repeats, empty answers, odd characters, languages, leaks."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from app.domain.previews import Progress, Source, Survey, SurveyFiles
from app.domain.quality import FORMAT, Flawed, Quality, QualityChecker
from trainer_image.aside import drawn, validation_count
from trainer_image.config import RunConfig

DataOf = Callable[[Source, Progress], AbstractContextManager[Path]]
"""The rows of a source as a JSONL file, for a moment."""


class QualityService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        checker: QualityChecker,
        files: SurveyFiles,
        data_of: DataOf,
        identity_of: Callable[[Source], str],
        *,
        cache: Path,
    ) -> None:
        self._checker, self._files, self._cache = checker, files, cache
        self._data_of, self._identity_of = data_of, identity_of

    def problem(self) -> str:
        return self._checker.problem()

    def check(self, source: Source, progress: Progress) -> Quality:
        """What is wrong with the rows; from the cache where it was found out before. Raises PreviewError.

        `progress` may raise to cancel; nothing half-done is kept.
        """
        name = hashlib.sha256(f"{self._identity_of(source)} quality {FORMAT}".encode()).hexdigest()[:32]
        target = self._cache / f"{name}.sqlite"
        if not target.is_file():
            with self._data_of(source, progress) as data:
                self._checker.check(data, target, progress)
            self._files.make_room(self._cache, keep=target)
        return self._checker.read(target)

    def flawed(self, quality: Quality, flaw: str, *, start: int, limit: int) -> Sequence[Flawed]:
        """One page of the rows with a flaw, or in a language ("language:de")."""
        return self._checker.flawed(quality.path, flaw, start=start, limit=limit)

    def leaks(self, quality: Quality, survey: Survey, config: RunConfig) -> Sequence[Flawed] | None:
        """Rows kept aside whose prompt is trained on, too; None if nothing is drawn from these rows."""
        if config.validation in {"file", "off"} or survey.is_sample:
            return None
        aside, trained = map(set, split_of(self._files.kept(survey.path, config), config))
        if not aside:
            return None
        asked: dict[bytes, int] = {}
        for number, prompt in self._checker.prompts(quality.path):
            if number in trained:
                asked.setdefault(prompt, number)
        return [
            Flawed(number, f"asks what row {asked[prompt] + 1:,} asks, which is trained on")
            for number, prompt in self._checker.prompts(quality.path)
            if number in aside and prompt in asked
        ]


def split_of(kept: Sequence[int], config: RunConfig) -> tuple[list[int], list[int]]:
    """(kept aside, trained on) of the rows that are kept, as the run's seed draws them; both in order."""
    aside = set(drawn(len(kept), validation_count(config, len(kept)), seed=config.seed))
    return (
        [number for at, number in enumerate(kept) if at in aside],
        [number for at, number in enumerate(kept) if at not in aside],
    )
