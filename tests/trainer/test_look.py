"""What a preview shows is what the trainer trains on: token for token, mask for mask, row for row."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.adapters import survey_files
from app.adapters.survey_files import SqliteSurveyFiles
from trainer_image import surveying
from trainer_image.config import RunConfig
from trainer_image.data import IGNORED
from trainer_image.judging import warnings
from trainer_image.look_protocol import Shown
from trainer_image.rendering import render
from trainer_image.rows import parse_line, read_jsonl
from trainer_image.showing import Eyes, _parts
from trainer_image.surveying import Surveying
from trainer_image.verdicts import CHANGES
from trainer_image.workers import masking_of

from . import tiny
from .prepared import Prepared, pair, pairs, write
from .test_template_families import BRIEF, MORE, ONE, SPECIAL, tokenizer

pytestmark = pytest.mark.training


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages), **fields}


def shown(prepared: Prepared, line: int, *, words: Any = None, **settings: Any) -> Shown:
    """The row of that line, from 1, as a preview shows it."""
    config = RunConfig(base_model="x", **settings)
    text = (prepared.folder / "data" / "train.jsonl").read_bytes().splitlines()[line - 1]
    column = config.document_column_name if config.is_pretraining else None
    words = words or prepared.words
    eyes = Eyes(config, words, masking_of(config, words))
    return eyes.show(parse_line(line, text, column), start=0, limit=10_000)


TALKS = [
    chat(*ONE),
    chat(BRIEF, *MORE),
    chat({"role": "user", "content": "Où 🚢? "}, {"role": "assistant", "content": " là 🏝️\n\n"}),
    chat(*MORE, unmask=True),
]


@pytest.mark.parametrize("marked", [False, True], ids=["plain", "with generation markers"])
@pytest.mark.parametrize("family", SPECIAL)
def test_a_preview_shows_the_very_tokens_and_the_very_mask_that_are_trained_on(
    tmp_path: Path, family: str, marked: bool
) -> None:
    words = tokenizer(family, marked=marked)
    prepared = Prepared(
        tmp_path, TALKS, template=words.chat_template, tokenizer=words, validation="off", max_lost_share=1
    )

    seen = [shown(prepared, line) for line in range(1, len(TALKS) + 1)]

    ids = [[token.id for token in row.tokens] for row in seen]
    labels = [[token.id if token.trained else IGNORED for token in row.tokens] for row in seen]
    assert ids == [row.tolist() for row in prepared.rows.input_ids]
    assert labels == [row.tolist() for row in prepared.rows.labels]
    assert [row.trained for row in seen] == [sum(label != IGNORED for label in row) for row in labels]
    texts = ["".join(token.text for token in row.tokens) for row in seen]
    rows = list(read_jsonl(tmp_path / "data" / "train.jsonl"))
    assert texts == [render(words, list(row.messages)) for row in rows]  # type: ignore[union-attr]


def test_blanks_that_a_tokenizer_skips_are_shown_with_the_token_after_them() -> None:
    offsets = [(0, 2), (3, 8), (9, 10), (9, 10), (10, 10)]  # the third and fourth share a letter

    assert _parts("Hi there 🚢", offsets) == ["Hi", " there", " 🚢", "", ""]


def test_what_special_tokens_stand_for_is_said(tmp_path: Path) -> None:
    words = tokenizer("llama3", marked=False)
    prepared = Prepared(tmp_path, [chat(*ONE)], template=words.chat_template, tokenizer=words)

    roles = [(token.text, token.role) for token in shown(prepared, 1).tokens if token.role]

    assert roles[0] == ("<|begin_of_text|>", "begin")
    assert roles[1] == ("<|start_header_id|>", "special")
    assert roles[-1] == ("<|eot_id|>", "end_of_turn")


def test_a_row_that_is_cut_or_left_out_says_so_with_the_trainers_reason(tmp_path: Path) -> None:
    records = [pair("Why?", "Because " * 30), pair("So?", ""), pair("Hm?", "Ah.")]
    prepared = Prepared(tmp_path, records, max_seq_len=40, max_lost_share=1)
    reasons = {refused.line: (refused.bucket, refused.reason) for refused in prepared.ledger.refused}

    seen = [shown(prepared, line, max_seq_len=40) for line in (1, 2, 3)]
    cut = shown(prepared, 1, max_seq_len=40, over_long="truncate")

    assert [(row.bucket, row.reason) for row in seen] == [reasons[1], reasons[2], ("", "")]
    assert (cut.bucket, cut.kept, cut.count) == ("", 40, seen[0].count)
    assert "The token that ends the answer is not learnt from this row." in cut.findings


def test_documents_are_shown_whole_and_learnt_whole(tmp_path: Path) -> None:
    documents = [{"document": "The harbour silts up."}, {"document": "It is dredged 🚢."}]
    prepared = Prepared(tmp_path, documents, is_pretraining=True, block_size=16, validation="off")

    seen = [shown(prepared, line, is_pretraining=True, block_size=16) for line in (1, 2)]

    trained = [label for row in prepared.rows.labels for label in row if label != IGNORED]
    assert [token.id for row in seen for token in row.tokens] == trained
    assert all(token.trained for row in seen for token in row.tokens)


THOUGHT = {"role": "assistant", "content": "42.", "reasoning_content": "It must be that."}
CALL = {"type": "function", "function": {"name": "sound_depth", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (chat({"role": "user", "content": "Why?"}, THOUGHT), "leaves reasoning of this row out"),
        (
            chat(ONE[0], {"role": "assistant", "content": "Hm", "tool_calls": [CALL]}),
            "leaves tools of this row, or their calls, out",
        ),
        (chat(ONE[0], {"role": "assistant", "content": "So<|im_end|>"}), "a token that stands for structure"),
    ],
    ids=["reasoning", "a tool's call", "structure"],
)
def test_what_a_template_leaves_out_is_said_of_the_row_and_of_the_run(
    tmp_path: Path, record: Any, sentence: str
) -> None:
    prepared = Prepared(tmp_path, [record, *pairs(2)])

    findings = " ".join(shown(prepared, 1).findings)

    assert sentence in findings
    assert shown(prepared, 2).findings == []
    assert "in 1 of the first 3 rows" in " ".join(prepared.notices)


def test_a_template_that_keeps_reasoning_is_not_blamed(tmp_path: Path) -> None:
    template = tiny.CHATML.replace(
        "{{ message['content'] }}", "{{ message.reasoning_content or '' }}{{ message['content'] }}"
    )
    prepared = Prepared(tmp_path, [chat(ONE[0], THOUGHT)], template=template)

    assert shown(prepared, 1).findings == []


@dataclass(frozen=True)
class Surveyed:
    path: Path
    prepared: Prepared
    config: RunConfig


MIXED = [
    *pairs(40),
    pair("What is 1?", "It is 1."),
    pair("Long?", "Very " * 60),
    pair("Long?", "Very " * 60),
    pair("Empty?", " "),
    {"messages": "no list"},
    chat(ONE[0], ONE[0], ONE[1]),
    pair(" Blank ", "s."),
    {"document": "On its own."},
]


def surveyed(
    folder: Path, records: list[dict[str, Any]], *, words: Any, template: str, **settings: Any
) -> Surveyed:
    """The same rows looked at and prepared for a run."""
    prepared = Prepared(folder, records, template=template, tokenizer=words, max_lost_share=1, **settings)
    config = RunConfig(base_model="x", **settings)
    column = config.document_column_name if config.is_pretraining else None
    target = folder / "survey.sqlite"
    rows = read_jsonl(folder / "data" / "train.jsonl", document_column=column)
    count = Surveying(config, words, folder, workers=1).write(rows, target, lambda _: None)
    assert count == prepared.ledger.total
    return Surveyed(target, prepared, config)


@pytest.mark.parametrize("family", SPECIAL)
@pytest.mark.parametrize(
    "settings",
    [
        {"max_seq_len": 64},
        {"max_seq_len": 2048, "drop_duplicates": False, "validation": "off"},
        {"max_seq_len": 2048, "min_seq_len": 30, "validation": "share", "validation_share": 0.2},
        {"unmask_messages": True},
    ],
    ids=["short", "all", "shared", "unmasked"],
)
def test_a_previewed_ledger_is_the_ledger_of_the_run(tmp_path: Path, family: str, settings: Any) -> None:
    words = tokenizer(family, marked=False)
    found = surveyed(tmp_path, MIXED, words=words, template=words.chat_template, **settings)

    files = SqliteSurveyFiles()
    outlook = files.table(found.path).outlook(found.config)

    ledger = found.prepared.ledger
    assert outlook.is_exact
    assert dict(outlook.buckets) == {bucket: count for bucket, count in ledger.buckets.items() if count}
    lines = {
        (fate.line, bucket, fate.reason)
        for bucket in outlook.buckets
        if bucket not in {"trained", "validation"}
        for fate in files.fates(found.path, found.config, bucket, start=0, limit=100)
    }
    assert lines == {(refused.line, refused.bucket, refused.reason) for refused in ledger.refused}
    kept = outlook.buckets.get("trained", 0) + outlook.buckets.get("validation", 0)
    assert len(files.kept(found.path, found.config)) == kept


@pytest.mark.parametrize("family", SPECIAL)
def test_the_preview_warns_of_what_the_run_warns_of(tmp_path: Path, family: str) -> None:
    words = tokenizer(family, marked=False)
    records = [*MIXED, chat(BRIEF, *MORE), chat(ONE[0], THOUGHT)]
    found = surveyed(tmp_path, records, words=words, template=words.chat_template)

    said = warnings(SqliteSurveyFiles().facts(found.path, found.config))

    assert [notice for notice in found.prepared.notices if notice in said] == said
    assert any("reasoning" in sentence for sentence in said)
    assert not any("Checked" in notice for notice in found.prepared.notices)


@pytest.mark.parametrize("longest", [20, 45, 4096])
def test_rows_that_are_cut_are_counted_as_the_run_counts_them(tmp_path: Path, longest: int) -> None:
    found = surveyed(
        tmp_path,
        [row for row in MIXED if row != MIXED[-7]],
        words=tiny.tokenizer(),
        template=tiny.CHATML,
        max_seq_len=longest,
        over_long="truncate",
        drop_duplicates=False,
    )

    outlook = SqliteSurveyFiles().table(found.path).outlook(found.config)

    ledger = found.prepared.ledger
    assert dict(outlook.buckets) == {bucket: count for bucket, count in ledger.buckets.items() if count}
    assert outlook.cut == ledger.truncated
    assert sum(outlook.kept.values()) == outlook.trained + outlook.buckets.get("validation", 0)


def test_rows_of_a_validation_file_have_their_place_in_the_ledger(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    write(tmp_path / "aside.jsonl", [*pairs(5), pair("New?", "Yes."), pair("None?", "")])

    found = surveyed(
        tmp_path,
        pairs(3),
        words=tiny.tokenizer(),
        template=tiny.CHATML,
        validation="file",
        validation_file="aside.jsonl",
    )

    outlook = SqliteSurveyFiles().table(found.path).outlook(found.config)
    assert dict(outlook.buckets) == dict(found.prepared.ledger.buckets)
    assert outlook.buckets == {"trained": 3, "validation": 3, "duplicate": 3, "empty_answer": 1}


def test_documents_have_a_ledger_too(tmp_path: Path) -> None:
    records = [{"document": f"The harbour silts up, {n} times."} for n in range(40)] + [{"document": " "}]

    found = surveyed(
        tmp_path, records, words=tiny.tokenizer(), template=tiny.CHATML, is_pretraining=True, block_size=16
    )

    outlook = SqliteSurveyFiles().table(found.path).outlook(found.config)
    assert dict(outlook.buckets) == dict(found.prepared.ledger.buckets)


def test_both_sides_of_a_survey_file_read_its_flags_alike() -> None:
    assert survey_files._CHANGES == CHANGES
    assert (survey_files._UNSTOPPED, survey_files._DOUBLED, survey_files._FIRST_CHANGE) == (
        surveying.UNSTOPPED,
        surveying.DOUBLED,
        surveying.FIRST_CHANGE,
    )


def test_a_survey_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", pairs(600))
    surveying_ = Surveying(RunConfig(base_model="x"), tiny.tokenizer(), tmp_path, workers=1)

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        surveying_.write(read_jsonl(tmp_path / "rows.jsonl"), tmp_path / "found" / "s.sqlite", stop)

    assert list((tmp_path / "found").iterdir()) == []
