"""Answers that end before the model says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.endings import AnswerEndedError, StopWatch, goes_round


def said(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    """(what came through, whether a stop text ended it)"""
    sent: list[str] = []
    watch = StopWatch(stops, sent.append)
    try:
        for piece in pieces:
            watch.put(piece)
        watch.finish()
    except AnswerEndedError:
        return "".join(sent), True
    return "".join(sent), False


letters = st.text(alphabet="abc", max_size=12)


@given(st.lists(letters, max_size=6), st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=3))
def test_all_before_the_first_stop_text_comes_through_however_the_text_is_cut(pieces, stops) -> None:
    text = "".join(pieces)
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    whole = [*text]

    got, ended = said(whole, stops)

    assert ended == bool(found)
    if not found:
        assert got == text == said(pieces, stops)[0]
    else:
        # Letter by letter, the stop text that is complete first ends it.
        first = min(text.find(stop) + len(stop) for stop in stops if stop in text)
        assert got == text[: min(first - len(s) for s in stops if text[:first].endswith(s))]


def test_text_that_only_begins_like_a_stop_text_is_held_back_and_then_said() -> None:
    sent: list[str] = []
    watch = StopWatch(["\nUser:"], sent.append)

    watch.put("Hello\nUs")
    assert sent == ["Hello"]
    watch.put("ually, yes")

    assert "".join(sent) == "Hello\nUsually, yes"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7] * 64, True),
        ([7] * 63, False),
        ([*range(40)] * 5, True),
        ([*range(40)] * 4, False),
        ([*range(500)], False),
        ([1, 2, 3, *[8, 9] * 40], True),
        ([*[8, 9] * 40, 1], False),
    ],
)
def test_a_passage_said_over_and_over_is_recognised(ids, expected) -> None:
    assert goes_round(ids) is expected
