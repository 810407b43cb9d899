"""First-token latency of a chat, against `generate` called in this process on the same model.

    python benchmarks/first_token.py [--base MODEL] [--adapter FOLDER] [--prompts 150] [--limit 1.1]

Without a model: the bundled tiny one, of which a token takes a few milliseconds, and one of the size that
people talk to on a processor, 113 million weights made up on the spot.


Both sides use the same streamer, answer the same prompts greedily and take turns, so that a slow moment
hits both. Each turn begins after a rest, equal for both: PyTorch's threads spin for milliseconds after their
last work, on cores that the other side would have to share, and nobody asks that soon after another program's
answer. The engine's side includes the pipe to its process: the ratio is what the split costs. Exits with 1
above the limit, or if the second prompt loaded anything. Then it measures how soon an answer ends that is
cancelled.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.adapters.worker_engine import WorkerEngine
from app.adapters.worker_process import LOG_NAME
from app.domain.chat import Sampling
from app.domain.runs import DockerOptions, Run, RunId, RunStatus, Target
from app.services.talkers import model_of
from trainer_image.config import RunConfig

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / "assets" / "tiny-model"
ANSWER_TOKENS = 8
SAMPLING = Sampling(temperature=0.0, max_new_tokens=ANSWER_TOKENS, repetition_penalty=1.15)
ENDLESS = Sampling(
    temperature=5.0,
    top_k=0,
    top_p=1.0,
    max_new_tokens=1500,
    repetition_penalty=1.0,
    guard_repetition=False,
)
"""So hot that the end of a turn hardly ever comes."""
REST_SECONDS = 0.1
CANCEL_SECONDS = 0.1
FirstToken = Callable[[str], float]
"""Prompt → seconds until the first piece; the whole answer is read, so that nothing runs on."""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as home:
        runs = [_run(arguments.base or TINY, arguments.adapter)]
        if arguments.base is None:
            runs.append(_run(real_size_model(Path(home) / "113 million weights"), None))
        counts = (arguments.prompts, max(arguments.prompts // 5, 1))  # the small model's times vary more
        ratios = [_compare(run, count) for run, count in zip(runs, counts, strict=False)]
    for run, (ratio, *_) in zip(runs, ratios, strict=True):
        print(f"ratio   {ratio:.2f}  {run.output}")
    if any(ratio > arguments.limit or loads > 1 for ratio, loads, _ in ratios):
        sys.exit(f"more than {arguments.limit} times as long, or loaded again")
    if any(stop > CANCEL_SECONDS for *_, stop in ratios):
        sys.exit(f"an answer ended more than {CANCEL_SECONDS} s after Stop")


def _compare(run: Run, prompts: int) -> tuple[float, int, float]:
    """Engine's first token against the bare one's; how often the engine loaded the model; the longest time
    from Stop to the end of an answer."""
    print(f"--- {run.output}")
    with tempfile.TemporaryDirectory() as logs:
        engine = WorkerEngine(log_dir=Path(logs))
        ratio = _measure(_ours(engine, run), run, prompts)
        loads = (Path(logs) / LOG_NAME).read_bytes().count(b"INFO loaded on")
        print(f"loads   {loads}")
        slowest_stop = _cancels(engine, run)
        engine.unload()
    return ratio, loads, slowest_stop


def _measure(ours: FirstToken, run: Run, prompts: int) -> float:
    first = ours("Where does the ferry go today?")
    second = ours("And back?")
    print(f"first prompt {first * 1e3:8.1f} ms to its first piece (starts the process, loads the model)")
    print(f"second prompt{second * 1e3:8.1f} ms")
    bare = _bare(run)
    bare("warm up")
    times: dict[str, list[float]] = {"engine": [], "bare": []}
    for number in range(prompts):
        prompt = f"Question {number}: where does the ferry go, and when is it back?"
        for name, side in (("engine", ours), ("bare", bare)):
            time.sleep(REST_SECONDS)
            times[name].append(side(prompt))
    for name, values in times.items():
        print(
            f"{name:7s} median {statistics.median(values) * 1e3:6.2f} ms, worst {max(values) * 1e3:6.2f} ms"
        )
    ratio = statistics.median(times["engine"]) / statistics.median(times["bare"])
    print(f"ratio   {ratio:.2f}")
    return ratio


def real_size_model(folder: Path) -> Path:
    """A Llama with the tiny model's tokenizer. It may say only what is a piece of text by itself: else the
    two sides, which count repetition differently, could wait for another number of tokens."""
    import torch  # noqa: PLC0415
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    tokenizer: Any = AutoTokenizer.from_pretrained(TINY)
    torch.manual_seed(7)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: Any = LlamaForCausalLM(shape)
    texts = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    silent = [token for token, text in texts.items() if not (text.isascii() and text.isprintable())]
    model.generation_config.suppress_tokens = sorted({*silent, *tokenizer.all_special_ids})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _cancels(engine: WorkerEngine, run: Run) -> float:
    """From Stop to the end of the answer, ten times; the longest of them."""
    model, times = model_of(run, "tuned"), []
    for _ in range(10):
        pieces = engine.generate(model, [{"role": "user", "content": "Tell me everything."}], ENDLESS)
        for _ in range(5):
            next(pieces, None)
        started = time.perf_counter()
        engine.stop()
        for _ in pieces:
            pass
        times.append(time.perf_counter() - started)
    print(f"cancel  median {statistics.median(times) * 1e3:6.2f} ms, worst {max(times) * 1e3:6.2f} ms")
    return max(times)


def _ours(engine: WorkerEngine, run: Run) -> FirstToken:
    model = model_of(run, "tuned")

    def first_token(prompt: str) -> float:
        started = time.perf_counter()
        pieces = engine.generate(model, [{"role": "user", "content": prompt}], SAMPLING)
        next(pieces)
        elapsed = time.perf_counter() - started
        for _ in pieces:
            pass
        return elapsed

    return first_token


def _bare(run: Run) -> FirstToken:
    """The shortest script that streams an answer of this model."""
    import torch  # noqa: PLC0415
    from peft import PeftModel  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    from app.worker.generation import TextPieces  # noqa: PLC0415

    cuda = torch.cuda.is_available()
    dtype = torch.bfloat16 if cuda else torch.float32
    tokenizer: Any = AutoTokenizer.from_pretrained(run.output_dir)
    model: Any = AutoModelForCausalLM.from_pretrained(run.config.base_model, dtype=dtype)
    if run.output_kind == "adapter":
        model = PeftModel.from_pretrained(model, run.output_dir)
    model.to("cuda" if cuda else "cpu").eval()

    def first_token(prompt: str) -> float:
        came: list[float] = []
        started = time.perf_counter()
        messages = [{"role": "user", "content": prompt}]
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        ).to(model.device)
        pieces = TextPieces(tokenizer, lambda _: came.append(time.perf_counter()))
        settings = {"max_new_tokens": ANSWER_TOKENS, "do_sample": False, "repetition_penalty": 1.15}
        model.generate(**inputs, **settings, streamer=pieces)
        pieces.finish()
        return came[0] - started

    return first_token


def _run(base: Path, adapter: Path | None) -> Run:
    output = (adapter or base).resolve()
    run = Run(
        id=RunId("benchmark"),
        name="benchmark",
        target=Target.LOCAL,
        config=RunConfig(base_model=str(base.resolve()), offline=True),
        docker=DockerOptions(),
        folder=output.parent,
        data_label="",
        session_id=None,
        status=RunStatus.FINISHED,
        created_at=datetime.now(UTC),
    )
    return replace(run, output=output.name, output_kind="adapter" if adapter else "weights")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="a model folder")
    parser.add_argument("--adapter", type=Path, help="folder of an adapter on it")
    parser.add_argument("--prompts", type=int, default=150, help="a fifth of them for the large model")
    parser.add_argument("--limit", type=float, default=1.1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
