"""An adapter is taken along alone: tried on its base where that can be loaded, else looked at by itself."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.domain.exports import NOT_TRIED
from app.worker.exporting import loading
from app.worker.exporting.building import make
from app.worker.exporting.runtimes import WordsOnly
from tests.exporting.conftest import MODEL, PROMPTS, add_run, job, service_of, unheard, wish
from tests.exporting.writer import Writer

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def base_in_four_bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model as bitsandbytes stores it, like the bases whose names end in bnb-4bit."""
    pytest.importorskip("bitsandbytes")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("bases") / "tiny-bnb-4bit"
    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    )
    AutoModelForCausalLM.from_pretrained(
        MODEL, quantization_config=how, device_map={"": "cpu"}
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def exported(adapter, base_in_four_bits: Path, tmp_path: Path) -> Callable[..., object]:
    def export(trained: Path | None = None, base: str = "") -> object:
        base = base or str(base_in_four_bits)
        asked = job(trained or adapter("one"), tmp_path / "out", "adapter", base_model=base)
        return make(asked, unheard).certificate

    return export


def test_an_adapter_of_a_base_in_four_bits_is_tried_on_that_base(exported, tmp_path: Path) -> None:
    certificate = exported()

    assert certificate.passed, certificate.verdict
    assert len(certificate.answers) == len(PROMPTS)
    assert "as it is stored, in fewer bits" in certificate.remarks[0]
    assert "adapter_model.safetensors" in {path.name for path in (tmp_path / "out").iterdir()}


def test_without_bitsandbytes_it_is_copied_and_the_certificate_says_what_was_not_tried(
    exported, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loading, "_has_bitsandbytes", lambda: False)

    certificate = exported()

    assert not certificate.passed
    assert certificate.verdict.startswith(NOT_TRIED)
    assert "bitsandbytes, which reads that, is not installed here" in certificate.verdict
    assert all(check.passed for check in certificate.checks), certificate.checks
    assert {check.name for check in certificate.checks} >= {
        "The copy is the same, byte by byte",
        "The adapter's own parts fit each other",
        "The text becomes the same tokens",
    }
    assert certificate.answers == ()
    assert "Not tried: its answers." in certificate.remarks[0]
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_a_base_that_is_gone_keeps_no_adapter_from_being_taken_along(
    world, store, adapter, tmp_path: Path, exported
) -> None:
    run = add_run(world, adapter("one"), base=tmp_path / "gone")
    writer = Writer()

    service_of(world, store, writer).export(run.id, wish(tmp_path / "taken", "adapter"), unheard)
    certificate = exported(base=writer.jobs[-1].base_model)

    assert "The base model gone is not to be had." in certificate.verdict


def _without_settings(base: Path) -> None:
    (base / "config.json").write_text("{}")


def _in_part(base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, base / "model.safetensors", {"format": "pt"})


def _no_weights(base: Path) -> None:
    (base / "model.safetensors").write_bytes(b"none")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_settings, "The base model owner/tiny cannot be read."),
        (_in_part, "The model owner/tiny is not whole: 1 tensors are missing, like model.norm.weight."),
        (_no_weights, "The model owner/tiny cannot be loaded"),
    ],
)
def test_of_a_base_that_cannot_be_loaded_the_certificate_has_its_name_and_no_folder_of_this_computer(
    damage, said: str, exported, tmp_path: Path, monkeypatch
) -> None:
    base = shutil.copytree(MODEL, tmp_path / "hub" / "models--owner--tiny" / "snapshots" / "abc")
    damage(base)
    monkeypatch.setattr(loading, "base_folder", lambda name, tell: base)

    certificate = exported(base="owner/tiny")

    assert said in certificate.verdict
    assert str(tmp_path) not in f"{certificate.verdict} {certificate.remarks} {certificate.checks}"


def _without_a_half(weights: dict[str, torch.Tensor]) -> None:
    del weights[next(name for name in weights if "lora_B" in name)]


def _of_another_rank(weights: dict[str, torch.Tensor]) -> None:
    name = next(name for name in weights if "lora_A" in name)
    weights[name] = weights[name][:2].clone()


def _with_no_numbers(weights: dict[str, torch.Tensor]) -> None:
    next(iter(weights.values()))[0, 0] = float("nan")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_a_half, "has no other half"),
        (_of_another_rank, "has rank 2, its other half 4"),
        (_with_no_numbers, "values that are not numbers"),
    ],
)
def test_an_adapter_that_is_wrong_by_itself_is_found_without_its_base(
    damage, said: str, exported, adapter, tmp_path: Path
) -> None:
    trained = shutil.copytree(adapter("one"), tmp_path / "damaged")
    weights = load_file(trained / "adapter_model.safetensors")
    damage(weights)
    save_file(weights, trained / "adapter_model.safetensors", {"format": "pt"})

    certificate = exported(trained, base=str(tmp_path / "gone"))

    assert not certificate.passed
    assert said in certificate.verdict


def test_a_checkpoint_copied_without_its_base_says_where_an_answer_ends(
    exported, adapter, tmp_path: Path
) -> None:
    checkpoint = shutil.copytree(adapter("one"), tmp_path / "samples_8")
    (checkpoint / "generation_config.json").unlink()

    certificate = exported(checkpoint, base=str(tmp_path / "gone"))

    assert json.loads((tmp_path / "out" / "generation_config.json").read_text())["eos_token_id"] == [2]
    assert all(check.passed for check in certificate.checks), certificate.checks


def test_where_there_is_no_model_there_is_nothing_that_could_be_asked_for_an_answer() -> None:
    """mypy refuses a `Reader` where a `Runtime` is wanted; nothing here may pretend to be one."""
    assert not hasattr(WordsOnly, "answer")
    assert {"render", "tokenize", "stops_at", "close"} <= set(vars(WordsOnly))
