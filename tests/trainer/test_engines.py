"""Unsloth where there is an NVIDIA GPU and the package, transformers and PEFT elsewhere; and why.

Unsloth itself needs a GPU. Here a class with the parameters of its two functions, as of 2026.10.9, stands in
its place: it proves which settings reach it and under which names, not that they train.
"""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trainer_image import engines
from trainer_image.config import Lora, Osft, RunConfig, Sft

STAND_IN = """
class FastLanguageModel:
    calls = []

    @staticmethod
    def from_pretrained(model_name, max_seq_length, dtype, load_in_4bit, load_in_8bit,
                        use_gradient_checkpointing, use_exact_model_name, fix_tokenizer, random_state):
        FastLanguageModel.calls.append(dict(locals()))
        return "model", "tokenizer"

    @staticmethod
    def get_peft_model(model, r, target_modules, lora_alpha, lora_dropout, bias,
                       use_gradient_checkpointing, random_state, use_rslora):
        FastLanguageModel.calls.append(dict(locals()))
        class Adapted:
            def save_pretrained(self, folder, save_embedding_layers="auto"):
                return save_embedding_layers
        return Adapted()
"""


@pytest.fixture
def unsloth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of that name; its text can be changed before it is imported."""
    (tmp_path / "unsloth.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("UNSLOTH_RETURN_LOGITS", "UNSLOTH_DISABLE_STATISTICS"):
        monkeypatch.setenv(name, "")
    yield tmp_path / "unsloth.py"
    sys.modules.pop("unsloth", None)


@pytest.fixture
def nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a GPU: what torch says about it, nothing more."""
    import torch

    import trainer_image.unsloth_engine  # noqa: F401 transformers looks at torch.cuda as it is imported

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")


def config(**method: Any) -> RunConfig:
    return RunConfig(base_model="a/b", method=Lora(**method), max_seq_len=99, seed=5)


def test_there_is_a_choice_and_a_word_about_it_for_adapters_only() -> None:
    assert engines.choose(RunConfig(base_model="a/b", method=Sft())).why == ""
    assert engines.choose(RunConfig(base_model="a/b", method=Osft())).why == ""
    assert engines.choose(config()).why.endswith("Unsloth is not installed.")


def test_without_an_nvidia_gpu_an_installed_unsloth_is_not_even_imported(unsloth: Path) -> None:
    engine = engines.choose(config())

    assert (engine.name, engine.why.split(": ")[1]) == ("transformers", "there is no NVIDIA GPU.")
    assert "unsloth" not in sys.modules


@pytest.mark.usefixtures("nvidia")
@pytest.mark.parametrize(
    ("method", "word"),
    [({"use_dora": True}, "DoRA"), ({"target_modules": "custom", "target_patterns": ("q",)}, "custom")],
)
def test_what_unsloth_does_not_do_stays_with_transformers(
    unsloth: Path, method: dict[str, Any], word: str
) -> None:
    engine = engines.choose(config(**method))

    assert engine.name == "transformers"
    assert word in engine.why


@pytest.mark.usefixtures("nvidia")
def test_an_unsloth_that_does_not_start_is_said_and_done_without(unsloth: Path) -> None:
    unsloth.write_text("raise NotImplementedError('no accelerator')")

    engine = engines.choose(config())

    assert engine.name == "transformers"
    assert "does not start here (NotImplementedError)" in engine.why


@pytest.mark.usefixtures("nvidia")
def test_on_nvidia_the_settings_reach_unsloth_under_its_names(unsloth: Path) -> None:
    import torch

    wanted = config(load_in_4bit=True, target_modules="attention", lora_r=4, use_rslora=True)
    engine = engines.choose(wanted)
    assert engine.name == "unsloth"
    assert "by Unsloth" in engine.why

    device = SimpleNamespace(bfloat16=True)
    model = engines.load(engine, "/some/model", wanted, device=device, float32=False)
    adapted = engines.prepare(engine, None, model, wanted)

    loaded, prepared = sys.modules["unsloth"].FastLanguageModel.calls
    assert loaded == {
        "model_name": "/some/model", "max_seq_length": 99, "dtype": torch.bfloat16, "load_in_4bit": True,
        "load_in_8bit": False, "use_gradient_checkpointing": False, "use_exact_model_name": True,
        "fix_tokenizer": False, "random_state": 5,
    }  # fmt: skip
    assert prepared == {
        "model": "model", "r": 4, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        "lora_alpha": 32, "lora_dropout": 0.0, "bias": "none", "use_gradient_checkpointing": False,
        "random_state": 5, "use_rslora": True,
    }  # fmt: skip
    assert adapted.save_pretrained("folder") is False
