"""A rented GPU as it is typed: nonsense is said in each field, and what is written otherwise is read."""

import pytest

from app.ui.training.pod_draft import PodDraft


@pytest.mark.parametrize("typed", ["", "a lot", "0", "-5", "nan", "1e400", "5 dollars"])
@pytest.mark.parametrize(("field", "word"), [("budget", "budget"), ("hours", "deadline")])
def test_what_is_no_limit_is_said(field: str, word: str, typed: str):
    assert word in PodDraft(image="a/b", **{field: typed}).problem()


@pytest.mark.parametrize(
    ("field", "typed", "word"),
    [
        ("highest_price", "cheap", "highest price"),
        ("highest_price", "-1", "highest price"),
        ("image", "   ", "trainer image"),
        ("image", "tunewright-trainer:cuda", "registry"),
        ("image", "ghcr.io/me/trainer:1\n", ""),
        ("region", "eu ro 1", "region"),
        ("volume", "../volume", "network volume"),
    ],
)
def test_what_is_none_of_its_kind_is_said(field: str, typed: str, word: str):
    problem = PodDraft(**{"image": "a/b", field: typed}).problem()

    assert word in problem
    assert bool(problem) is bool(word)


def test_a_price_with_a_comma_or_a_dollar_sign_is_one():
    options = PodDraft(image="a/b", budget="$2,50", highest_price=" 0,39 ").options()

    assert (options.budget, options.highest_price) == (2.5, 0.39)
