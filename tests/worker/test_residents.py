"""Several adapters on one base model in memory, in full precision and in fewer bits."""

import gc
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from app.domain.chat import Sampling
from app.domain.errors import EngineError
from app.worker import models, quantisation
from app.worker.generation import generate
from app.worker.models import LoadedModel
from app.worker.protocol import Generate, Load
from app.worker.residents import MOST_ADAPTERS, Residents
from tests.worker.conftest import TinyRuns
from tests.worker.tiny import make_adapter, make_adapter_with_tokens
from trainer_image.subspace import factorise

MODEL = Path(__file__).parents[2] / "assets" / "tiny-model"

pytestmark = pytest.mark.training


def nothing(_: str) -> None:
    pass


@pytest.fixture
def loads(tiny_runs: TinyRuns, tmp_path: Path) -> list[Load]:
    """Adapters on one base model, each in its own way."""
    base = str(tiny_runs.base)
    folders = [str(tmp_path / f"adapter-{n}") for n in range(MOST_ADAPTERS + 1)]
    for n, folder in enumerate(folders):
        make_adapter(tiny_runs.base, Path(folder), seed=10 + n)
    return [Load(base_model=base, words=folder, adapter=folder) for folder in folders]


def answer(speaker: LoadedModel, *, voice: str = "tuned") -> list[str]:
    said: list[str] = []
    sampling = Sampling(temperature=0.0, max_new_tokens=12, repetition_penalty=1.0)
    request = Generate(id=1, messages=[{"role": "user", "content": "Hi"}], sampling=sampling, voice=voice)
    generate(speaker, request, lambda token: said.append(token.text), cancelled=lambda: False)
    return said


def test_two_adapters_take_turns_on_one_base_model_as_if_each_were_alone(loads: list[Load]) -> None:
    alone = [answer(Residents().have(load, nothing)) for load in loads[:2]]
    together = Residents()
    first, second = (together.have(load, nothing) for load in loads[:2])

    assert [answer(first), answer(second), answer(first)] == [alone[0], alone[1], alone[0]]
    assert alone[0] != alone[1]
    assert first.model is second.model or first.model.base_model is second.model.base_model


def test_the_base_model_alone_stays_itself_when_an_adapter_joins_it(loads: list[Load], tiny_runs) -> None:
    residents = Residents()
    plain = Load(base_model=str(tiny_runs.base), words=str(tiny_runs.base))
    before = answer(residents.have(plain, nothing))

    tuned = answer(residents.have(loads[0], nothing))

    assert answer(residents.have(plain, nothing)) == before != tuned
    assert answer(residents.have(loads[0], nothing), voice="base") == before


def test_only_a_few_adapters_stay_and_the_oldest_goes_first(loads: list[Load]) -> None:
    residents = Residents()
    speakers = [residents.have(load, nothing) for load in loads]

    assert set(speakers[-1].model.peft_config) == {speaker.adapter for speaker in speakers[1:]}
    assert answer(residents.have(loads[0], nothing)) == answer(Residents().have(loads[0], nothing))


def test_the_effect_of_an_adapter_is_the_largest_difference_of_a_logit(loads: list[Load]) -> None:
    speaker = Residents().have(loads[0], nothing)
    messages = [{"role": "user", "content": "Hello! What can you tell me?"}]
    ids = speaker.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    ids = ids["input_ids"] if not torch.is_tensor(ids) else ids

    with torch.no_grad():
        tuned = speaker.model(input_ids=ids).logits
        with speaker.model.disable_adapter():
            base = speaker.model(input_ids=ids).logits

    assert speaker.adapter_effect == pytest.approx(float((tuned - base).abs().max()), rel=1e-4)


def test_an_adapter_that_reaches_no_logit_is_refused(loads: list[Load], monkeypatch) -> None:
    """Its files are whole, and not empty; a broken library leaves it out of the forward pass."""
    monkeypatch.setattr("peft.tuners.lora.layer.Linear.forward", lambda self, x: self.base_layer(x))

    with pytest.raises(EngineError, match="did not change the model"):
        Residents().have(loads[0], nothing)


@pytest.mark.parametrize(("precision", "part"), [("8bit", 0.75), ("4bit", 0.7)])
def test_fewer_bits_take_less_memory_and_the_adapter_still_works(
    loads: list[Load], precision, part: float
) -> None:
    whole, narrow = Residents(), Residents()
    whole.have(loads[0], nothing)
    speaker = narrow.have(loads[0].model_copy(update={"precision": precision}), nothing)

    assert narrow.memory_bytes < part * whole.memory_bytes
    assert speaker.adapter_effect
    assert answer(speaker) != answer(speaker, voice="base")


