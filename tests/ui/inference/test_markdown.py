"""Markdown that fetches nothing, and leaves code alone."""

import pytest

from app.ui.inference.markdown import without_pictures

PICTURE = "![x](http://example.org/x.png)"
KEPT_OUT = PICTURE.replace("![", "!\\[")


@pytest.mark.parametrize(
    "around",
    ["{}", "text {} text", "`code` and {}", "```\ncode\n```\n{}", "> {}", "| a | {} |"],
)
def test_a_picture_stays_text(around: str) -> None:
    assert without_pictures(around.format(PICTURE)) == around.format(KEPT_OUT)


@pytest.mark.parametrize(
    "code",
    [
        "`{}`",
        "``a ` {}``",
        "as in `{}`, so",
        "```md\n{}\n```",
        "~~~\n{}\n~~~",
        "Look:\n\n```\na\n{}\n```\nend",
    ],
)
def test_code_stays_as_it_is(code: str) -> None:
    assert without_pictures(code.format(PICTURE)) == code.format(PICTURE)


def test_beside_code_a_picture_is_still_kept_out() -> None:
    text = "`![a](b)` then ![c](d)\n\n```\n![e](f)\n```\n![g](h)"

    assert without_pictures(text) == "`![a](b)` then !\\[c](d)\n\n```\n![e](f)\n```\n!\\[g](h)"


@pytest.mark.parametrize(
    "trick",
    [
        "\\`{}\\`",
        "`a\n`{}`",
        "| ` | {}` |",
        '<a title="`">{}`',
        "<!--\n```\n-->\n{}\n```",
        "```\n{}",
        "```a`b\n{}\n```",
    ],
)
def test_what_only_looks_like_code_is_no_way_around(trick: str) -> None:
    assert PICTURE not in without_pictures(trick.format(PICTURE))
