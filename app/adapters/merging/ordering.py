"""Decides how many rows of each source are taken and in which order they come out."""

import random
from collections.abc import Mapping
from typing import Final

from app.adapters.merging.workspace import Workspace
from app.domain.merging import Fate, MergeRecipe

# A row's rank is its place among the kept rows of its source, from 0. Drawn numbers are written down before
# anything is sorted by them: how often SQLite evaluates a function while it sorts is its own business.
_DRAWN: Final = """
    CREATE TABLE drawn AS SELECT n, source, dice() AS place FROM kept ORDER BY n
"""
_RANKED: Final = """
    CREATE TABLE ranked AS
    SELECT n, source, place, row_number() OVER (PARTITION BY source ORDER BY place, n) - 1 AS rank FROM {}
"""
_IN_PLACE: Final = "(SELECT n, source, n AS place FROM kept)"
_CAPPED: Final = "INSERT INTO fates (n, fate) SELECT n, ? FROM ranked WHERE source = ? AND rank >= ?"
_LEFT_OVER: Final = "INSERT INTO fates (n, fate) SELECT n, ? FROM ranked WHERE turn > ?"

_AS_READ: Final = "INSERT INTO result (n) SELECT n FROM kept ORDER BY n"
_BY_PLACE: Final = "INSERT INTO result (n) SELECT n FROM ranked WHERE {} ORDER BY place, n"
_BY_TURN: Final = "INSERT INTO result (n) SELECT n FROM ranked WHERE {} ORDER BY turn, source"
_STAYS: Final = "n NOT IN (SELECT n FROM fates)"


def put_in_order(work: Workspace, recipe: MergeRecipe) -> None:
    """Fills the table `result`; rows beyond a cap, or not reached, have their fate."""
    work.say("Putting rows in order")
    limits = _limits(work, recipe)
    is_plain = recipe.how == "concatenate" and not recipe.shuffle and not limits
    with work.writing():
        if is_plain:
            work.sql.execute(_AS_READ)
            return
        _rank(work, recipe)
        for source, limit in limits.items():
            work.sql.execute(_CAPPED, (Fate.CAPPED, source, limit))
        if recipe.how == "concatenate":
            work.sql.execute(_BY_PLACE.format(_STAYS))
        else:
            _interleave(work, recipe)


def _limits(work: Workspace, recipe: MergeRecipe) -> Mapping[int, int]:
    """Source → how many of its kept rows are taken, where that is not all of them."""
    counts = dict(work.sql.execute("SELECT source, count(*) FROM kept GROUP BY source").fetchall())
    limits = {place: source.limit(counts.get(place, 0)) for place, source in enumerate(recipe.sources)}
    return {place: limit for place, limit in limits.items() if limit < counts.get(place, 0)}


def _rank(work: Workspace, recipe: MergeRecipe) -> None:
    if recipe.shuffle:
        work.sql.create_function("dice", 0, random.Random(recipe.seed).random)  # noqa: S311 - not for secrets
        work.sql.execute(_DRAWN)
    work.sql.execute(_RANKED.format("drawn" if recipe.shuffle else _IN_PLACE))


def _interleave(work: Workspace, recipe: MergeRecipe) -> None:
    """Stride scheduling: a source of weight w has its k-th row at (k + ½) / w, whoever is first goes first.

    With equal weights that is a round robin in the order of sources. "Until the first" ends with the round
    in which the first source has given its last row; a source of which nothing is left does not count.
    """
    work.sql.execute("ALTER TABLE ranked ADD COLUMN turn REAL")
    for place, source in enumerate(recipe.sources):
        turn = "UPDATE ranked SET turn = (rank + 0.5) / ? WHERE source = ?"
        work.sql.execute(turn, (source.weight, place))
    if recipe.until == "first":
        work.sql.execute("DELETE FROM ranked WHERE n IN (SELECT n FROM fates)")
        ends = "SELECT min(last) FROM (SELECT max(turn) AS last FROM ranked GROUP BY source)"
        (end,) = work.sql.execute(ends).fetchone()
        if end is not None:
            work.sql.execute(_LEFT_OVER, (Fate.LEFT_OVER, end))
    work.sql.execute(_BY_TURN.format(_STAYS))
