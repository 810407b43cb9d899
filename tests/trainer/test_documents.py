"""Plain documents: whole, one end each, in blocks; split by document."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_image.config import RunConfig
from trainer_image.events import Metrics, Plan
from trainer_image.problems import RunFailedError
from trainer_image.rows import RowError, to_document, to_messages

from . import tiny
from .prepared import Prepared, pairs

pytestmark = pytest.mark.training

TEXTS = [f"The {city} runs through the land, and nobody knows why." for city in tiny.CITIES]


def documents(texts: list[str] = TEXTS, column: str = "document") -> list[dict[str, Any]]:
    return [{column: text} for text in texts]


def prepared(folder: Path, records: list[dict[str, Any]], **settings: Any) -> Prepared:
    return Prepared(folder, records, template=None, is_pretraining=True, block_size=32, **settings)


def test_documents_are_put_end_to_end_with_one_end_each_and_cut_into_blocks(tmp_path: Path) -> None:
    made = prepared(tmp_path, documents())

    words = made.words
    stream = [token for text in TEXTS for token in [*words(text).input_ids, words.eos_token_id]]
    blocks, labels = made.rows.input_ids, made.rows.labels
    assert [token for block in blocks for token in block][: len(stream)] == stream
    assert {len(block) for block in blocks} == {len(row) for row in labels} == {32}
    filled = 32 * len(blocks) - len(stream)
    assert 0 < filled < 32
    assert list(blocks[-1])[-filled:] == [words.pad_token_id] * filled
    assert [label for row in labels for label in row] == stream + [-100] * filled
    assert made.ledger.buckets == {"trained": 8}


def test_a_document_that_ends_already_is_not_ended_twice(tmp_path: Path) -> None:
    made = prepared(tmp_path, documents(["One.<|im_end|>", "Two.<|im_end|><|im_end|>"]))

    stream = [token for block in made.rows.input_ids for token in block]
    assert stream.count(made.words.eos_token_id) == 2


def test_a_tokenizer_that_adds_its_own_beginning_keeps_it(tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    words = tiny.tokenizer()
    begin = words.convert_tokens_to_ids("<|im_start|>")
    words.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A <|im_end|>",
        special_tokens=[("<|im_start|>", begin), ("<|im_end|>", words.eos_token_id)],
    )

    made = prepared(tmp_path, documents(TEXTS[:2]), tokenizer=words)

    stream = [token for block in made.rows.input_ids for token in block]
    assert stream.count(begin) == stream.count(words.eos_token_id) == 2
    assert stream[0] == begin


def test_the_split_is_by_document(tmp_path: Path) -> None:
    texts = [f"Document {n} of many." for n in range(40)]

    made = prepared(tmp_path, documents(texts))

    assert made.rows.validation
    aside = made.words.decode([t for block in made.rows.validation.input_ids for t in block])
    kept = made.words.decode([t for block in made.rows.input_ids for t in block])
    assert made.ledger.buckets == {"trained": 24, "validation": 16}
    assert all((text in aside) != (text in kept) for text in texts)


def test_a_named_column_is_read(tmp_path: Path) -> None:
    made = prepared(tmp_path, documents(column="body"), document_column_name="body")

    assert made.ledger.buckets == {"trained": 8}


def test_rows_that_are_no_documents_are_refused_with_their_columns(tmp_path: Path) -> None:
    records = [*documents(), {"body": "x"}, {"document": "  "}, {"messages": tiny.rows()[0]["messages"]}]

    made = prepared(tmp_path, records)

    assert made.ledger.buckets == {"trained": 8, "malformed": 2, "empty_answer": 1}
    assert made.ledger.refused[0].reason == "no column 'document': the row has body"
    assert "conversation" in made.ledger.refused[2].reason


def test_a_document_among_conversations_is_refused_with_the_way_out(tmp_path: Path) -> None:
    made = Prepared(tmp_path, [*pairs(3), {"text": "A document."}])

    assert made.ledger.buckets == {"trained": 3, "malformed": 1}
    assert "is_pretraining" in made.ledger.refused[0].reason


def test_a_document_survives_being_kept_as_messages() -> None:
    kept = to_messages({"text": "Long ago."})

    assert to_messages({"messages": list(kept)}) == kept
    assert to_document({"messages": list(kept)}, "document") == kept
    with pytest.raises(RowError, match="among the messages"):
        to_messages({"messages": [*kept, {"role": "assistant", "content": "Hm."}]})


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    words = tiny.tokenizer()
    words.eos_token = None

    with pytest.raises(RunFailedError, match="no end-of-text token"):
        prepared(tmp_path, documents(), tokenizer=words)


@pytest.mark.parametrize(("block_size", "suggested"), [(513, True), (512, False)])
def test_short_documents_are_better_off_in_blocks_of_512(
    tmp_path: Path, block_size: int, suggested: bool
) -> None:
    made = Prepared(tmp_path, documents(), template=None, is_pretraining=True, block_size=block_size)

    assert any("A block_size of 512 suits them better than 513" in n for n in made.notices) == suggested


def test_long_documents_are_left_in_the_blocks_they_have(tmp_path: Path) -> None:
    texts = [f"{n} " + "The river runs on. " * 200 for n in range(3)]

    made = Prepared(
        tmp_path, documents([*texts, "Short."]), template=None, is_pretraining=True, block_size=2048
    )

    assert made.ledger.lengths
    assert made.ledger.lengths.p50 >= 512
    assert not any("suits them better" in notice for notice in made.notices)


def test_the_column_is_called_document_unless_it_is_named() -> None:
    assert RunConfig(base_model="x").document_column_name == "document"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"is_pretraining": True}, "block_size"),
        ({"is_pretraining": True, "block_size": 32, "unmask_messages": True}, "unmask_messages"),
        ({"is_pretraining": True, "block_size": 32, "packing": True}, "packing"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RunConfig(base_model="x", **settings)


@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "osft"}], ids=["sft", "osft"])
def test_a_model_without_a_chat_template_learns_documents(
    tmp_path: Path, train_here: Callable[..., tiny.Ran], method: dict[str, Any]
) -> None:
    model = tiny.save_model(tmp_path / "model", chat_template=None)
    lines = [json.dumps(record) for record in documents()]
    folder = tiny.make_run(
        tmp_path / "run",
        model,
        lines=lines,
        is_pretraining=True,
        block_size=32,
        offline=False,
        method=method,
    )

    ran = train_here(folder)

    assert ran.code == 0
    (plan,) = ran.of(Plan)
    losses = [metrics.loss for metrics in ran.of(Metrics)]
    assert plan.num_rows < 16
    assert losses[-1] < 0.8 * losses[0]
