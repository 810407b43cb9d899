"""Which column plays which part: guessed, corrected, applied; no column is lost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.mapping import (
    ColumnMapping,
    MappingError,
    Part,
    RowKind,
    apply_or_by_names,
    mapping_by_names,
)
from app.domain.mapping_guess import guess_mapping
from trainer_image.rows import RowError, to_messages

CHAT = [{"role": "user", "content": "Does it run?"}, {"role": "assistant", "content": "Yes."}]
SHAREGPT = [{"from": "human", "value": "Does it run?"}, {"from": "gpt", "value": "Yes."}]
LONG = "The ferry to the island leaves at nine in the morning, every day but Sunday."

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
_JSON = (
    st.none() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.booleans())
)


@st.composite
def mapped_records(draw):
    """A mapping with all or some optional parts, and a record with these columns and others."""
    kind = draw(st.sampled_from(RowKind))
    optional = [part for part in kind.parts if part not in kind.required]
    parts = [
        *kind.required,
        *draw(st.lists(st.sampled_from(optional), unique=True) if optional else st.just([])),
    ]
    names = draw(st.lists(st.text(), min_size=len(parts) + 3, max_size=len(parts) + 3, unique=True))
    columns = dict(zip(parts, names, strict=False))
    record = {columns[part]: draw(_value(kind, part)) for part in parts}
    record |= {name: draw(_JSON) for name in names[len(parts) :]}
    return ColumnMapping(kind, columns), record


def _value(kind, part):
    if part is Part.MESSAGES:
        own = [{"role": "system", "content": "Be brief."}, *CHAT]
        return st.sampled_from([SHAREGPT] if kind is RowKind.SHAREGPT else [CHAT, own, json.dumps(CHAT)])
    if part is Part.UNMASK:
        return st.none() | st.booleans()
    if part is Part.TOOLS:
        return st.just([{"name": "timetable"}]) | st.none()
    return _TEXT


@given(mapped_records())
def test_every_column_is_in_the_messages_or_in_meta_and_never_in_both(case):
    mapping, record = case

    messages, meta = mapping.apply(record)

    assert meta == {column: record[column] for column in meta}
    said = json.dumps(messages)
    for part, column in mapping.columns.items():
        if column not in meta and isinstance(record[column], str) and part is not Part.MESSAGES:
            assert json.dumps(record[column])[1:-1] in said
    unused = record.keys() - set(mapping.columns.values())
    assert unused <= meta.keys()
    beyond = meta.keys() - unused
    assert beyond <= {mapping.columns.get(Part.SYSTEM)}
    if beyond:
        assert messages[0]["role"] == "system"


@settings(max_examples=30)
@given(mapped_records())
def test_a_mapping_survives_being_saved(case):
    mapping, record = case

    again = ColumnMapping.from_record(json.loads(json.dumps(mapping.as_record())))

    assert again == mapping
    assert again.apply(record) == mapping.apply(record)


@pytest.mark.parametrize(
    ("record", "kind", "columns"),
    [
        ({"messages": CHAT, "prompt": "x", "id": 3}, RowKind.CHAT, {Part.MESSAGES: "messages"}),
        ({"id": "7", "chat": CHAT}, RowKind.CHAT, {Part.MESSAGES: "chat"}),
        ({"chat": json.dumps(SHAREGPT)}, RowKind.SHAREGPT, {Part.MESSAGES: "chat"}),
        (
            {"conversations": SHAREGPT, "system": "Be brief."},
            RowKind.SHAREGPT,
            {Part.MESSAGES: "conversations", Part.SYSTEM: "system"},
        ),
        (
            {"context": "c", "prompt": "Q", "completion": "4"},
            RowKind.INSTRUCTION,
            {Part.QUESTION: "prompt", Part.ANSWER: "completion", Part.INPUT: "context"},
        ),
        ({"input": "Q", "output": "A"}, RowKind.PAIR, {Part.QUESTION: "input", Part.ANSWER: "output"}),
        ({"prompt": CHAT[:1], "completion": CHAT[1:]}, RowKind.PAIR,
         {Part.QUESTION: "prompt", Part.ANSWER: "completion"}),
        ({"Question ": "Q", "Answer": "A", "n": 1}, RowKind.PAIR,
         {Part.QUESTION: "Question ", Part.ANSWER: "Answer"}),
        ({"context": LONG, "n": 1}, RowKind.DOCUMENT, {Part.TEXT: "context"}),
        ({"title": "Ferries", "text": LONG, "subtext": LONG}, RowKind.DOCUMENT, {Part.TEXT: "text"}),
        ({"frage": "Fährt sie?", "antwort": "Ja."}, RowKind.PAIR,
         {Part.QUESTION: "frage", Part.ANSWER: "antwort"}),
        ({"id": "12", "report": LONG, "code": "a b"}, RowKind.DOCUMENT, {Part.TEXT: "report"}),
    ],
)  # fmt: skip
def test_parts_are_guessed_from_whole_names_and_from_values(record, kind, columns):
    assert guess_mapping([record] * 3) == ColumnMapping(kind, columns)


@pytest.mark.parametrize(
    "records", [[], [1, None], [{"a": 1, "b": 2.5}], [{"messages": 3}], [{"context": "12", "pretext": "13"}]]
)
def test_nothing_is_guessed_where_nothing_fits(records):
    assert guess_mapping(records) is None


def test_a_name_counts_only_if_the_values_fit_it():
    rows = [{"messages": 4, "question": "Q", "answer": "A"}] * 3

    assert guess_mapping(rows) == ColumnMapping(
        RowKind.PAIR, {Part.QUESTION: "question", Part.ANSWER: "answer"}
    )


def test_a_mapping_says_what_the_rows_become_and_which_columns_are_kept():
    mapping = ColumnMapping(RowKind.PAIR, {Part.ANSWER: "completion", Part.QUESTION: "prompt"})

    assert mapping.sentence(["prompt", "completion", "id", "source"]) == (
        "Rows are question and answer: question ← `prompt`, answer ← `completion`;"
        " 2 columns kept as extra: `id`, `source`."
    )
    assert mapping.playing("prompt", None).sentence(["prompt"]) == (
        "Rows of question and answer need a column for: question."
    )


def test_a_column_moved_to_a_part_leaves_its_old_one_and_drives_out_who_had_it():
    mapping = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "a", Part.ANSWER: "b"})

    assert mapping.playing("a", Part.ANSWER).columns == {Part.ANSWER: "a"}
    assert mapping.with_part(Part.ANSWER, "a") == mapping.playing("a", Part.ANSWER)
    assert mapping.with_part(Part.ANSWER, None).columns == {Part.QUESTION: "a"}
    assert mapping.with_part(Part.TEXT, "a") == mapping
    assert mapping.of_kind(RowKind.DOCUMENT).columns == {}
    assert mapping.of_kind(RowKind.INSTRUCTION).columns == mapping.columns


def test_a_mapping_that_cannot_be_is_refused_with_a_sentence():
    with pytest.raises(MappingError, match="no part 'text'"):
        ColumnMapping(RowKind.PAIR, {Part.TEXT: "a"})
    with pytest.raises(MappingError, match="'a' plays two parts"):
        ColumnMapping(RowKind.PAIR, {Part.QUESTION: "a", Part.ANSWER: "a"})
    for broken in (
        {},
        {"kind": "pair"},
        {"kind": "x", "columns": {}},
        {"kind": "pair", "columns": {"x": "y"}},
    ):
        with pytest.raises(MappingError):
            ColumnMapping.from_record(broken)


def test_a_record_without_a_chosen_column_is_refused_by_its_name():
    mapping = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "q", Part.ANSWER: "a"})

    with pytest.raises(RowError, match="no column 'a' for the answer"):
        mapping.apply({"q": "Q"})
    with pytest.raises(RowError, match="no column was chosen for the answer"):
        mapping.playing("a", None).apply({"q": "Q"})
    with pytest.raises(RowError, match="not a JSON object"):
        mapping.apply([1])


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHAT, "id": 1},
        {"conversations": SHAREGPT, "system": "S", "tools": []},
        {"prompt": "Q", "completion": "A", "text": "t"},
        {"instruction": "I", "output": "O", "input": "more", "unmask": True},
        {"document": LONG, "text": "t"},
        {"text": LONG},
    ],
)
def test_reading_by_names_gives_the_messages_the_trainer_reads(record):
    mapping = mapping_by_names(record)

    messages, meta = mapping.apply(record)

    assert messages == to_messages(record)
    assert meta.keys() == record.keys() - set(mapping.columns.values())


def test_a_file_of_several_formats_is_read_row_by_row():
    mapping = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "q", Part.ANSWER: "a"})

    assert apply_or_by_names(mapping, {"text": LONG, "n": 1})[1] == {"n": 1}
    assert apply_or_by_names(mapping, {"q": "Q", "a": "A", "text": LONG})[1] == {"text": LONG}
    with pytest.raises(RowError, match="no column 'q'"):
        apply_or_by_names(mapping, {"a": "A"})
    with pytest.raises(RowError, match="no known format: the row has n"):
        apply_or_by_names(mapping, {"n": 1})
    with pytest.raises(RowError, match="no known format: the row has n"):
        apply_or_by_names(None, {"n": 1})
