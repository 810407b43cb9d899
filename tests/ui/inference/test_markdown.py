"""Markdown that fetches nothing, and leaves code alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

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
        "```\n{}\n`````",
        "~~~a`b\n{}\n~~~",
        "```\r\n{}\r\n```\r\n",
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
        "``` x\ny\n`````\n{}\n```",
        "~~~a`b\nx\n~~~\n`\n{}\n`",
        "~~~a\rx\r~~~\r{}\n~~~",
        "```\nx\n```\u00a0\n{}\n```",
        "- a\n\n  ```\n  x\n```\ny\n```\n{}\n```",
        "> ```\n```\n{}\n```",
        "http://a.org/` {} `",
        "[a]: b '\n```\n'\n{}\n```",
    ],
)
def test_what_only_looks_like_code_is_no_way_around(trick: str) -> None:
    assert PICTURE not in without_pictures(trick.format(PICTURE))


PIECES = st.sampled_from(
    [
        *(
            "`",
            "``",
            "```",
            "````",
            "~~~",
            "~~~~",
            "\n",
            "\n\n",
            "\r",
            " ",
            "    ",
            "\t",
            "a",
            "> ",
            "- ",
            "1. ",
        ),
        *(
            "# ",
            "|",
            "<!--",
            "-->",
            "\\",
            "http://a.org/",
            "[a]: b '",
            "'",
            "[^1]: ",
            "*",
            "\u00a0",
            PICTURE,
            PICTURE,
        ),
    ]
)


@given(st.lists(PIECES, max_size=24).map("".join))
@settings(max_examples=1500, deadline=None)
def test_a_reader_of_commonmark_finds_no_picture_in_anything(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(without_pictures(text))

    assert "image" not in [child.type for token in tokens for child in token.children or ()]
