"""How much longer is a step of OSFT than one of SFT on the same model and batch?

    python benchmarks/osft_step.py [--hidden N …] [--tokens N …] [--rounds N]

Both train in turn, a step each, in one process, so that other programs on the machine disturb both alike;
times are of the processor. A step is what the trainer does: forward, backward, clipping, for OSFT the
projections, AdamW. Models: two Llama blocks with random weights, 8 heads of which 2 hold keys, an MLP 2.75
times as wide, a vocabulary of 2048. Exit code 1 if the median step of OSFT at ratio 0.5 is longer than 1.5
times that of SFT.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from trainer_image.config import Osft, Sft
from trainer_image.methods import osft, sft

AIM = 1.5
VOCABULARY = 2048
ROW = 128
"""Tokens of a row; `--tokens` counts those of a whole step."""


def main() -> int:
    args = parse_arguments()
    print("| hidden | tokens a step | ratio of directions | SFT ms | OSFT ms | OSFT / SFT |")
    print("|---|---|---|---|---|---|")
    missed = False
    for hidden in args.hidden:
        for tokens in args.tokens:
            for ratio in args.ratio:
                quotient = compare(hidden, tokens, ratio, args.rounds)
                missed |= ratio == 0.5 and quotient > AIM
    return 1 if missed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare a step of OSFT with one of SFT.")
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 512, 768])
    parser.add_argument("--tokens", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--ratio", type=float, nargs="+", default=[0.5])
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def compare(hidden: int, tokens: int, ratio: float, rounds: int) -> float:
    """Median step of OSFT over that of SFT; prints a row."""
    steps = [stepper(Sft(), hidden, tokens), stepper(Osft(unfreeze_rank_ratio=ratio), hidden, tokens)]
    for step in steps:
        step()  # the first one makes AdamW's state
    seconds: list[list[float]] = [[], []]
    for number in range(rounds):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            started = time.process_time()
            steps[side]()
            seconds[side].append(time.process_time() - started)
    plain, ours = (statistics.median(side) for side in seconds)
    print(
        f"| {hidden} | {tokens} | {ratio} | {plain * 1e3:.0f} | {ours * 1e3:.0f} | {ours / plain:.2f} |",
        flush=True,
    )
    return ours / plain


def stepper(method: Sft | Osft, hidden: int, tokens: int) -> Callable[[], None]:
    """A function that makes one step of training, always on the same rows."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=hidden,
            intermediate_size=hidden * 11 // 4,
            num_hidden_layers=2,
            num_attention_heads=8,
            num_key_value_heads=2,
            max_position_embeddings=ROW,
        )
    )
    model = sft.prepare(model, method) if isinstance(method, Sft) else osft.prepare(model, method)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=1e-4, fused=True)
    projection = osft.Projection(model)
    ids = torch.randint(0, VOCABULARY, (tokens // ROW, ROW))

    def step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        projection.on_pre_optimizer_step()
        optimiser.step()
        projection.on_optimizer_step()
        optimiser.zero_grad()

    return step


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
