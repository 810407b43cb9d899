"""The engine and a plain Python model, given the same rows and the same recipe, make the same merge."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.merge_ports import MergeInput
from app.domain.merge_rows import jaccard, shingles
from app.domain.merging import MergeRecipe, MergeSource
from tests.merging import plain
from tests.merging.conftest import make_world, pair
from trainer_image.rows import Refused, Row

WORDS = st.sampled_from(["ferry", "Ferry", "pier  two", "pier two", "Quill", "north\n", "é—✓"])


@st.composite
def conversations(draw: st.DrawFn) -> tuple[dict, ...]:
    if draw(st.integers(0, 9)) == 0:
        return ({"role": "document", "content": draw(WORDS)},)
    turns = draw(st.integers(1, 2))
    said = [{"role": role, "content": draw(WORDS)} for _ in range(turns) for role in ("user", "assistant")]
    system = draw(st.sampled_from(["", "", "Be brief.", "Be kind."]))
    return tuple([{"role": "system", "content": system}, *said] if system else said)


@st.composite
def sources(draw: st.DrawFn, *, with_refused: bool) -> list[Row | Refused]:
    rows: list[Row | Refused] = []
    for line in range(1, draw(st.integers(0, 12)) + 1):
        if with_refused and draw(st.integers(0, 5)) == 0:
            rows.append(Refused(line, "malformed", "broken"))
        else:
            rows.append(Row(line, draw(conversations())))
    return rows


@st.composite
def cases(draw: st.DrawFn) -> tuple[MergeRecipe, list[list[Row | Refused]], list[Row]]:
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    found = [draw(sources(with_refused=not is_session)) for is_session in kinds]
    system = draw(st.sampled_from(["keep", "keep", "text", "first", "remove"]))
    if system == "first":
        found[0].append(Row(len(found[0]) + 1, plain_row("Be brief.")))
    held_out = draw(st.none() | st.lists(conversations(), max_size=3))
    recipe = MergeRecipe(
        sources=tuple(
            MergeSource(
                session="x" if is_session else None,
                file=None if is_session else Path("x.jsonl"),
                weight=draw(st.sampled_from([1, 1, 2, 3, 0.5, 0.7])),
                cap=draw(st.none() | st.integers(1, 6)),
                share=draw(st.none() | st.sampled_from([0.1, 0.5, 1])),
            )
            for is_session in kinds
        ),
        how=draw(st.sampled_from(["concatenate", "interleave"])),
        until=draw(st.sampled_from(["first", "all"])),
        shuffle=draw(st.booleans()),
        seed=draw(st.integers(0, 3)),
        system=system,
        system_text="Be brief." if system == "text" else "",
        exact_duplicates=draw(st.booleans()),
        conflicts=draw(st.sampled_from(["off", "keep", "first", "drop"])),
        held_out=None if held_out is None else "held",
    )
    return recipe, found, [Row(n, row) for n, row in enumerate(held_out or [], start=1)]


def plain_row(system: str) -> tuple[dict, ...]:
    return (
        {"role": "system", "content": system},
        {"role": "user", "content": "ferry"},
        {"role": "assistant", "content": "Quill"},
    )


@pytest.fixture(scope="module")
def shared_world():
    with tempfile.TemporaryDirectory() as folder:
        yield make_world(Path(folder))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_the_same_rows_in_the_same_order_and_every_row_has_one_fate(shared_world, case):
    recipe, found, held_out = case
    inputs = []
    for source, rows in zip(recipe.sources, found, strict=True):
        if source.session:
            session = shared_world.edited_session([row for row in rows if isinstance(row, Row)])
            inputs.append(MergeInput(session.name, session.content_hash, session=session))
        else:
            inputs.append(MergeInput("x.jsonl", "", rows=iter(rows)))
    held = shared_world.edited_session(held_out) if recipe.held_out else None

    with shared_world.engine.work_out(recipe, inputs, held, lambda progress: None) as merged:
        rows = list(merged.rows())
        ledger = merged.ledger
        head = merged.head(5)

    wanted = plain.merge(recipe, found, held_out)
    origins = [json.loads(meta)["merged_from"] for *_, meta in rows]
    labels = [given.label for given in inputs]
    names = [(labels[source], row) for source, row in wanted.rows]
    assert [(origin["name"], origin["row"]) for origin in origins] == names
    assert [json.dumps(json.loads(text)) for _, text, _, _ in rows] == wanted.texts
    assert [json.dumps(row.messages) for row in head] == wanted.texts[:5]
    for source, account in enumerate(ledger.accounts):
        counted = [fate for (place, _), fate in wanted.fates.items() if place == source]
        assert account.removed == {fate: counted.count(fate) for fate in set(counted)}
        assert account.rows_in == len(found[source])
        assert account.is_balanced


TEXTS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=20),
    held_out=st.lists(TEXTS, max_size=3),
    similarity=st.sampled_from([0.5, 0.7, 0.9, 1.0]),
)
def test_what_is_removed_as_almost_equal_is_so_to_a_row_that_stays(shared_world, texts, held_out, similarity):
    session = shared_world.session([pair("q", text, line) for line, text in enumerate(texts, start=1)])
    held = shared_world.session([pair("x", text, line) for line, text in enumerate(held_out, start=1)])
    recipe = MergeRecipe(
        sources=(MergeSource(session=session.id),),
        exact_duplicates=False,
        near_duplicates=True,
        similarity=similarity,
        conflicts="off",
        held_out=held.id,
        near_leaks=True,
    )
    inputs = [MergeInput(session.name, "", session=session)]

    with shared_world.engine.work_out(recipe, inputs, held, lambda progress: None) as merged:
        stays = [line - 1 for line, *_ in merged.rows()]
        examples = merged.ledger.examples

    triples = [shingles(pair("q", text).messages) for text in texts]
    others = [shingles(pair("x", text).messages) for text in held_out]
    assert sorted([*stays, *(example.row - 1 for example in examples)]) == list(range(len(texts)))
    for example in examples:
        other = others if example.other_source == -1 else triples
        assert example.similarity == jaccard(triples[example.row - 1], other[example.other_row - 1])
        assert example.similarity >= similarity
        assert example.other_source == -1 or example.other_row - 1 in stays
    kept = [frozenset(triples[row]) for row in stays]
    assert len(kept) == len(set(kept)), "rows with the same triples never both stay"
