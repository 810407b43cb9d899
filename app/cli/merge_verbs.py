"""`tunewright merge`: preview, run, list, show, delete."""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from app.cli.output import Output, counted_rows
from app.domain.errors import StudioError, UnknownSessionError
from app.domain.merge_ports import Watch
from app.domain.merging import (
    Example,
    Fate,
    Ledger,
    MergeId,
    MergeProgress,
    MergeRecipe,
    MergeSource,
    SavedMerge,
    UnknownMergeError,
)
from app.domain.publishing import PublishWish
from app.domain.typed_paths import expanded, is_file, is_folder
from app.services.everything import Services
from app.services.merging import with_files_in

_HINT: Final = "docs/examples/merges/two-sources.toml is one to start from."
_SHOWN: Final = 3
"""Examples of each fate."""


def run_merge(services: Services, args: argparse.Namespace, output: Output) -> int:
    recipe, merge_id = _recipe(services, args)
    if args.to_hub:
        wish = PublishWish(args.to_hub, is_private=not args.public)
        merge = services.merging.to_hub(recipe, wish, merge_id, _told(output))
    elif args.to:
        path = expanded(args.to).absolute()
        merge = services.merging.to_file(recipe, path, merge_id, _told(output), overwrite=args.force)
    else:
        merge = services.merging.to_session(recipe, merge_id, _told(output))
    output.give(merge)
    assert merge.result is not None
    made = merge.result.file or f"session {services.library.get(_session(merge)).name}"
    output.say(f"{counted_rows(merge.result.rows)} merged into {made}.")
    if merge.result.url:
        output.say(f"On the Hub, {'public' if args.public else 'private'}: {merge.result.url}")
    _say_ledger(merge.result.ledger, output)
    output.say(f"Saved as merge {merge.id}: `tunewright merge run {merge.id}` does it again.")
    return 0


def preview_merge(services: Services, args: argparse.Namespace, output: Output) -> int:
    recipe, _ = _recipe(services, args)
    preview = services.merging.preview(recipe, _told(output))
    output.give(preview)
    output.say(f"{counted_rows(preview.ledger.rows_out)} would come out; nothing was written.")
    _say_ledger(preview.ledger, output)
    for row in preview.head[: args.limit]:
        output.say(f"\nrow {row.position + 1} from {row.meta['merged_from']['name']}")
        for message in row.messages:
            output.say(f"  {message['role']}: {message['content']}")
    return 0


def list_merges(services: Services, args: argparse.Namespace, output: Output) -> int:
    merges = services.merging.saved()
    output.give(merges)
    if not merges:
        output.say("No merges yet. `tunewright merge run RECIPE.toml` makes one.")
        return 0
    output.table(
        ["id", "name", "sources", "rows", "last run"],
        [(m.id, m.name, len(m.recipe.sources), _rows(m), _when(m)) for m in merges],
    )
    return 0


def show_merge(services: Services, args: argparse.Namespace, output: Output) -> int:
    merge = services.merging.find(args.merge)
    changes = services.merging.changes(merge)
    output.give({"merge": merge, "changes": changes})
    output.say(f"{merge.name} ({merge.id}): {len(merge.recipe.sources)} sources, last run: {_when(merge)}")
    if merge.result is not None:
        _say_ledger(merge.result.ledger, output)
    for sentence in changes:
        output.say(f"{sentence} `tunewright merge run {merge.id}` merges again.")
    return 0


def delete_merge(services: Services, args: argparse.Namespace, output: Output) -> int:
    merge = services.merging.find(args.merge)
    services.merging.delete(merge.id)
    output.give(merge)
    output.say(f"{merge.name} is forgotten. What it made stays.")
    return 0


def _recipe(services: Services, args: argparse.Namespace) -> tuple[MergeRecipe, MergeId | None]:
    """What was named: a file, a saved merge, or a few sources put one after the other."""
    if bool(args.recipe) == bool(args.sources):
        raise StudioError(
            "Name a recipe or some sources.", "Like: tunewright merge run --sources mine rows.jsonl"
        )
    if args.sources:
        sources = tuple(_source(services, word) for word in args.sources)
        return MergeRecipe(name=args.name or "Merged", sources=sources), None
    path = expanded(args.recipe)
    if path.suffix in (".toml", ".json") or is_file(path):
        return _named(_read(path), args.name), None
    merge = services.merging.find(args.recipe)
    return _named(merge.recipe, args.name), merge.id


def _source(services: Services, word: str) -> MergeSource:
    """A session where there is one of that name, else a file or a folder of files."""
    try:
        return MergeSource(session=services.library.find(word).id)
    except UnknownSessionError:
        if not is_file(expanded(word)) and not is_folder(expanded(word)):
            raise
        return MergeSource(file=expanded(word).absolute())


def _named(recipe: MergeRecipe, name: str) -> MergeRecipe:
    return recipe.model_copy(update={"name": name}) if name else recipe


def _read(path: Path) -> MergeRecipe:
    try:
        text = path.read_text(encoding="utf-8")
        document: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        return with_files_in(MergeRecipe.model_validate(document), path.absolute().parent)
    except OSError as error:
        raise UnknownMergeError(
            f"The recipe {path} cannot be read: {error.strerror or error}.", _HINT
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        text = f"{place}: {said}" if place else said
        raise StudioError(f"The recipe {path.name} has a mistake: {text}.", _HINT) from error
    except (ValueError, RecursionError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise StudioError(f"The recipe {path.name} is not {kind}: {error}.", _HINT) from error


def _told(output: Output) -> Watch:
    def tell(progress: MergeProgress) -> None:
        share = f" {progress.done * 100 // progress.total} %" if progress.total else ""
        output.progress(f"{progress.stage}{share}")

    return tell


def _say_ledger(ledger: Ledger, output: Output) -> None:
    fates = [fate for fate in Fate if ledger.removed(fate)]
    output.table(
        ["source", "rows in", *(fate.label for fate in fates), "rows out"],
        [
            (a.label, f"{a.rows_in:,}", *(f"{a.removed.get(f, 0):,}" for f in fates), f"{a.rows_out:,}")
            for a in ledger.accounts
        ],
    )
    if ledger.disputed_prompts:
        output.say(f"{ledger.disputed_prompts:,} prompts have several answers.")
    for account in ledger.accounts:
        if account.extra_columns:
            output.say(f"{account.label}: kept beside the rows: {', '.join(account.extra_columns)}.")
    shown = [example for fate in Fate for example in _examples(ledger, fate)[:_SHOWN]]
    for example in shown:
        place = f"{ledger.accounts[example.source].label}, row {example.row}"
        said = example.reason or " / ".join(example.text.splitlines())
        output.say(f"  {example.fate.label}: {place}: {said[:100]}")
    if len(ledger.examples) > len(shown):
        output.say(f"  … --json lists {len(ledger.examples)} of them.")


def _examples(ledger: Ledger, fate: Fate) -> list[Example]:
    return [example for example in ledger.examples if example.fate is fate]


def _session(merge: SavedMerge) -> Any:
    return merge.result.session_id if merge.result else None


def _rows(merge: SavedMerge) -> str:
    return f"{merge.result.rows:,}" if merge.result else ""


def _when(merge: SavedMerge) -> str:
    return f"{merge.result.made_at.astimezone():%Y-%m-%d %H:%M}" if merge.result else "never"
