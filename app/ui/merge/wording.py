"""How merges are put into words."""

from app.domain.merging import Account, Example, Fate, Ledger, MergeProgress, SavedMerge
from app.ui.data.wording import rows, when

REASONS = {
    Fate.REFUSED: "Lines that could not be read as rows.",
    Fate.LEAKED: "Their question, or nearly the same row, is in the held-out session.",
    Fate.DUPLICATE: "Equal to a row that stays.",
    Fate.CONFLICT: "The same prompt with another answer.",
    Fate.NEAR_DUPLICATE: "Almost equal to a row that stays.",
    Fate.CAPPED: "Beyond what is taken of their source.",
    Fate.LEFT_OVER: "Not reached: the first source had no more rows.",
}


def title_of(fate: Fate) -> str:
    return fate.label[0].upper() + fate.label[1:]


def progress_text(progress: MergeProgress | None) -> str:
    if progress is None:
        return "Starting…"
    if progress.total:
        return f"{progress.stage}: {progress.done:,} of {progress.total:,} rows"
    return f"{progress.stage}: {progress.done:,} rows" if progress.done else f"{progress.stage}…"


def share_of(progress: MergeProgress | None) -> float | None:
    return progress.done / progress.total if progress and progress.total else None


def about(merge: SavedMerge) -> str:
    count = len(merge.recipe.sources)
    sources = f"{count} source" if count == 1 else f"{count} sources"
    if merge.result is None:
        return f"{sources} · not run yet"
    return f"{sources} · {rows(merge.result.rows)} · {when(merge.result.made_at)}"


def balance(ledger: Ledger) -> str:
    """ "688 rows in = 344 rows out + 344 duplicates": nothing is lost in silence."""
    removed = [f"{count:,} {fate.label}" for fate in Fate if (count := ledger.removed(fate))]
    return f"{rows(ledger.rows_in)} in = " + " + ".join([f"{rows(ledger.rows_out)} out", *removed])


def place_of(example: Example, ledger: Ledger) -> str:
    return f"{ledger.accounts[example.source].label}, row {example.row:,}"


def other_place_of(example: Example, ledger: Ledger) -> str:
    if example.other_source is None:
        return ""
    if example.other_source < 0:
        return f"held out, row {example.other_row:,}"
    return f"{ledger.accounts[example.other_source].label}, row {example.other_row:,}"


def extras(account: Account) -> str:
    return f"{account.label}: kept beside its rows: {', '.join(account.extra_columns)}."
