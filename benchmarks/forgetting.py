"""What is left of earlier tasks once a new one is learned: SFT, LoRA and OSFT, each at its best rate.

    python benchmarks/forgetting.py [--out FILE] [--seeds N …]

A tiny Llama is pretrained on facts until it knows them, then learns three disjoint tasks of new facts, one
after another. Each task ends as soon as 95 % of its facts are right, so that all methods are compared at
the same new-task score. The learning rate is tuned per method, on the same grid and on a seed of its own (0):
the one that keeps most, among those with which every task was learned. The table is of the other seeds.
Minutes on one core; writes a Markdown page with the date.
"""

import argparse
import copy
import datetime
import math
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from trainer_image import subspace  # noqa: E402
from trainer_image.config import Lora, Osft, Sft  # noqa: E402
from trainer_image.methods import lora, osft, sft  # noqa: E402

Facts = tuple[torch.Tensor, torch.Tensor]
"""Tokens and labels, each `[fact, 5]`: a key of three tokens, a separator, the value to be learned."""

GRID: Final = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
METHODS: Final[dict[str, Sft | Lora | Osft]] = {
    "SFT": Sft(),
    "LoRA r 8": Lora(lora_r=8, lora_alpha=16),
    "OSFT 0.5": Osft(unfreeze_rank_ratio=0.5),
}
STUDENT: Final = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}
"""How many standard errors a mean of so many differences must be from 0 to differ from it at 95 %."""
KEYS, VALUES = 40, 40
TASKS, FACTS, OLD_FACTS = 3, 32, 192
LEARNED = 0.95
MOST_STEPS = 800


@dataclass(frozen=True)
class Kept:
    """Shares of facts still right after the last task."""

    old: float
    """Those of pretraining."""
    earlier: float
    """Those of the tasks before the last one."""
    steps: int
    learned: bool
    """Whether each task reached the score at which it ends."""

    @property
    def score(self) -> float:
        return (self.old + self.earlier) / 2


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    started = time.process_time()
    tuning = {name: {rate: run(0, name, rate) for rate in GRID} for name in METHODS}
    best = {name: best_rate(results) for name, results in tuning.items()}
    final = {name: [run(seed, name, rate) for seed in args.seeds] for name, rate in best.items()}
    text = page(tuning, best, final, args.seeds, time.process_time() - started)
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what each method forgets.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "measured" / "forgetting.md")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    return parser.parse_args()


def run(seed: int, name: str, rate: float) -> Kept:
    """Pretrain (once a seed), learn the tasks in sequence, and look at what is left."""
    base, old, tasks = world(seed)
    model, steps, learned = copy.deepcopy(base), 0, True
    for number, task in enumerate(tasks):
        torch.manual_seed(seed * 100 + number)
        model, took = learn(model, METHODS[name], task, rate)
        steps += took
        learned &= accuracy(model, task) >= LEARNED
    earlier = statistics.mean(accuracy(model, task) for task in tasks[:-1])
    kept = Kept(accuracy(model, old), earlier, steps, learned)
    print(f"{name:9} seed {seed} rate {rate:.0e}: {kept}", file=sys.stderr, flush=True)
    return kept


def learn(model: Any, method: Sft | Lora | Osft, task: Facts, rate: float) -> tuple[Any, int]:
    """Train by the trainer's own method until the task is learned; an ordinary model comes back."""
    match method:
        case Sft():
            trained = sft.prepare(model, method)
        case Lora():
            trained = lora.prepare(model, method)
        case Osft():
            trained = osft.prepare(model, method)
    took = fit(trained, task, rate, most_steps=MOST_STEPS, until=LEARNED)
    if isinstance(method, Lora):
        trained = trained.merge_and_unload()
    subspace.densify(trained)
    return trained, took


