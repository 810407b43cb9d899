"""Near duplicates by MinHash and locality-sensitive hashing (Broder 1997; Leskovec et al., ch. 3).

Signatures only propose pairs; each pair is then compared by its real word triples, so what is removed is as
similar as the recipe says and never by chance. What may be missed: of pairs just at the threshold about one
in fifty is not proposed, of more similar ones fewer.
"""

import importlib
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from app.adapters.merging.workspace import Workspace
from app.adapters.sqlite.row_text import from_text
from app.domain.merge_rows import jaccard, shingles
from app.domain.merging import Fate, MergeError, MergeRecipe

_PERMUTATIONS: Final = 96
_SEED: Final = 1
_LEAST_RECALL: Final = 0.98
_ROWS_A_BAND: Final = (12, 8, 6, 4, 3, 2)
_CHUNK_ROWS: Final = 2_000
_NEIGHBOURS: Final = 3
"""A row is compared with the first of its bucket and as many right before it: no bucket costs its square."""
_REMEMBERED_ROWS: Final = 2_000

_TABLES: Final = (
    "CREATE TABLE buckets (bucket INTEGER NOT NULL, n INTEGER NOT NULL)",
    "CREATE TABLE pairs (n INTEGER NOT NULL, other INTEGER NOT NULL)",
)
_KEPT_TEXTS: Final = """
    SELECT n, messages FROM full WHERE n NOT IN (SELECT n FROM fates) ORDER BY n
"""
_HELD_OUT_TEXTS: Final = "SELECT n, messages FROM full_held_out"
_PUT_FATE: Final = "INSERT INTO fates (n, fate, other, similarity) VALUES (?, ?, ?, ?)"


def drop_near(work: Workspace, recipe: MergeRecipe) -> None:
    """Rows at least as similar as the recipe says to an earlier one that stays, or to a held-out one.

    Raises MergeError where the library for it is not installed.
    """
    for statement in _TABLES:
        work.sql.execute(statement)
    band = rows_a_band(recipe.similarity)
    _fill_buckets(work, _KEPT_TEXTS, band, "SELECT count(*) FROM kept")
    if recipe.near_leaks:
        _fill_buckets(work, _HELD_OUT_TEXTS, band, "SELECT count(*) FROM held_out")
    work.say("Looking for similar rows")
    with work.writing():
        pairs = _proposed(work, are_rows_compared=recipe.near_duplicates)
        work.sql.executemany("INSERT INTO pairs VALUES (?, ?)", pairs)
    _compare(work, recipe.similarity)


def rows_a_band(similarity: float) -> int:
    """The most that still propose pairs of this similarity with `_LEAST_RECALL`: 1 - (1 - s^r)^bands."""
    for rows in _ROWS_A_BAND:
        if 1 - (1 - similarity**rows) ** (_PERMUTATIONS // rows) >= _LEAST_RECALL:
            return rows
    return _ROWS_A_BAND[-1]


def _fill_buckets(work: Workspace, texts: str, band: int, how_many: str) -> None:
    sign = _signatures()
    total, done = work.count(how_many), 0
    cursor = work.sql.execute(texts)
    while batch := cursor.fetchmany(_CHUNK_ROWS):
        work.say("Fingerprinting rows", done, total)
        tokens = [list(shingles(from_text(text))) for _, text in batch]
        found = [
            (bucket, n)
            for (n, _), words, digest in zip(batch, tokens, sign(tokens), strict=True)
            if words
            for bucket in _buckets(digest, band)
        ]
        with work.writing():
            work.sql.executemany("INSERT INTO buckets VALUES (?, ?)", found)
        done += len(batch)


def _signatures() -> Any:
    try:
        minhash: Any = importlib.import_module("rensa").RMinHash
    except ImportError as error:
        raise MergeError(
            "Looking for near duplicates needs a library that is not installed: rensa.",
            "Install it with: pip install rensa. Or turn near duplicates and near leaks off.",
        ) from error
    return lambda tokens: minhash.digest_matrix_from_token_sets(tokens, _PERMUTATIONS, _SEED).to_rows()


def _buckets(digest: Sequence[int], band: int) -> Iterator[int]:
    """One a band, and one for the whole signature, so that equal texts always meet as neighbours."""
    for first in range(0, _PERMUTATIONS, band):
        yield hash((first, *digest[first : first + band]))
    yield hash(tuple(digest))


def _proposed(work: Workspace, *, are_rows_compared: bool) -> Iterator[tuple[int, int]]:
    """Pairs of a row and an earlier, or held-out, one in the same bucket; some more than once."""
    cursor = work.sql.execute("SELECT bucket, n FROM buckets ORDER BY bucket, n")
    for _, members in groupby(cursor, key=itemgetter(0)):
        held_out: deque[int] = deque(maxlen=_NEIGHBOURS)
        recent: deque[int] = deque(maxlen=_NEIGHBOURS)
        first: int | None = None
        for _, n in members:
            if n < 0:
                held_out.append(n)
                continue
            for other in {*held_out, *recent, *([] if first is None else [first])}:
                yield n, other
            if are_rows_compared:
                recent.append(n)
                first = n if first is None else first


def _compare(work: Workspace, similarity: float) -> None:
    """In the order of rows, so that whom a row is compared with has its own fate already."""
    words = lru_cache(_REMEMBERED_ROWS)(lambda n: _words(work, n))
    total = work.count("SELECT count(DISTINCT n) FROM pairs")
    cursor = work.sql.execute("SELECT DISTINCT n, other FROM pairs ORDER BY n, other")
    for done, (n, proposed) in enumerate(groupby(cursor, key=itemgetter(0))):
        if done % _CHUNK_ROWS == 0:
            work.say("Comparing similar rows", done, total)
        for other in dict.fromkeys(_keeper(work, other) for _, other in proposed):
            alike = jaccard(words(n), words(other))
            if alike >= similarity:
                fate = Fate.LEAKED if other < 0 else Fate.NEAR_DUPLICATE
                work.sql.execute(_PUT_FATE, (n, fate, other, alike))
                break


def _keeper(work: Workspace, n: int) -> int:
    """The row itself, or the one that stayed in its place."""
    found = work.sql.execute("SELECT other FROM fates WHERE n = ?", (n,)).fetchone()
    return n if found is None else int(found[0])


def _words(work: Workspace, n: int) -> set[str]:
    _, _, text = work.row(n)
    return shingles(from_text(text))
