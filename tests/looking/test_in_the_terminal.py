"""The verbs of the command line that show what a model sees."""

import json
from typing import Any

import pytest

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.verbs import VERBS
from app.domain.errors import StudioError
from app.domain.sessions import Session
from app.services.everything import Services


def say(services: Services, *words: str) -> None:
    args = make_parser().parse_args(["sessions", *words])
    assert VERBS["sessions", words[0]](services, args, Output(as_json=args.json)) == 0


def told(services: Services, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    say(services, *words, "--json")
    return json.loads(capsys.readouterr().out)


def test_a_row_is_shown_with_what_is_learnt_in_brackets(
    services: Services, sample: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    say(services, "look", sample.id, "--model", "tunewright/tiny", "--row", "1")

    text = capsys.readouterr().out
    assert (
        "<|im_start|>assistant\n⟦Ahoy! The ferry to Quill is the Early Bird. Fair winds!<|im_end|>⟧" in text
    )
    assert "32 tokens, 15 of them learnt" in text
    assert "<|im_end|>  end of turn, id 2" in text


def test_programs_get_every_token(
    services: Services, sample: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = told(services, capsys, "look", sample.id, "--model", "tunewright/tiny", "--max-seq-len", "9")

    assert (shown["bucket"], shown["count"], len(shown["tokens"])) == ("too_long", 32, 32)
    assert shown["tokens"][0] == {"id": 1, "text": "<|im_start|>", "trained": False, "role": "special"}


def test_lengths_tell_the_ledger_the_percentiles_and_what_is_wrong(
    services: Services, sample: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(services, capsys, "lengths", sample.id, "--model", "tunewright/tiny", "--max-seq-len", "64")

    assert found["lengths"] == {"p50": 33, "p95": 66, "p99": 69, "max": 71}
    assert found["outlook"]["buckets"] == {"trained": 306, "too_long": 22, "validation": 16}
    assert len(found["left_out"]["too_long"]) == 20
    assert all(verdict["is_well"] for verdict in found["verdicts"])

    say(services, "lengths", sample.id, "--model", "tunewright/tiny", "--max-seq-len", "64")
    text = capsys.readouterr().out
    assert "306  used for training" in text
    assert "row 13 (too long): 66 tokens, more than max_seq_len 64" in text


def test_quality_needs_no_model_and_with_one_tells_leaks(
    services: Services, sample: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    without = told(services, capsys, "quality", sample.id)
    with_one = told(services, capsys, "quality", sample.id, "--model", "tunewright/tiny")

    assert without["quality"]["counts"] == {"same": 0, "near": 0, "empty": 0, "short": 0, "odd": 0}
    assert (without["leaks"], with_one["leaks"]) == (None, [])


def test_a_row_that_is_none_is_said(services: Services, sample: Session) -> None:
    with pytest.raises(StudioError, match="no row 345"):
        say(services, "look", sample.id, "--model", "tunewright/tiny", "--row", "345")
    with pytest.raises(StudioError, match="counted from 1"):
        say(services, "look", sample.id, "--model", "tunewright/tiny", "--row", "0")