def fit(model: Any, facts: Facts, rate: float, *, most_steps: int, until: float, decay: bool = False) -> int:
    """AdamW on batches of 32 at most, looking every tenth step whether enough is right."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    projection = osft.Projection(model)
    for step in range(most_steps):
        fall = 0.5 * (1 + math.cos(math.pi * step / most_steps)) if decay else 1.0
        optimiser.param_groups[0]["lr"] = rate * fall * min(1.0, (step + 1) / 10)
        batch = torch.randperm(len(facts[0]))[:32]
        model(input_ids=facts[0][batch], labels=facts[1][batch]).loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        projection.on_pre_optimizer_step()
        optimiser.step()
        projection.on_optimizer_step()
        optimiser.zero_grad()
        if step % 10 == 9 and accuracy(model, facts) >= until:
            return step + 1
    return most_steps


_worlds: dict[int, tuple[Any, Facts, list[Facts]]] = {}


def world(seed: int) -> tuple[Any, Facts, list[Facts]]:
    """The pretrained model, what it knows, and the tasks to come; made once a seed."""
    if seed not in _worlds:
        torch.manual_seed(seed)
        taken: set[tuple[int, ...]] = set()
        old = new_facts(OLD_FACTS, taken)
        tasks = [new_facts(FACTS, taken) for _ in range(TASKS)]
        config = LlamaConfig(
            vocab_size=KEYS + VALUES + 1,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=16,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
        base = LlamaForCausalLM(config)
        fit(base, old, 2e-3, most_steps=800, until=2.0, decay=True)
        known = accuracy(base, old)
        assert known > 0.99, f"the base model of seed {seed} knows only {known:.0%} of its facts"
        _worlds[seed] = base, old, tasks
    return _worlds[seed]


def new_facts(count: int, taken: set[tuple[int, ...]]) -> Facts:
    """Facts whose keys are not among those taken, which then are."""
    keys: list[tuple[int, ...]] = []
    while len(keys) < count:
        key = tuple(torch.randint(0, KEYS, (3,)).tolist())
        if key not in taken:
            taken.add(key)
            keys.append(key)
    separator = torch.full((count, 1), KEYS + VALUES)
    ids = torch.cat([torch.tensor(keys), separator, torch.randint(KEYS, KEYS + VALUES, (count, 1))], 1)
    labels = torch.full_like(ids, -100)
    labels[:, 4] = ids[:, 4]
    return ids, labels


def accuracy(model: Any, facts: Facts) -> float:
    with torch.no_grad():
        predicted = model(input_ids=facts[0]).logits[:, 3].argmax(-1)
    return float((predicted == facts[0][:, 4]).float().mean())


def best_rate(results: dict[float, Kept]) -> float:
    able = {rate: kept for rate, kept in results.items() if kept.learned} or results
    return max(able, key=lambda rate: able[rate].score)


def page(
    tuning: dict[str, dict[float, Kept]],
    best: dict[str, float],
    final: dict[str, list[Kept]],
    seeds: list[int],
    seconds: float,
) -> str:
    lines = [
        "# What is forgotten, measured",
        "",
        f"Made by `benchmarks/forgetting.py` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, in "
        f"{seconds:.0f} seconds of one processor core ({platform.machine()}, torch {torch.__version__}).",
        "",
        f"A Llama of 2 layers and 128 dimensions knows {OLD_FACTS} facts, then learns {TASKS} tasks of "
        f"{FACTS} new facts each, one after another, each until {LEARNED:.0%} of it is right. "
        f"Shares of facts still right after the last task; mean ± standard deviation"
        f" over seeds {', '.join(map(str, seeds))}. "
        "Learning rate of each method: the best of the same grid on seed 0, which is not in this table.",
        "",
        "| Method | learning rate | pretraining kept | earlier tasks kept | steps | every task learned |",
        "|---|---|---|---|---|---|",
        *(row(name, best[name], results) for name, results in final.items()),
        "",
        "## Does OSFT win?",
        "",
        *verdict(final),
        *rate_by_rate(tuning),
        "",
        "## Every learning rate, on seed 0",
        "",
        "Pretraining kept / earlier tasks kept; a dash where a task was not learned within "
        f"{MOST_STEPS} steps.",
        "",
        "| Method | " + " | ".join(f"{rate:.0e}" for rate in GRID) + " |",
        "|---|" + "---|" * len(GRID),
        *(
            f"| {name} | "
            + " | ".join(f"{k.old:.2f} / {k.earlier:.2f}" if k.learned else "–" for k in results.values())
            + " |"
            for name, results in tuning.items()
        ),
        "",
        "## Limits",
        "",
        *edges(best),
        "A toy: memorised facts, a model with room to spare, one ratio, few seeds. It says nothing of the "
        "size of the effect on real models and data. Nothing here supports the words “no forgetting”.",
    ]
    return "\n".join(lines) + "\n"


def rate_by_rate(tuning: dict[str, dict[float, Kept]]) -> list[str]:
    """Where on the grid OSFT kept more than SFT, both having learned every task."""
    ours, theirs = tuning["OSFT 0.5"], tuning["SFT"]
    both = [rate for rate in GRID if ours[rate].learned and theirs[rate].learned]
    more = [f"{rate:.0e}" for rate in both if ours[rate].score > theirs[rate].score]
    less = [f"{rate:.0e}" for rate in both if ours[rate].score <= theirs[rate].score]
    but = f", not at {', '.join(less)}" if less else ""
    return [
        "- At equal learning rates, on seed 0, by the mean of both columns: OSFT keeps more than SFT at "
        f"{', '.join(more) or 'none'}{but}."
    ]


def edges(best: dict[str, float]) -> list[str]:
    """Which methods were best at an end of the grid, so that a wider one might change the table."""
    names = [name for name, rate in best.items() if rate in {GRID[0], GRID[-1]}]
    return (
        [f"At an end of the grid: {', '.join(names)}; a wider grid might change that row.", ""]
        if names
        else []
    )


def row(name: str, rate: float, results: list[Kept]) -> str:
    steps = statistics.mean(kept.steps for kept in results)
    learned = f"{sum(kept.learned for kept in results)} of {len(results)}"
    old, earlier = spread([kept.old for kept in results]), spread([kept.earlier for kept in results])
    return f"| {name} | {rate:.0e} | {old} | {earlier} | {steps:.0f} | {learned} |"


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def verdict(final: dict[str, list[Kept]]) -> list[str]:
    """A sentence per rival and measure: ahead, behind, or within the spread."""
    ours = final["OSFT 0.5"]
    lines = []
    for name, theirs in final.items():
        if name == "OSFT 0.5":
            continue
        for label, field in (("facts of pretraining", "old"), ("facts of earlier tasks", "earlier")):
            differences = [getattr(a, field) - getattr(b, field) for a, b in zip(ours, theirs, strict=True)]
            mean, deviation = statistics.mean(differences), statistics.stdev(differences)
            error = deviation / math.sqrt(len(differences))
            if abs(mean) <= STUDENT.get(len(differences), 2.3) * error:
                word = "no difference beyond the spread"
            else:
                word = "OSFT keeps more" if mean > 0 else "**OSFT keeps less**"
            lines.append(
                f"- Against {name}, {label}: {word} ({mean:+.2f} ± {deviation:.2f} over the same seeds)."
            )
    return lines


if __name__ == "__main__":
    main()
