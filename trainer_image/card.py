"""The model card of a result: what it was made from, how, on what, with which loss and by which versions."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from trainer_image.config import FileDataset, HubDataset, Lora, Osft, RunConfig
from trainer_image.events import Evaluation, Event, Metrics, Rows, parse_event

_CURVE_POINTS: Final = 12
_CARD: Final = """\
{front}
# {name}

{base_model}, fine-tuned by {method} on {data}.

{tables}
Made with {versions}.
"""


def model_card(
    config: RunConfig, events: Sequence[Event], *, best_step: int | None, versions: Mapping[str, str]
) -> str:
    """As the Hub reads it. `events` are those of the run, of all its attempts; `best_step` is the one whose
    weights these are, if not the last."""
    metrics = _by_step(events)
    tables = {
        "Training": _training(config, metrics, best_step),
        "Rows": _rows(events),
        "Loss": _curve(metrics, {e.step: e.loss for e in events if isinstance(e, Evaluation)}),
    }
    return _CARD.format(
        front=_front(config),
        name=config.push.repo_id.rpartition("/")[2] if config.push else "Result of a run",
        base_model=_public_name(config.base_model),
        method=method_name(config),
        data=_data(config),
        tables="\n".join(f"## {title}\n\n{table}" for title, table in tables.items() if table),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
    )


def events_of(path: Path) -> list[Event]:
    """What a run has reported; a torn line is passed over."""
    return [event for line in path.read_bytes().splitlines() if (event := parse_event(line))]


def method_name(config: RunConfig) -> str:
    """The method in words, with the settings that make it what it is."""
    match config.method:
        case Lora() as lora:
            kind = "DoRA" if lora.use_dora else "LoRA"
            if lora.load_in_4bit:
                kind = f"QLoRA ({kind} on a base in 4 bits)"
            elif lora.load_in_8bit:
                kind += " on a base in 8 bits"
            scale = ", rank-stabilised" if lora.use_rslora else ""
            return f"{kind}, rank {lora.lora_r}, alpha {lora.lora_alpha}{scale}"
        case Osft() as osft:
            share = f"{osft.unfreeze_rank_ratio:g} of the directions learning"
            return f"OSFT (orthogonal subspace fine-tuning, {share})"
        case _:
            return "SFT (training all weights)"


def _front(config: RunConfig) -> str:
    hub = f"datasets:\n- {config.dataset.repo}\n" if isinstance(config.dataset, HubDataset) else ""
    library = "peft" if isinstance(config.method, Lora) else "transformers"
    return (
        f"---\nlibrary_name: {library}\npipeline_tag: text-generation\n"
        f"base_model: {_public_name(config.base_model)}\n{hub}tags:\n- {config.method.kind}\n---\n"
    )


def _training(config: RunConfig, metrics: Sequence[Metrics], best_step: int | None) -> str:
    last = metrics[-1] if metrics else None
    lines = {
        "Steps": f"{last.step} of {last.total_steps}" if last else "none",
        "Weights": f"of step {best_step}, the lowest validation loss" if best_step else "of the last step",
        "Examples in a step": str(config.effective_batch_size),
        "Examples seen": f"{last.samples_seen:,}" if last else "0",
        "Tokens seen": f"{last.tokens_seen:,}" if last else "0",
        "Learning rate": f"{config.learning_rate:g}, {config.lr_scheduler}, {config.warmup_steps} to warm up",
        "Longest row": f"{config.max_seq_len} tokens",
        "Packing": "yes" if config.packing else "no",
        "Precision": config.precision,
        "Seed": str(config.seed),
    }
    return _table(("", ""), lines.items())


def _rows(events: Sequence[Event]) -> str:
    """What became of every row, as the run's ledger has it."""
    ledgers = [event for event in events if isinstance(event, Rows)]
    if not ledgers:
        return ""
    buckets = [(name.replace("_", " "), f"{count:,}") for name, count in ledgers[-1].buckets.items()]
    return _table(("Rows", "Number"), [("all", f"{ledgers[-1].total:,}"), *buckets])


def _curve(metrics: Sequence[Metrics], validation: Mapping[int, float]) -> str:
    """The loss at a dozen steps from the first to the last, and wherever validation was measured."""
    at = {round(n * (len(metrics) - 1) / (_CURVE_POINTS - 1)) for n in range(_CURVE_POINTS)}
    shown = [m for n, m in enumerate(metrics) if n in at or m.step in validation]
    lines = [
        (str(m.step), f"{m.loss:.4f}", f"{validation[m.step]:.4f}" if m.step in validation else "")
        for m in shown
    ]
    if 0 in validation:
        lines.insert(0, ("0", "", f"{validation[0]:.4f}"))
    return _table(("Step", "Training loss", "Validation loss"), lines) if lines else ""


def _by_step(events: Sequence[Event]) -> list[Metrics]:
    """A step that was computed again after a resume counts as computed last."""
    found = {event.step: event for event in events if isinstance(event, Metrics)}
    return [found[step] for step in sorted(found)]


def _data(config: RunConfig) -> str:
    match config.dataset:
        case HubDataset(repo=repo, split=split):
            return f"[{repo}](https://huggingface.co/datasets/{repo}), split {split}"
        case FileDataset():
            return "a data set that is not public"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = (head, ["---"] * len(head), *lines)
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _public_name(base_model: str) -> str:
    """A model's name on the Hub; of a folder only the last part, because paths are nobody's business."""
    return Path(base_model).name if os.path.isabs(base_model) else base_model
