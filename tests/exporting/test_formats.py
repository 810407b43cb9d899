"""Each format, written and loaded again; adapters of every kind answer as before they were merged."""

import inspect
import json
import shutil
from pathlib import Path

import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from app.domain.errors import StudioError
from app.domain.exports import MODELFILE, MlxBits, Told
from app.worker.exporting import mlx
from app.worker.exporting.building import make
from tests.exporting.conftest import MODEL, PROMPTS, job, unheard
from trainer_image.subspace import factorise

pytestmark = pytest.mark.training

PARAMETERS = 2_754_816
"""Of the tiny model."""

KINDS = {
    "plain": {},
    "DoRA": {"use_dora": True},
    "rank-stabilised": {"use_rslora": True},
    "first layer, tied to the last": {"target_modules": ["q_proj", "embed_tokens"]},
    "last layer, tied to the first": {"target_modules": ["q_proj", "lm_head"]},
    "added tokens": {
        "added": 5, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["embed_tokens", "lm_head"],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_adapter_answers_as_it_did_beside_its_base(kind: str, adapter, tmp_path: Path) -> None:
    made = make(job(adapter("one", **KINDS[kind]), tmp_path / "out", "merged"), unheard)

    assert made.certificate.passed, made.certificate.verdict
    assert [check.passed for check in made.certificate.checks] == [True] * 5
    assert len(made.certificate.answers) == len(PROMPTS)


def test_a_merged_model_is_whole_in_16_bits_with_words_template_and_settings(adapter, tmp_path: Path) -> None:
    trained = adapter("one")

    make(job(trained, tmp_path / "out", "merged"), unheard)

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto")
    words = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert {weight.dtype.itemsize for weight in model.parameters()} == {2}
    assert words.chat_template == AutoTokenizer.from_pretrained(trained).chat_template
    assert GenerationConfig.from_pretrained(tmp_path / "out").eos_token_id == 2
    assert not (tmp_path / "out" / "adapter_config.json").exists()


def test_an_adapter_is_copied_and_tried_on_its_base(adapter, tmp_path: Path) -> None:
    made = make(job(adapter("one", use_dora=True), tmp_path / "out", "adapter"), unheard)

    assert made.certificate.passed
    assert {"adapter_model.safetensors", "tokenizer.json"} <= {p.name for p in (tmp_path / "out").iterdir()}


def test_a_merge_into_a_base_of_fewer_bits_is_refused(adapter, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    config = (MODEL / "config.json").read_text().rstrip().removesuffix("}")
    (base / "config.json").write_text(config + ', "quantization_config": {"load_in_4bit": true}}')

    with pytest.raises(StudioError, match="stored in fewer bits"):
        make(job(adapter("one"), tmp_path / "out", "merged", base_model=str(base)), unheard)


@pytest.mark.parametrize("quantization", ["f16", "bf16", "q8_0", "q5_k_m", "q4_k_m"])
def test_a_gguf_is_read_and_answered_by_llama_cpp_as_trained(quantization: str, tmp_path: Path) -> None:
    made = make(job(MODEL, tmp_path / "out", quantization=quantization), unheard)

    assert made.certificate.passed, made.certificate.verdict
    assert "llama.cpp" in made.certificate.runtime
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"model-{quantization}.gguf", MODELFILE}


def test_a_mixture_gives_more_bits_to_what_llama_cpp_gives_more_bits_to(tmp_path: Path) -> None:
    make(job(MODEL, tmp_path / "out", quantization="q4_k_m"), unheard)

    reader = GGUFReader(tmp_path / "out" / "model-q4_k_m.gguf")
    kinds = {tensor.name: tensor.tensor_type for tensor in reader.tensors}
    six = {name for name, kind in kinds.items() if kind is GGMLQuantizationType.Q6_K}
    # Of four layers those from 7 * 4 // 8 = 3 on, every third of the others, and the tied embedding.
    assert six == {"token_embd.weight"} | {
        f"blk.{layer}.{name}.weight" for layer in (2, 3) for name in ("attn_v", "ffn_down")
    }
    assert kinds["blk.0.attn_v.weight"] is GGMLQuantizationType.Q4_K
    assert kinds["blk.0.attn_norm.weight"] is GGMLQuantizationType.F32
    assert reader.fields["general.file_type"].contents() == 15  # what llama.cpp calls Q4_K_M


def test_mlx_is_refused_elsewhere_than_on_apple_silicon(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mlx, "is_apple_silicon", lambda: False)

    with pytest.raises(StudioError, match="Mac with Apple silicon"):
        make(job(MODEL, tmp_path / "out", "mlx"), unheard)


@pytest.mark.parametrize("bits", MlxBits)
def test_an_mlx_model_of_so_many_bits_is_read_and_answered_by_mlx_as_trained(
    bits: MlxBits, adapter, monkeypatch, tmp_path: Path
) -> None:
    """By mlx-lm itself, which has wheels for Linux as well: the code that a Mac runs, on another chip."""
    pytest.importorskip("mlx_lm")
    monkeypatch.setattr(mlx, "is_apple_silicon", lambda: True)
    trained = adapter("one") if bits is MlxBits.EIGHT else MODEL

    made = make(job(trained, tmp_path / "out", "mlx", mlx_bits=bits), unheard)

    config = json.loads((tmp_path / "out" / "config.json").read_text())
    size = (tmp_path / "out" / "model.safetensors").stat().st_size
    assert made.certificate.passed, made.certificate.verdict
    assert made.certificate.runtime.startswith("mlx-lm 0.")
    assert config.get("quantization", {}).get("bits", 16) == int(bits)
    assert size == pytest.approx(PARAMETERS * bits.bits / 8, rel=0.01)
    assert not {".whole", "mlx"} & {path.name for path in (tmp_path / "out").iterdir()}


def test_mlx_lm_is_asked_with_words_it_knows() -> None:
    """Its signature, as published with mlx-lm 0.32.2; the version that is installed is asked itself."""
    convert = pytest.importorskip("mlx_lm").convert
    known = inspect.signature(convert)

    for bits in MlxBits:
        known.bind(**mlx.arguments(Path("whole"), Path("made"), bits))
    assert mlx.arguments(Path("whole"), Path("made"), MlxBits.FOUR) == {
        "hf_path": "whole", "mlx_path": "made", "dtype": "bfloat16",
        "quantize": True, "q_bits": 4, "q_group_size": 64, "q_mode": "affine",
    }  # fmt: skip
    assert "quantize" not in mlx.arguments(Path("whole"), Path("made"), MlxBits.SIXTEEN)


@pytest.mark.parametrize("kind", ["adapter", "merged", "gguf"])
def test_a_checkpoint_without_settings_ends_its_answers_where_training_did(
    kind: str, adapter, tmp_path: Path
) -> None:
    """As one of an adapter is: it says nothing of generating, and its base never heard of the turn's end."""
    base = shutil.copytree(MODEL, tmp_path / "base")
    for name in ("generation_config.json", "config.json"):
        text = (base / name).read_text()
        (base / name).write_text(text.replace('"eos_token_id": 2', '"eos_token_id": 0'))
    checkpoint = shutil.copytree(adapter("one"), tmp_path / "samples_8")
    (checkpoint / "generation_config.json").unlink()
    (checkpoint / "optimizer.pt").write_bytes(b"x")
    (checkpoint / "training_args.bin").write_bytes(b"x")

    made = make(job(checkpoint, tmp_path / "out", kind, base_model=str(base)), unheard)

    assert made.certificate.passed, made.certificate.verdict
    assert not {"optimizer.pt", "training_args.bin"} & {p.name for p in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("kind", ["merged", "gguf"])
def test_a_model_without_a_chat_template_is_refused_before_anything_is_loaded(kind, tmp_path: Path) -> None:
    bare = shutil.copytree(MODEL, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    told: list[Told] = []

    with pytest.raises(StudioError, match="has no chat template: what is exported could not be") as refused:
        make(job(bare, tmp_path / "out", kind), told.append)

    assert "chat_template.jinja" in refused.value.hint
    assert (told, list((tmp_path / "out").iterdir())) == ([], [])


def test_a_checkpoint_of_osft_becomes_the_model_its_parts_are(tmp_path: Path) -> None:
    trained = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    before = {name: weight.clone() for name, weight in trained.state_dict().items()}
    checkpoint = shutil.copytree(MODEL, tmp_path / "samples_4")
    factorise(trained, ["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"], 0.5)
    save_file(
        {n: w for n, w in trained.state_dict().items() if n != "lm_head.weight"},
        checkpoint / "model.safetensors",
    )

    made = make(job(checkpoint, tmp_path / "out", "merged"), unheard)

    after = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).state_dict()
    assert made.certificate.passed, made.certificate.verdict
    assert max((after[name] - before[name]).abs().max().item() for name in before) < 0.01
    assert not (tmp_path / "out" / ".dense").exists()
