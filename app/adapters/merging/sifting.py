"""Decides which rows stay: leaks, exact duplicates and conflicts, each by one sort over hashes."""

from collections.abc import Iterator

from app.adapters.merging.workspace import Workspace
from app.domain.merging import ConflictPolicy, Fate

_LEAKED_BY_QUESTION = """
    INSERT INTO fates (n, fate, other)
    SELECT kept.n, ?, h.n FROM kept
    JOIN (SELECT question, max(n) AS n FROM held_out WHERE question IS NOT NULL GROUP BY question) h
        ON kept.question = h.question
    ORDER BY kept.n
"""
_LEAKED_DOCUMENTS = """
    INSERT INTO fates (n, fate, other)
    SELECT kept.n, ?, h.n FROM kept
    JOIN (SELECT hash, max(n) AS n FROM held_out WHERE question IS NULL GROUP BY hash) h
        ON kept.hash = h.hash
    ORDER BY kept.n
"""

_PUT_DUPLICATES = "INSERT INTO fates (n, fate, other) SELECT n, ?, first FROM duplicates ORDER BY n"

_DISPUTED = """
    CREATE TABLE disputed AS
    SELECT prompt, min(n) AS first, max(n) AS last FROM kept WHERE prompt IS NOT NULL
    GROUP BY prompt HAVING min(hash) <> max(hash)
"""
_ALL_BUT_FIRST_ANSWER = """
    INSERT INTO fates (n, fate, other)
    SELECT kept.n, ?, disputed.first FROM kept
    JOIN disputed USING (prompt) JOIN rows AS winner ON winner.n = disputed.first
    WHERE kept.hash <> winner.hash ORDER BY kept.n
"""
_ALL_DISPUTED = """
    INSERT INTO fates (n, fate, other)
    SELECT kept.n, ?, CASE WHEN kept.n = first THEN last ELSE first END FROM kept
    JOIN disputed USING (prompt) ORDER BY kept.n
"""


def drop_leaks(work: Workspace) -> None:
    """Rows that ask what a held-out row asks, and documents that are held out."""
    work.say("Looking for held-out rows")
    with work.writing():
        work.sql.execute(_LEAKED_BY_QUESTION, (Fate.LEAKED,))
        work.sql.execute(_LEAKED_DOCUMENTS, (Fate.LEAKED,))


def drop_duplicates(work: Workspace) -> None:
    work.say("Looking for duplicates")
    with work.writing():
        work.sql.execute("CREATE TABLE duplicates (n INTEGER, first INTEGER)")
        work.sql.executemany("INSERT INTO duplicates VALUES (?, ?)", _duplicates(work))
        work.sql.execute(_PUT_DUPLICATES, (Fate.DUPLICATE,))


def _duplicates(work: Workspace) -> Iterator[tuple[int, int]]:
    """Each row that has an equal one before it, and the first of those. Faster than a window in SQL."""
    current, first = b"", 0
    for text_hash, n in work.sql.execute("SELECT hash, n FROM kept ORDER BY hash, n"):
        if text_hash == current:
            yield n, first
        else:
            current, first = text_hash, n


def settle_conflicts(work: Workspace, policy: ConflictPolicy) -> int:
    """Returns how many prompts have several answers, which the table `disputed` lists."""
    work.say("Looking for conflicting answers")
    with work.writing():
        work.sql.execute(_DISPUTED)
        if policy in ("first", "drop"):
            work.sql.execute("CREATE UNIQUE INDEX disputed_prompts ON disputed (prompt)")
            query = _ALL_BUT_FIRST_ANSWER if policy == "first" else _ALL_DISPUTED
            work.sql.execute(query, (Fate.CONFLICT,))
    return work.count("SELECT count(*) FROM disputed")
