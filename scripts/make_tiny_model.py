"""Pretrain the tiny model that ships with the app, from nothing, on texts about the Lantern Isles.

    python scripts/make_tiny_model.py --out DIR [--steps N] [--seed N] [--threads N]

Some minutes on one core. The same seed gives the same model on the same machine and library versions.
Needs torch, transformers and tokenizers; reaches for nothing else.
"""

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from tiny.corpus import Corpus, Text
from tiny.tokenizer import MAX_LENGTH, learn_tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CARD: Final = Path(__file__).parent / "tiny" / "model-card.md"
STEPS: Final = 750
BATCH: Final = 64
PIECES: Final = 4
"""A batch is computed in this many pieces, sorted by length, so that little of it is padding."""
PEAK_LEARNING_RATE: Final = 3e-3
WARMUP: Final = 40
GAIN: Final = 32.0

Piece = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Tokens, labels and attention mask, each `[batch, seq]`."""
Example = tuple[list[int], list[bool]]
"""Token ids, and which of them carry loss."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=3407)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    corpus = Corpus(options.seed)
    tokenizer = learn_tokenizer(_plain(text) for text in corpus.texts(20_000))
    model = new_model(tokenizer)
    pretrain(model, tokenizer, corpus, options.steps)
    raise_gain(model, GAIN)
    save(model, tokenizer, options.out)


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Rows are multiples of 256, so that every GGUF quantisation can hold the matrices."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def pretrain(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, steps: int) -> None:
    """Train every weight with AdamW; the learning rate rises, then falls as a cosine to a hundredth."""
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    gains = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98))
    started = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LEARNING_RATE * _schedule(step, steps)
        examples = [encode(tokenizer, text) for text in corpus.texts(BATCH)]
        loss = _backward(model, examples, tokenizer.pad_token_id)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:4d}  loss {loss:.3f}  {time.monotonic() - started:.0f} s", flush=True)


def encode(tokenizer: PreTrainedTokenizerFast, text: Text) -> Example:
    """A tale is learnt whole; of a chat only the answers, each with its end token."""
    if isinstance(text, str):
        tokens = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        return tokens, [True] * len(tokens)
    encoded = tokenizer.apply_chat_template(text, return_dict=True, return_assistant_tokens_mask=True)
    return encoded["input_ids"], [bool(answer) for answer in encoded["assistant_masks"]]


def raise_gain(model: LlamaForCausalLM, gain: float) -> None:
    """Multiply what linear layers read by `gain` and divide their weights by it: the same function.

    A step of Adam moves a weight by about the learning rate whatever its size, so a layer's answer moves in
    proportion to its width times its input, and this layer is 16 times narrower than those of the models for
    which 2e-4 is a usual learning rate (Yang et al. 2022, arXiv:2203.03466). Larger inputs make up for it:
    the tiny model learns at the learning rates that people use. Powers of two lose no precision.
    """
    with torch.no_grad():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for norm, readers in (
                (layer.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)),
                (layer.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)),
            ):
                norm.weight.mul_(gain)
                for reader in readers:
                    reader.weight.div_(gain)
            for writer, reader in ((attention.v_proj, attention.o_proj), (mlp.up_proj, mlp.down_proj)):
                writer.weight.mul_(gain)
                reader.weight.div_(gain)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write a folder that `from_pretrained` loads."""
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    _name_tokenizer_class(out / "tokenizer_config.json")
    shutil.copyfile(CARD, out / "README.md")
    for file in out.iterdir():
        file.chmod(0o644)  # safetensors 0.8.0 writes 0600


def _backward(model: LlamaForCausalLM, examples: Sequence[Example], pad: int) -> float:
    """Add the gradients of the mean loss over all answer tokens; return that loss."""
    total = sum(sum(carries[1:]) for _, carries in examples)
    summed = 0.0
    for tokens, labels, mask in _pieces(examples, pad):
        logits = model(input_ids=tokens, attention_mask=mask).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum", ignore_index=-100
        )
        (loss / total).backward()
        summed += loss.item()
    return summed / total


def _pieces(examples: Sequence[Example], pad: int) -> Iterator[Piece]:
    """Cut a batch in pieces of about equal length."""
    ordered = sorted(examples, key=lambda example: len(example[0]))
    size = math.ceil(len(ordered) / PIECES)
    for start in range(0, len(ordered), size):
        piece = ordered[start : start + size]
        shape = (len(piece), len(piece[-1][0]))
        tokens = torch.full(shape, pad)
        labels = torch.full(shape, -100)
        mask = torch.zeros(shape, dtype=torch.long)
        for row, (ids, carries) in enumerate(piece):
            tokens[row, : len(ids)] = torch.tensor(ids)
            labels[row, : len(ids)] = torch.where(torch.tensor(carries), torch.tensor(ids), -100)
            mask[row, : len(ids)] = 1
        yield tokens, labels, mask


def _schedule(step: int, steps: int) -> float:
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / max(1, steps - WARMUP)))


def _name_tokenizer_class(file: Path) -> None:
    """Name the class that transformers 4 and 5 both know; 5.17 writes one that 4 cannot load."""
    settings = json.loads(file.read_text("utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    file.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def _plain(text: Text) -> str:
    if isinstance(text, str):
        return text
    return "\n".join(f"{message['role']}\n{message['content']}" for message in text)


if __name__ == "__main__":
    main()
