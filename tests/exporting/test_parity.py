"""The certificate: green for five families of templates, red with the exact reason for what is not alike."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from app.domain.exports import ExportFormat, Quantization
from app.worker.exporting import parity
from app.worker.exporting import reference as reference_module
from app.worker.exporting.building import make
from app.worker.exporting.gguf_file import write_gguf
from app.worker.exporting.reference import Reference
from app.worker.llama_cpp import LlamaCpp
from tests.exporting.conftest import MODEL, PROMPTS, job, unheard
from tests.trainer.test_template_families import SPECIAL, tokenizer

pytestmark = pytest.mark.training

TALKS = (
    *PROMPTS,
    (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "And back?"},
    ),
)


def family_model(folder: Path, family: str) -> Path:
    """Random weights, so that it babbles; its tokenizer and template are the family's."""
    words = tokenizer(family, marked=False)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = words.convert_tokens_to_ids(
        "<|end|>" if family == "phi3" else words.eos_token
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", SPECIAL)
def test_a_family_is_read_and_ended_by_llama_cpp_as_by_its_training(family: str, tmp_path: Path) -> None:
    made = make(job(family_model(tmp_path / "model", family), tmp_path / "out", prompts=TALKS), unheard)

    assert made.certificate.passed, made.certificate.verdict


def certified(trained: Path, exported: Path, folder: Path, quantization: str = "f16") -> Any:
    """The certificate of a GGUF made from `exported`, for a model that was trained as `trained`."""
    folder.mkdir()
    wanted = Quantization(quantization)
    reference = Reference(
        AutoModelForCausalLM.from_pretrained(trained, dtype=torch.float32).eval(),
        AutoTokenizer.from_pretrained(trained),
    )
    asked = parity.ask(reference, TALKS, 512, lambda *_: None).asked
    write_gguf(exported, folder / "model.gguf", wanted, unheard)
    runtime = LlamaCpp(folder / "model.gguf", 512)
    try:
        bounds = parity.bounds_of(ExportFormat.GGUF, wanted)
        return parity.certify(reference, asked, runtime, bounds, lambda *_: None)
    finally:
        runtime.close()


def failing(certificate: Any) -> list[str]:
    return [check.name for check in certificate.checks if not check.passed]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "copy")


def test_a_tampered_template_is_found_with_the_letter_where_it_begins(copy: Path, tmp_path: Path) -> None:
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_start|>' + message", "<|im_start|> ' + message"))

    certificate = certified(MODEL, copy, tmp_path / "out")

    assert not certificate.passed
    assert failing(certificate)[:2] == [
        "The template writes the same text",
        "The text becomes the same tokens",
    ]
    assert "differs from letter 13 on" in certificate.verdict
    assert "'<|im_start|>user" in certificate.verdict


def test_a_tokenizer_that_cuts_text_otherwise_is_found_with_the_token(copy: Path, tmp_path: Path) -> None:
    words = json.loads((copy / "tokenizer.json").read_text())
    del words["model"]["merges"][200:]
    (copy / "tokenizer.json").write_text(json.dumps(words))

    certificate = certified(MODEL, copy, tmp_path / "out")

    assert "The text becomes the same tokens" in failing(certificate)
    assert "The template writes the same text" not in failing(certificate)


def test_an_answer_that_nothing_ends_is_found(copy: Path, tmp_path: Path) -> None:
    for name in ("config.json", "generation_config.json"):
        path = copy / name
        path.write_text(path.read_text().replace('"eos_token_id": 2', '"eos_token_id": 0'))
    path = copy / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"eos_token": "<|im_end|>"', '"eos_token": "<|pad|>"'))
    words = copy / "tokenizer.json"
    # llama.cpp knows the usual end-of-turn tokens by their names: this one has another.
    words.write_text(words.read_text().replace("<|im_end|>", "<|over|>"))
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_end|>", "<|over|>"))

    certificate = certified(MODEL, copy, tmp_path / "out")

    assert "An answer ends where training ended it" in failing(certificate)


def test_another_models_weights_are_found_by_their_answers(copy: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(copy)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * weight.std() * 0.5)
    model.save_pretrained(copy)

    certificate = certified(MODEL, copy, tmp_path / "out")

    assert failing(certificate) == ["The answers are the same"]
    assert "are clearly others (allowed: 2 %)" in certificate.verdict


def test_where_no_prompt_is_short_enough_there_is_no_tick_and_the_reason_has_the_lengths(
    tmp_path: Path,
) -> None:
    long = ({"role": "user", "content": "How old is the lighthouse? " * 200},)

    made = make(job(family_model(tmp_path / "model", "chatml"), tmp_path / "out", prompts=(long,)), unheard)

    certificate = made.certificate
    assert not certificate.passed
    assert certificate.answers == ()
    assert certificate.verdict.startswith("Not tried: no prompt was short enough to compare answers with.")
    assert "at most 512 are compared" in certificate.verdict


@pytest.mark.parametrize("what", ["text", "tokens"])
def test_a_prompt_that_quick_inference_reads_otherwise_than_training_is_found(
    what: str, monkeypatch, tmp_path: Path
) -> None:
    """As it would be with a slip in the one of the two that renders for the app."""
    real = reference_module.quick_render

    def slipped(tokenizer: Any, messages: Any) -> tuple[str, list[int]]:
        text, ids = real(tokenizer, messages)
        return (text + " ", ids) if what == "text" else (text, ids[:-1])

    monkeypatch.setattr(reference_module, "quick_render", slipped)

    certificate = make(job(MODEL, tmp_path / "out", "merged"), unheard).certificate

    assert failing(certificate) == ["Training and Quick Inference read alike"]
    said = {
        "text": "Prompt 1: Quick Inference differs from letter",
        "tokens": "Quick Inference reads nothing.",
    }
    assert said[what] in certificate.verdict
