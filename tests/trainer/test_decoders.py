"""Only models that go on with text are trained: the others are refused by their config.json alone."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import train
from trainer_image.decoders import require_decoder
from trainer_image.events import Phase, Problem
from trainer_image.problems import RunFailedError

from . import tiny


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole: weights, tokenizer and even a chat template."""
    from transformers import BertConfig, BertForMaskedLM

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    words = tiny.tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertForMaskedLM(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.training
@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "lora"}])
def test_an_encoder_is_refused_before_rows_or_weights_are_looked_at(
    tiny_bert: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran], method: dict[str, str]
) -> None:
    ran = train_here(tiny.make_run(tmp_path / "run", tiny_bert, method=method))

    assert ran.code == 2
    (problem,) = ran.of(Problem)
    assert problem.message.startswith("tiny-bert (BertForMaskedLM) is an encoder")
    assert "Choose one that writes text" in problem.hint
    assert not ran.of(Phase)
    assert ran.result.status == "failed"


@pytest.mark.training
def test_the_estimate_refuses_it_too(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--run-dir", str(tiny.make_run(tmp_path / "run", tiny_bert)), "--estimate"]) == 2

    assert "is an encoder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "bert", "architectures": ["BertModel"]}, "encoder: it reads"),
        ({"model_type": "roberta", "architectures": ["RobertaForCausalLM"]}, "encoder: it reads"),
        ({"model_type": "modernbert"}, "encoder: it reads"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "encoder-decoder"),
        ({"model_type": "new", "is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "qwen2", "architectures": ["Qwen2ForSequenceClassification"]}, "writes text"),
        ({"model_type": "mistral", "architectures": ["MistralModel"]}, "writes text"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "writes text"),
        ({"model_type": "clip", "architectures": ["CLIPModel"]}, "writes text"),
    ],
    ids=lambda case: case.get("model_type") if isinstance(case, dict) else "",
)
def test_what_cannot_learn_to_answer_is_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(RunFailedError, match=words):
        require_decoder("someone/model", config)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama"},
        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
        {"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": True},
        {"model_type": "bart", "architectures": ["BartForCausalLM"], "is_encoder_decoder": False},
        {"model_type": "x", "architectures": ["XModel"], "auto_map": {"AutoModelForCausalLM": "x.XModel"}},
    ],
    ids=lambda config: config["model_type"],
)
def test_what_writes_text_is_not(config: dict[str, Any]) -> None:
    require_decoder("someone/model", config)


@pytest.mark.training
def test_of_all_that_transformers_would_load_as_a_decoder_it_is_the_encoders_that_are_refused() -> None:
    """Those that it loads to fill gaps, or to translate, too."""
    from transformers.models.auto import configuration_auto, modeling_auto

    causal = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    both = modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    in_no_list = {"bert-generation", "whisper", "xlnet"}
    need_parts = {"encoder-decoder", "musicgen", "musicgen_melody"}  # no config of theirs without a model

    refused = {
        kind
        for kind in causal.keys() - need_parts
        if _is_refused(configuration_auto.CONFIG_MAPPING[kind](), causal[kind])
    }

    assert refused == (causal.keys() & (masked.keys() | both.keys() | in_no_list)) - need_parts


def _is_refused(config: Any, name: str) -> bool:
    try:
        require_decoder("x", {**config.to_diff_dict(), "architectures": [name]})
    except RunFailedError:
        return True
    return False
