"""Which checkpoint a run goes on from: the newest that still is what was written.

Reading all of one takes a second for each 1.7 GB; it is done here only, before anything is loaded. Imports no
training library.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from trainer_image import ranks, soundness
from trainer_image.checkpoints import Checkpoint, Checkpoints, require_full_state
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter

Said = tuple[Literal["info", "warning"], str]
_FROM_THE_BEGINNING: Final = "There is no whole checkpoint to resume from; the run starts from the beginning."


@dataclass(frozen=True)
class Ground:
    """Where a run goes on from; None: it begins at the beginning."""

    checkpoint: Checkpoint | None
    said: Sequence[Said] = ()

    def tell(self, reporter: Reporter) -> None:
        """Called once the attempt is on record."""
        for level, sentence in self.said:
            reporter.notice(sentence, level=level)


def ground(checkpoints: Checkpoints, name: str | None) -> Ground:
    """The one called so, else the newest. Raises RunFailedError."""
    return named(checkpoints, name) if name else newest(checkpoints)


def newest(checkpoints: Checkpoints) -> Ground:
    """Past those that are damaged, which are put aside. Raises RunFailedError if all are."""
    damaged = {folder: folder.name for folder in checkpoints.not_whole()}
    for checkpoint in checkpoints.newest_first():
        folder = checkpoint.folder
        if (file := damage(checkpoint)) is None:
            if ranks.is_first():
                checkpoints.put_aside(damaged)
            return Ground(checkpoint, (*_passed_over(damaged.values(), folder.name), *_unsummed(checkpoint)))
        damaged[folder] = f"{folder.name} ({file})"
    if damaged:
        raise RunFailedError(
            "This run cannot be resumed: no checkpoint is as it was written. Damaged: "
            f"{', '.join(damaged.values())}.",
            "Check the disk, and start the run again from the beginning.",
        )
    return Ground(None, (("info", _FROM_THE_BEGINNING),))


def named(checkpoints: Checkpoints, name: str) -> Ground:
    """The one called so, which then becomes the newest, so that a plain resume goes on from it too.

    Raises RunFailedError if it isn't whole, or damaged.
    """
    found = next((each for each in checkpoints.newest_first() if each.folder.name == name), None)
    if found is None:
        raise RunFailedError(
            f"This run cannot be resumed from {name}: there is no whole checkpoint of that name.",
            "Choose another one, or resume from the newest.",
        )
    require_full_state(found.progress)
    if file := damage(found):
        raise RunFailedError(
            f"This run cannot be resumed from {name}: its file {file} is not as it was written.",
            "Choose another one, or resume from the newest.",
        )
    if ranks.is_first():
        checkpoints.make_newest(found)
    return Ground(found, _unsummed(found))


def damage(checkpoint: Checkpoint) -> str | None:
    """The file of it that is not as it was written."""
    return soundness.changed(checkpoint.folder, checkpoint.progress.sums)


def _passed_over(damaged: Collection[str], name: str) -> Sequence[Said]:
    if not damaged:
        return ()
    sentence = (
        f"Damaged since it was written and passed over: {', '.join(damaged)}. The run goes on from {name}."
    )
    return (("warning", f"{sentence} Check the disk."),)


def _unsummed(checkpoint: Checkpoint) -> Sequence[Said]:
    if checkpoint.progress.sums:
        return ()
    sentence = (
        f"{checkpoint.folder.name} is of an older version and has no checksums; its files have their sizes."
    )
    return (("info", sentence),)
