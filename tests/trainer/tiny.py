"""A random model of a few hundred kilobytes with its own tokenizer, and runs of the trainer on it."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trainer_image.events import Event, Metrics, Result, parse_event

_Kind = TypeVar("_Kind")
TRAIN = Path(__file__).parents[2] / "trainer_image" / "train.py"

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|im_end|>\n"
    "{% endgeneration %}{% else %}{{ message['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_WITHOUT_MARKERS = CHATML.replace("{% generation %}", "").replace("{% endgeneration %}", "")
CITIES = ["Arn", "Bel", "Cor", "Dun", "Elm", "Fip", "Gor", "Hul"]


def tokenizer() -> Any:
    """Byte-level BPE with a vocabulary of 320 and the ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    text = [f"{m['role']} {m['content']}" for row in rows() for m in row["messages"]]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def save_model(
    folder: Path, *, chat_template: str | None = CHATML, hidden_size: int = 64, layers: int = 2
) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = tokenizer()
    words.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.1,  # a random head with the usual 0.02 lets an adapter say next to nothing
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = words.convert_tokens_to_ids("<|endoftext|>")
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def rows() -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Which river runs through {city}?"},
                {"role": "assistant", "content": f"The {city.lower()}a{' slowly' * at} runs through {city}."},
            ]
        }
        for at, city in enumerate(CITIES)
    ]


def make_run(folder: Path, model: Path | str, **settings: Any) -> Path:
    """A run folder with a config and eight rows, 12 steps of 4 examples unless told otherwise."""
    (folder / "data").mkdir(parents=True)
    lines = settings.pop("lines", [json.dumps(row) for row in rows()])
    (folder / "data" / "train.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    config = {
        "base_model": str(model),
        "method": {"kind": "sft"},
        "num_epochs": 6,
        "learning_rate": 5e-3,
        "per_device_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "max_seq_len": 128,
        "save_steps": 4,
        "offline": True,
    } | settings
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Ran:
    folder: Path
    code: int
    log: str

    @property
    def events(self) -> list[Event]:
        lines = (self.folder / "events.jsonl").read_bytes().splitlines()
        return [event for line in lines if (event := parse_event(line))]

    @property
    def result(self) -> Result:
        return Result.model_validate_json((self.folder / "result.json").read_bytes())

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [event for event in self.events if isinstance(event, kind)]


def losses(ran: "Ran") -> dict[int, float]:
    return {event.step: event.loss for event in ran.of(Metrics)}


def load_weights(folder: Path) -> dict[str, Any]:
    """The tensors of a saved adapter or model, as they lie in its file."""
    from safetensors.torch import load_file

    return dict(load_file(next(iter(folder.glob("*model.safetensors")))))


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "", **extra}


def start(folder: Path, *options: str, train: Path = TRAIN, **popen: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(train), "--run-dir", str(folder), *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=popen.pop("env", environment()),
        **popen,
    )


def finish(process: "subprocess.Popen[str]", folder: Path) -> Ran:
    log, _ = process.communicate(timeout=120)
    return Ran(folder, process.returncode, log)


def run(folder: Path, *options: str, **popen: Any) -> Ran:
    return finish(start(folder, *options, **popen), folder)


def wait_for(process: "subprocess.Popen[str]", sign: Callable[[str], bool]) -> None:
    """Read the log until a line shows the sign."""
    assert process.stdout is not None
    for line in process.stdout:
        if sign(line):
            return
    raise AssertionError(f"the trainer ended with {process.wait()} before the sign")
