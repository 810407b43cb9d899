"""What does a GPU say to the estimates, to 4 bits and to Unsloth? Probes model × method pairs, writes a page.

    python benchmarks/gpu_memory.py [--models NAME …] [--methods NAME …] [--to docs/measured/gpu.md]

Each pair is a `train.py --probe` in a process of its own: estimate, peak on the longest rows, time of a
step, the first losses, and which library trained. Needs an NVIDIA GPU, and for the methods with "unsloth"
that package; a pair that cannot run stands in the table with the trainer's own sentence. On a computer
without a GPU `--models assets/tiny-model` is a dry run. Models that are not here are downloaded.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trainer_image.config import CONFIG_FILE, DATA_FILE, EVENTS_FILE, RunConfig  # noqa: E402
from trainer_image.events import (  # noqa: E402
    Event,
    Memory,
    Metrics,
    Notice,
    Probed,
    Problem,
    Started,
    parse_event,
)

MODELS: Final = ("Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen3-4B")
LORA: Final[Mapping[str, Any]] = {"kind": "lora", "lora_r": 16}
METHODS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sft": {"method": {"kind": "sft"}, "learning_rate": 5e-6},
    "osft": {"method": {"kind": "osft"}, "learning_rate": 5e-6},
    "lora": {"method": LORA},
    "lora 4-bit": {"method": {**LORA, "load_in_4bit": True}},
    "lora 8-bit": {"method": {**LORA, "load_in_8bit": True}},
    "lora, unsloth": {"method": LORA, "backend": "unsloth"},
    "lora 4-bit, unsloth": {"method": {**LORA, "load_in_4bit": True}, "backend": "unsloth"},
}
_HEAD: Final = """\
# Memory and speed on a GPU

Made by `benchmarks/gpu_memory.py`; don't edit. {when} · {where}

One line a pair, each a probe in a process of its own: {rows} rows at once, the longest of {length} tokens.
GB of 10⁹ bytes; peak and estimate are of tensors, without the driver's own. “off” is the peak against the
expected estimate; “in range” whether it lies between lowest and highest. Losses are of the first steps, so
that two libraries can be compared.

| model | method | library | estimate | peak | off | in range | s a step | tokens/s | first losses |
|---|---|---|---|---|---|---|---|---|---|
"""

Train = Callable[[Path], object]
"""Runs `train.py --probe` in a folder until it ends."""


@dataclass(frozen=True)
class Work:
    """How large the rows are that every pair is measured with."""

    rows_at_once: int = 2
    words: int = 700
    max_seq_len: int = 2048


def in_a_process(folder: Path) -> object:
    words = [sys.executable, str(ROOT / "trainer_image" / "train.py"), "--run-dir", str(folder), "--probe"]
    return subprocess.run(words, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def page(
    models: Sequence[str], methods: Sequence[str], work: Work, train: Train = in_a_process
) -> Iterator[str]:
    """The page piece by piece, as soon as each is known."""
    has_head = False
    for model in models:
        for name in methods:
            events = probed(model, METHODS[name], work, train)
            if not has_head:
                yield head(events, work)
                has_head = True
            yield line(model, name, events)


def probed(model: str, settings: Mapping[str, Any], work: Work, train: Train) -> list[Event]:
    with tempfile.TemporaryDirectory(prefix="tunewright-gpu-") as name:
        folder = Path(name)
        config = RunConfig.model_validate(
            {
                "base_model": str(Path(model).resolve()) if Path(model).is_dir() else model,
                "per_device_batch_size": work.rows_at_once,
                "max_seq_len": work.max_seq_len,
                "validation": "off",
                "drop_duplicates": False,
                "max_lost_share": 1.0,
                **settings,
            }
        )
        (folder / CONFIG_FILE).write_text(config.model_dump_json(), encoding="utf-8")
        (folder / DATA_FILE).parent.mkdir()
        (folder / DATA_FILE).write_text("".join(_rows(config, work)), encoding="utf-8")
        train(folder)
        lines = (folder / EVENTS_FILE).read_bytes().splitlines() if (folder / EVENTS_FILE).exists() else []
        return [event for said in lines if (event := parse_event(said))]


def head(events: Sequence[Event], work: Work) -> str:
    started = _first(events, Started)
    versions = ", ".join(f"{name} {number}" for name, number in started.versions.items()) if started else ""
    device = next((e.message for e in events if isinstance(e, Notice) and "omputing on" in e.message), "")
    return _HEAD.format(
        when=f"{date.today():%d %B %Y}",
        where=f"{device} {versions}".strip(),
        rows=work.rows_at_once,
        length=getattr(_first(events, Memory), "longest_row", "?"),
    )


def line(model: str, method: str, events: Sequence[Event]) -> str:
    guess, end, problem = _first(events, Memory), _first(events, Probed), _first(events, Problem)
    if end is None or guess is None:
        why = f"{problem.message} {problem.hint}" if problem else "it ended without a word"
        return f"| {model} | {method} | not run: {why} " + "| " * 7 + "|\n"
    context = guess.terms.get("context", 0)
    low, expected, high = (size - context for size in (guess.low, guess.expected, guess.high))
    metrics = [event for event in events if isinstance(event, Metrics)]
    cells = [
        model,
        method,
        "Unsloth" if "unsloth" in method else "transformers",
        f"{_gb(expected)} ({_gb(low)} – {_gb(high)})",
        _gb(end.peak),
        f"{100 * (end.peak / expected - 1):+.0f} %",
        "yes" if low <= end.peak <= high else "no",
        f"{end.seconds_per_step:.3g}",
        _speed(metrics),
        ", ".join(f"{event.loss:.3f}" for event in metrics),
    ]
    return f"| {' | '.join(cells)} |\n"


def _rows(config: RunConfig, work: Work) -> Iterator[str]:
    """Enough for the steps of a probe, all as long."""
    answer = " ".join(f"river{number % 97}" for number in range(work.words))
    for number in range(4 * config.effective_batch_size):
        messages = [
            {"role": "user", "content": f"Tell me about {number}."},
            {"role": "assistant", "content": answer},
        ]
        yield json.dumps({"messages": messages}) + "\n"


def _first(events: Sequence[Event], kind: type[Any]) -> Any:
    return next((event for event in events if isinstance(event, kind)), None)


def _speed(metrics: Sequence[Metrics]) -> str:
    return f"{metrics[-1].tokens_per_second or 0:,.0f}" if metrics else ""


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold estimates against what a GPU takes.")
    parser.add_argument("--models", nargs="+", default=MODELS, help="Hub names or folders")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--rows", type=int, default=Work.rows_at_once, help="rows at once")
    parser.add_argument("--words", type=int, default=Work.words, help="words of each answer")
    parser.add_argument("--to", type=Path, help="write the page there too")
    args = parser.parse_args()
    pieces = []
    for piece in page(args.models, args.methods, Work(args.rows, args.words)):
        print(piece, end="", flush=True)
        pieces.append(piece)
        if args.to:
            args.to.write_text("".join(pieces), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
