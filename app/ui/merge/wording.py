"""How merges are put into words."""

from app.domain.merging import Account, Example, Fate, Ledger, MergeProgress, SavedMerge
from app.ui.data.wording import rows, when
from app.ui.texts import counted, text


def title_of(fate: Fate) -> str:
    return fate.label[0].upper() + fate.label[1:]


def progress_text(progress: MergeProgress | None) -> str:
    if progress is None:
        return text("merge.wording.starting")
    if progress.total:
        return text("merge.wording.stage_of", stage=progress.stage, done=progress.done, total=progress.total)
    return (
        text("merge.wording.stage_rows", stage=progress.stage, done=progress.done)
        if progress.done
        else text("merge.wording.stage", stage=progress.stage)
    )


def share_of(progress: MergeProgress | None) -> float | None:
    return progress.done / progress.total if progress and progress.total else None


def about(merge: SavedMerge) -> str:
    count = len(merge.recipe.sources)
    sources = counted("merge.wording.source_count", count)
    if merge.result is None:
        return f"{sources} · {text('merge.wording.not_run')}"
    return f"{sources} · {rows(merge.result.rows)} · {when(merge.result.made_at)}"


def balance(ledger: Ledger) -> str:
    """ "688 rows in = 344 rows out + 344 duplicates": nothing is lost in silence."""
    removed = [f"{count:,} {fate.label}" for fate in Fate if (count := ledger.removed(fate))]
    parts = [text("merge.wording.out", rows=rows(ledger.rows_out)), *removed]
    return text("merge.wording.balance", rows_in=rows(ledger.rows_in), sum=" + ".join(parts))


def place_of(example: Example, ledger: Ledger) -> str:
    return text("merge.wording.place", source=ledger.accounts[example.source].label, row=example.row)


def other_place_of(example: Example, ledger: Ledger) -> str:
    if example.other_source is None:
        return ""
    if example.other_source < 0:
        return text("merge.wording.held_out", row=example.other_row)
    return text(
        "merge.wording.place", source=ledger.accounts[example.other_source].label, row=example.other_row
    )


def extras(account: Account) -> str:
    return text("merge.wording.extras", source=account.label, columns=", ".join(account.extra_columns))
