"""The row ledger: every row in exactly one bucket, with its line."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
from pathlib import Path
from typing import Any

import pytest

from trainer_image.data import IGNORED, TrainingRows, tokenise
from trainer_image.masking import masking_for
from trainer_image.rows import Row
from trainer_image.sources import open_rows

from . import tiny
from .prepared import tokens_of

pytestmark = pytest.mark.training

PICKY = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + tiny.CHATML
)


def pair(question: str, answer: str) -> str:
    return json.dumps({"prompt": question, "completion": answer})


def tokenised(tmp_path: Path, lines: list[str], *, template: str = tiny.CHATML) -> TrainingRows:
    from trainer_image.config import RunConfig

    words = tiny.tokenizer()
    words.chat_template = template
    path = tmp_path / "data" / "train.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = open_rows(RunConfig(base_model="x"), tmp_path).rows
    return tokenise(rows, words, masking_for(words), max_seq_len=64)


def test_every_row_ends_in_one_bucket_with_its_line(tmp_path: Path) -> None:
    lines = [
        pair("Hm?", "Ah."),
        "{not json",
        pair("Hm?", "  "),
        "",
        pair("Hm?", "long " * 100),
        json.dumps({"unknown": 1}),
        json.dumps({"system": "s", "instruction": "Hm?", "output": "Ah."}),
    ]

    rows = tokenised(tmp_path, lines, template=PICKY)

    event = rows.ledger.event()
    assert event.buckets == {
        "trained": 1, "malformed": 2, "empty_answer": 1, "too_long": 1, "refused_by_template": 1,
    }  # fmt: skip
    assert event.total == sum(event.buckets.values()) == 6
    assert [(r.line, r.bucket) for r in event.refused] == [
        (2, "malformed"), (3, "empty_answer"), (5, "too_long"), (6, "malformed"), (7, "refused_by_template"),
    ]  # fmt: skip
    assert "more than max_seq_len 64" in event.refused[2].reason
    assert "no system role" in event.refused[4].reason


def test_a_ledger_that_does_not_add_up_is_an_error(tmp_path: Path) -> None:
    rows = tokenised(tmp_path, [pair("Hm?", "Ah.")])

    rows.ledger.read += 1

    with pytest.raises(AssertionError, match="2 rows were read, 1 are accounted for"):
        rows.ledger.event()


def test_a_row_exactly_as_long_as_allowed_is_kept() -> None:
    words = tiny.tokenizer()
    masking = masking_for(words)
    messages = tuple(tiny.rows()[0]["messages"])
    length = len(masking.encode(list(messages)).input_ids)

    kept = tokenise([Row(1, messages)], words, masking, max_seq_len=length)
    dropped = tokenise([Row(1, messages)], words, masking, max_seq_len=length - 1)

    assert kept.ledger.buckets == {"trained": 1}
    assert dropped.ledger.buckets == {"too_long": 1}
    assert dropped.shortest_too_long == length


def test_labels_are_the_tokens_of_the_answer_and_nothing_else(tmp_path: Path) -> None:
    rows = tokenised(tmp_path, [pair("Hm?", "Ah.")])

    words: Any = tiny.tokenizer()
    (ids,), (labels,) = rows.input_ids, rows.labels
    assert words.decode([label for label in labels if label != IGNORED]) == "Ah.<|im_end|>"
    assert all(label in {IGNORED, token} for token, label in zip(ids, labels, strict=True))
    assert rows.stop_ids == {words.convert_tokens_to_ids("<|im_end|>")}


def test_the_hash_of_the_data_changes_with_any_token(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one = tokenised(tmp_path / "a", [pair("Hm?", "Ah."), pair("So?", "No.")])
    other = tokenised(tmp_path / "b", [pair("Hm?", "Ah."), pair("So?", "Ne.")])

    assert one.sha256() != other.sha256()
    assert one.sha256() == one.sha256()


def test_the_hash_of_the_data_changes_with_what_of_it_is_learnt() -> None:
    one = tokens_of([(1, False), (2, True), (3, True)])
    other = tokens_of([(1, False), (2, False), (3, True)])

    assert one.sha256() != other.sha256()