@pytest.mark.parametrize("has_avx512bf16", [True, False])
def test_a_base_that_is_stored_in_four_bits_keeps_its_layout_whatever_precision_was_asked_for(
    tmp_path: Path, monkeypatch, has_avx512bf16: bool
) -> None:
    """Some processors would repack it at the first pass, and an adapter on it would compute rubbish."""
    modules = pytest.importorskip("bitsandbytes.nn.modules")
    monkeypatch.setattr(modules, "has_avx512bf16", lambda: has_avx512bf16)
    how = quantisation.arguments("4bit", "cpu")
    AutoModelForCausalLM.from_pretrained(MODEL, **how).save_pretrained(tmp_path)

    model, device = models.load_base(Load(base_model=str(tmp_path), words=str(MODEL)), nothing)

    layers = [module for module in model.modules() if isinstance(module, modules.Linear4bit)]
    assert len(layers) > 10
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
    assert device == "cpu"


def test_a_gpu_that_is_not_there_and_bits_an_apple_gpu_cannot_do_are_refused_with_the_reason() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="no NVIDIA GPU"):
            models.place_of("cuda")
    with pytest.raises(EngineError, match="Apple GPU"):
        quantisation.arguments("4bit", "mps")


def test_loading_and_letting_go_again_and_again_keeps_no_weights(loads: list[Load]) -> None:
    """Over 50 cycles, as `benchmarks/reload_memory.py` measures the whole process."""
    residents = Residents()
    held = []
    for number in range(50):
        answer(residents.have(loads[number % 2], nothing))
        residents.drop()
        if number in (1, 49):
            held.append(sum(one.nbytes for one in gc.get_objects() if torch.is_tensor(one)))

    assert held[0] == held[1]


def test_a_newer_adapter_of_the_same_folder_is_another_one(loads: list[Load], tiny_runs) -> None:
    residents = Residents()
    before = answer(residents.have(loads[0], nothing))
    make_adapter(tiny_runs.base, Path(loads[0].adapter), seed=99)

    newer = residents.have(loads[0].model_copy(update={"adapter_stamp": 2}), nothing)

    assert answer(newer) != before


def test_an_adapter_that_brought_tokens_speaks_and_has_its_base_model_for_itself(
    loads: list[Load], tiny_runs: TinyRuns, tmp_path: Path
) -> None:
    folder = tmp_path / "with-tokens"
    make_adapter_with_tokens(tiny_runs.base, folder, seed=31)
    wide = Load(base_model=str(tiny_runs.base), words=str(folder), adapter=str(folder))
    alone = [answer(Residents().have(load, nothing)) for load in (loads[0], wide)]
    residents = Residents()

    said = [answer(residents.have(load, nothing)) for load in (loads[0], wide, wide, loads[0])]

    assert said == [alone[0], alone[1], alone[1], alone[0]]
    speaker = residents.have(wide, nothing)
    stored = load_file(folder / "adapter_model.safetensors")
    rows = next(value for key, value in stored.items() if "embed_tokens" in key)
    assert torch.equal(speaker.model.get_input_embeddings().weight.cpu(), rows)


def test_an_adapter_of_another_kind_does_not_join(loads: list[Load]) -> None:
    residents = Residents()
    first = residents.have(loads[0], nothing)
    config = Path(loads[1].adapter) / "adapter_config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"peft_type": "ADALORA"}))

    with pytest.raises(EngineError):  # its files are not of that kind
        residents.have(loads[1], nothing)

    assert residents.have(loads[0], nothing).model is not first.model


@pytest.fixture
def osft_checkpoint(tiny_runs: TinyRuns, tmp_path: Path) -> Load:
    """As a run holds it on its way: two matrices in factors."""
    folder = shutil.copytree(tiny_runs.base, tmp_path / "samples_4")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    names = [name for name, part in model.named_modules() if name.endswith(("q_proj", "down_proj"))]
    factorise(model, names, 0.5)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    kept = {name: weight for name, weight in model.state_dict().items() if name not in tied}
    save_file(kept, folder / "model.safetensors")
    return Load(base_model=str(folder), words=str(folder))


def test_a_checkpoint_in_factors_is_multiplied_out_and_speaks(osft_checkpoint: Load, tiny_runs) -> None:
    whole = Residents().have(Load(base_model=str(tiny_runs.base), words=str(tiny_runs.base)), nothing)

    parts = Residents().have(osft_checkpoint, nothing)

    assert answer(parts) == answer(whole)
    assert not [name for name in parts.model.state_dict() if "U_low" in name]


def test_a_checkpoint_in_factors_is_refused_in_fewer_bits(osft_checkpoint: Load) -> None:
    asked = osft_checkpoint.model_copy(update={"precision": "4bit"})

    with pytest.raises(EngineError, match="OSFT run cannot be loaded in fewer bits"):
        Residents().have(asked, nothing)
