"""A merge in a process of its own, to be killed."""

import multiprocessing
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from app.domain.merging import MergeProgress, MergeRecipe, MergeSource
from tests.merging.conftest import make_world, pair

FRESH = multiprocessing.get_context("spawn")


def merge_slowly(home: Path, tell: Connection) -> None:
    """Tells once rows are in the database, then waits for its end."""
    world = make_world(home)
    session = world.session([pair(f"q{n}", f"a{n}") for n in range(5_000)], "many")

    def watch(progress: MergeProgress) -> None:
        if progress.stage == "Writing" and progress.done >= 4_000:
            tell.send(progress.done)
            threading.Event().wait()  # to be killed

    world.merging.to_session(
        MergeRecipe(name="half", sources=(MergeSource(session=session.id),)), watch=watch
    )
