"""Rows that the model cannot compute are told before the first step."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from pathlib import Path
from typing import Any

import pytest

from trainer_image.events import Notice
from trainer_image.problems import RunFailedError

from . import tiny
from .prepared import tokens_of

pytestmark = pytest.mark.training


def require_fit(model: Any, tokenizer: Any, longest: int, folder: Path) -> list[str]:
    from trainer_image.fitting import require_fit as require
    from trainer_image.reporting import Reporter

    require(model, tokenizer, tokens_of([(3, False)] * 2, [(5, True)] * longest), Reporter(folder))
    return [notice.message for notice in tiny.Ran(folder, 0, "").of(Notice)]


def llama(vocabulary: int, positions: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=vocabulary, max_position_embeddings=positions, **sizes)
    return LlamaForCausalLM(config)


def learnt_positions(family: str, places: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM

    if family == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=16, n_layer=1, n_head=2, n_positions=places))
    sizes = {"hidden_size": 16, "ffn_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return OPTForCausalLM(
        OPTConfig(vocab_size=400, word_embed_proj_dim=16, max_position_embeddings=places, **sizes)
    )


@pytest.mark.parametrize("family", ["gpt2", "opt"])
def test_a_row_longer_than_the_table_of_positions_is_refused_with_the_number_it_has(
    tmp_path: Path, family: str
) -> None:
    model = learnt_positions(family, 32)

    assert require_fit(model, tiny.tokenizer(), 32, tmp_path) == []
    with pytest.raises(RunFailedError) as refused:
        require_fit(model, tiny.tokenizer(), 33, tmp_path)

    assert "places for 32 tokens, and the longest row has 33" in refused.value.message
    assert "to 32." in refused.value.hint


def test_a_row_longer_than_the_model_was_made_for_is_warned_of_where_it_can_be_computed(
    tmp_path: Path,
) -> None:
    [warning] = require_fit(llama(400, 16), tiny.tokenizer(), 17, tmp_path)

    assert "has 17 tokens, and the model was made for 16" in warning


def test_tokens_that_the_model_does_not_have_are_refused_only_if_the_rows_use_them(tmp_path: Path) -> None:
    words = tiny.tokenizer()

    with pytest.raises(RunFailedError, match=f"tokenizer has {len(words)} tokens, the model only 2,"):
        require_fit(llama(2, 64), words, 9, tmp_path)
    assert require_fit(llama(len(words) - 1, 64), words, 9, tmp_path) == []
