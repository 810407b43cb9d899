"""The ledger of a merge: per source what went in, what came out, and examples of what did not."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from app.adapters.merging.taking_in import EXAMPLES, Intake
from app.adapters.merging.workspace import Workspace
from app.adapters.sqlite.row_text import from_text
from app.domain.merge_ports import MergeInput
from app.domain.merging import Account, Example, Fate, Ledger

_LONGEST_TEXT: Final = 400
_COUNTS: Final = "SELECT source, fate, count(*) FROM fates JOIN rows USING (n) GROUP BY source, fate"
_EXAMPLES: Final = """
    SELECT fates.n, other, similarity FROM fates JOIN rows USING (n)
    WHERE source = ? AND fate = ? ORDER BY fates.n LIMIT ?
"""
_DISPUTED: Final = """
    SELECT disputed.last, disputed.first FROM disputed WHERE last NOT IN (SELECT n FROM fates)
    ORDER BY disputed.first LIMIT ?
"""


def make_ledger(
    work: Workspace, inputs: Sequence[MergeInput], intakes: Sequence[Intake], disputed: int
) -> Ledger:
    removed: dict[int, dict[Fate, int]] = defaultdict(dict)
    for source, fate, count in work.sql.execute(_COUNTS):
        removed[source][Fate(fate)] = count
    accounts, examples = [], []
    for source, (given, intake) in enumerate(zip(inputs, intakes, strict=True)):
        if intake.refused:
            removed[source][Fate.REFUSED] = intake.refused
        accounts.append(_account(given, intake, removed[source]))
        examples += intake.examples
        for fate in removed[source]:
            examples += _examples(work, source, fate)
    if disputed:
        examples += _disputed(work)
    return Ledger(accounts=tuple(accounts), examples=tuple(examples), disputed_prompts=disputed)


def _account(given: MergeInput, intake: Intake, removed: dict[Fate, int]) -> Account:
    return Account(
        label=given.label,
        version=given.version,
        rows_in=intake.rows,
        rows_out=intake.rows - sum(removed.values()),
        removed={fate: removed[fate] for fate in Fate if fate in removed},
        extra_columns=tuple(intake.columns),
    )


def _examples(work: Workspace, source: int, fate: Fate) -> list[Example]:
    found = work.sql.execute(_EXAMPLES, (source, fate, EXAMPLES)).fetchall()
    return [_example(work, fate, n, other, similarity) for n, other, similarity in found]


def _disputed(work: Workspace) -> list[Example]:
    """Conflicts that stay in the result: the first and the last answer to a prompt."""
    found = work.sql.execute(_DISPUTED, (EXAMPLES,)).fetchall()
    return [_example(work, Fate.CONFLICT, n, other, None, reason="both kept") for n, other in found]


def _example(
    work: Workspace, fate: Fate, n: int, other: int | None, similarity: float | None, reason: str = ""
) -> Example:
    source, row, text = _shown(work, n)
    other_source, other_row, other_text = (None, None, "") if other is None else _shown(work, other)
    return Example(
        fate=fate,
        source=source,
        row=row,
        text=text,
        reason=reason,
        other_source=other_source,
        other_row=other_row,
        other_text=other_text,
        similarity=similarity,
    )


def _shown(work: Workspace, n: int) -> tuple[int, int, str]:
    """Source, row from 1, and the beginning of what is said."""
    source, position, messages = work.row(n)
    said = "\n".join(f"{m['role']}: {m['content']}" for m in from_text(messages))
    return source, position + 1, said if len(said) <= _LONGEST_TEXT else said[:_LONGEST_TEXT] + "…"
