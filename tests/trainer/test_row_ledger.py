"""What becomes of every row: kept, kept aside, or left out with a reason; too much lost stops the run."""

from pathlib import Path

import pytest

from trainer_image.events import Lengths, Rows
from trainer_image.problems import RunFailedError

from . import tiny
from .prepared import Prepared, pair, pairs, write

pytestmark = pytest.mark.training


def test_every_row_is_in_one_bucket_and_the_buckets_add_up(tmp_path: Path) -> None:
    records = [*pairs(40), pair("Hm?", " "), pair("Hm?", "long " * 100), pairs(1)[0], {"unknown": 1}]

    prepared = Prepared(tmp_path, records, max_seq_len=64)

    assert prepared.ledger.buckets == {
        "trained": 24, "validation": 16, "empty_answer": 1, "too_long": 1, "duplicate": 1, "malformed": 1,
    }  # fmt: skip
    assert prepared.ledger.total == sum(prepared.ledger.buckets.values()) == 44
    assert len(prepared.rows.input_ids) == 24
    (duplicate,) = [refused for refused in prepared.ledger.refused if refused.bucket == "duplicate"]
    assert (duplicate.line, duplicate.reason) == (43, "the same tokens as line 1")


def test_duplicates_stay_where_they_are_wanted(tmp_path: Path) -> None:
    prepared = Prepared(tmp_path, [*pairs(2), *pairs(2)], drop_duplicates=False)

    assert prepared.ledger.buckets == {"trained": 4}


def test_over_long_rows_are_cut_by_consent_and_counted(tmp_path: Path) -> None:
    records = [pair("Hm?", "Ah."), pair("Hm?", "long " * 100)]

    prepared = Prepared(tmp_path, records, max_seq_len=48, over_long="truncate")

    assert prepared.ledger.buckets == {"trained": 2}
    assert prepared.ledger.truncated == 1
    assert [len(ids) <= 48 for ids in prepared.rows.input_ids] == [True, True]
    assert len(prepared.rows.labels[1]) == len(prepared.rows.input_ids[1]) == 48
    assert any("1 of 2 rows do not end with the token" in notice for notice in prepared.notices)


def test_a_row_whose_answer_is_cut_off_entirely_is_left_out(tmp_path: Path) -> None:
    records = [pair("long " * 100, "Ah."), *pairs(3)]

    prepared = Prepared(tmp_path, records, max_seq_len=48, over_long="truncate")

    assert prepared.ledger.buckets == {"trained": 3, "no_trained_token": 1}
    assert "first 48 tokens" in prepared.ledger.refused[0].reason
    assert prepared.ledger.truncated == 0


def test_rows_that_are_too_short_are_counted(tmp_path: Path) -> None:
    records = [
        pair("Hm?", "Ah."),
        *[pair(f"A long question, number {n}, is asked.", "Ah.") for n in range(3)],
    ]

    prepared = Prepared(tmp_path, records, min_seq_len=30)

    assert prepared.ledger.buckets == {"trained": 3, "too_short": 1}


def test_more_than_the_share_lost_stops_the_run_and_names_the_causes(tmp_path: Path) -> None:
    lost = [pair("Hm?", ""), pair("Hm?", "long " * 100), pair("So?", "long " * 100)]

    with pytest.raises(RunFailedError) as refused:
        Prepared(tmp_path, [*pairs(6), *lost], max_seq_len=64)

    assert refused.value.message == (
        "33 % of the rows (3 of 9) cannot be used: 2 too long, 1 with an empty answer."
    )
    assert "raise max_seq_len" in refused.value.hint
    assert '"too_long":2' in (tmp_path / "events.jsonl").read_text()


def test_as_much_as_the_share_lost_is_accepted(tmp_path: Path) -> None:
    records = [*pairs(7), *[pair(f"{n}?", "") for n in range(3)]]

    assert Prepared(tmp_path, records).ledger.buckets == {"trained": 7, "empty_answer": 3}


def test_duplicates_are_no_loss(tmp_path: Path) -> None:
    prepared = Prepared(tmp_path, pairs(1) * 5, max_lost_share=0)

    assert prepared.ledger.buckets == {"trained": 1, "duplicate": 4}


def test_a_validation_file_is_measured_on_and_shares_the_ledger(tmp_path: Path) -> None:
    write(tmp_path / "held-out.jsonl", [pair("New?", "Yes."), pairs(1)[0], {"unknown": 1}])

    prepared = Prepared(tmp_path, pairs(8), validation="file", validation_file="held-out.jsonl")

    assert prepared.ledger.buckets == {"trained": 8, "validation": 1, "duplicate": 1, "malformed": 1}
    assert prepared.ledger.refused[1].reason.startswith("validation file: ")
    assert prepared.rows.validation
    assert "New?" in prepared.words.decode(prepared.rows.validation.input_ids[0])


def test_a_validation_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "held-out.jsonl", pairs(1))

    with pytest.raises(RunFailedError, match="No row of the validation file"):
        Prepared(tmp_path, pairs(8), validation="file", validation_file="held-out.jsonl")


def test_an_older_event_without_the_count_of_cut_rows_still_reads() -> None:
    assert Rows.model_validate({"total": 1, "buckets": {"trained": 1}}).truncated == 0


def test_the_lengths_of_all_rows_are_told_also_of_those_left_out(tmp_path: Path) -> None:
    """Each length is one a row has, so that max_seq_len set to it keeps at least that share."""
    words = tiny.tokenizer()
    one = len(words("a").input_ids)
    records = [pair("Hm?", "a" + " a" * (n - 1), unmask=False) for n in range(1, 101)]
    frame = Prepared(tmp_path / "frame", records[:1]).rows.lengths[0] - one
    each = sorted(frame + len(words(record["completion"]).input_ids) for record in records)

    ledger = Prepared(tmp_path / "all", records, max_seq_len=each[79]).ledger

    assert ledger.buckets["too_long"] == 20
    assert ledger.lengths == Lengths(p50=each[49], p95=each[94], p99=each[98], max=each[99])


def test_without_a_row_in_tokens_there_are_no_lengths(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError):
        Prepared(tmp_path, [{"unknown": 1}])

    assert '"lengths":null' in (tmp_path / "events.jsonl").read_text()
