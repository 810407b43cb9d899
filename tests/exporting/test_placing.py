"""An export computes where there is room, and goes on elsewhere where there was none after all."""

import gc
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from app.domain.export_sizes import estimate
from app.domain.exports import ComputesOn, ExportFormat, ExportWish, Quantization, Told
from app.services.export_models import in_folder
from app.worker.exporting import building
from app.worker.exporting.building import make
from app.worker.exporting.placing import place_for
from app.worker.exporting.watching import size_of
from tests.exporting.conftest import MODEL, job, unheard

pytestmark = pytest.mark.training

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("wanted", "model_gb", "free_gb", "card", "has_mps", "place"),
    [
        ("auto", 16, 24, 1, False, "cuda:1"),
        ("auto", 16, 12, 0, False, "cpu"),
        ("cpu", 1, 24, 0, False, "cpu"),
        ("auto", 16, None, None, False, "cpu"),
        ("auto", 16, None, None, True, "mps"),
        ("cpu", 16, None, None, True, "cpu"),
    ],
)
def test_a_model_computes_on_the_card_it_fits_on_else_on_the_processor(
    wanted: str, model_gb: int, free_gb: int | None, card: int | None, has_mps: bool, place: str
) -> None:
    free = None if free_gb is None else free_gb * GB

    assert place_for(ComputesOn(wanted), model_gb * GB, free, card, has_mps=has_mps) == place


def test_a_card_that_is_too_small_after_all_is_left_and_the_export_made_on_the_processor(
    adapter, monkeypatch, tmp_path: Path
) -> None:
    """As torch says it in the middle of the work, with half of the files written."""
    asked: list[ComputesOn] = []
    real = building._merged

    def runs_out_once(job: Any, folder: Path, *more: Any) -> Path:
        asked.append(job.computes_on)
        if len(asked) == 1:
            (folder / "half.safetensors").write_bytes(b"x")
            (folder / "half").mkdir()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(job, folder, *more)

    monkeypatch.setattr(building, "_merged", runs_out_once)
    heard: list[str] = []

    made = make(job(adapter("one"), tmp_path / "out", "merged"), lambda told: heard.append(told.text))

    assert made.certificate.passed
    assert asked == [ComputesOn.AUTO, ComputesOn.CPU]
    assert "The graphics card is too small: beginning again on the processor" in heard
    assert "it was made on the processor" in made.certificate.remarks[-1]
    assert not {"half", "half.safetensors"} & {path.name for path in (tmp_path / "out").iterdir()}


def test_on_the_processor_by_choice_it_is_made_and_certified(adapter, tmp_path: Path) -> None:
    asked = job(adapter("one"), tmp_path / "out", "merged", computes_on=ComputesOn.CPU)

    assert make(asked, unheard).certificate.passed


@pytest.mark.parametrize("format", ["adapter", "merged", "gguf"])
def test_the_trained_model_is_gone_when_the_export_is_loaded(format: str, adapter, tmp_path: Path) -> None:
    """Else an export takes twice the memory it says."""
    held: list[int] = []
    before = _models()

    def look(told: Told) -> None:
        if told.text.startswith("Loading the export anew"):
            held.append(_models() - before)

    make(job(adapter("one"), tmp_path / "out", format), look)

    assert held == [0]


def _models() -> int:
    """How many there are in memory."""
    gc.collect()
    with warnings.catch_warnings(action="ignore"):  # some objects of torch warn when they are looked at
        return sum(isinstance(one, LlamaForCausalLM) for one in gc.get_objects())


def test_weights_of_32_bits_take_on_the_disk_what_is_said_and_a_whole_model_has_16(
    adapter, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).save_pretrained(base)
    taken: list[int] = []
    asked = job(adapter("one"), tmp_path / "out", "gguf", "q4_k_m", base_model=str(base))

    make(asked, lambda told: taken.append(size_of(asked.staging)) if "Quantising" in told.text else None)
    make(job(adapter("one"), tmp_path / "whole", "merged", base_model=str(base)), unheard)

    wish = ExportWish(ExportFormat.GGUF, asked.staging, Quantization.Q4_K_M)
    said = estimate(wish, in_folder(base), adapter_bytes=0, is_adapter=True, free_bytes=0)
    assert max(taken) <= said.needed_bytes <= 1.3 * max(taken)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "whole", dtype="auto")
    assert {weight.dtype.itemsize for weight in whole.parameters()} == {2}
    assert (tmp_path / "whole" / "model.safetensors").stat().st_size < 2.1 * 2_754_816
