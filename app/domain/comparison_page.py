"""A comparison as one HTML file to hand on: nothing in it is fetched, and nothing in it runs."""

from collections.abc import Sequence
from html import escape
from typing import Final

from app.domain.word_differences import Stretch, differences, likeness

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
article { border: 1px solid #8886; border-radius: .5rem; padding: 0 1rem 1rem; }
p { white-space: pre-wrap; overflow-wrap: anywhere; }
b { text-decoration: underline; }
th, td { text-align: left; padding: .2rem 1.5rem .2rem 0; vertical-align: top; }
"""


def page_of(
    labels: tuple[str, str],
    conditions: Sequence[str],
    pairs: Sequence[tuple[str, str, str]],
    numbers: str = "",
    wanted: Sequence[str | None] = (),
) -> str:
    """What only one side says is bold and underlined; `numbers` is HTML that goes before the answers.

    `wanted` is what the data answers, of each pair or of none.
    """
    title = escape(f"{labels[0]} and {labels[1]}")
    said = "".join(f"<p>{escape(one)}</p>\n" for one in conditions)
    asked = zip(pairs, wanted or [None] * len(pairs), strict=True)
    body = "".join(
        _section(labels, number, *pair, want) for number, (pair, want) in enumerate(asked, start=1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n<h1>{title}</h1>\n{said}{numbers}{body}</body>\n</html>\n"
    )


def _section(
    labels: tuple[str, str], number: int, prompt: str, first: str, second: str, wanted: str | None
) -> str:
    data = "" if wanted is None else f"<p>In the data: {escape(wanted)}</p>\n"
    answers = zip(labels, differences(first, second), strict=True)
    articles = "".join(
        f"<article><h3>{escape(who)}</h3><p>{_marked(text)}</p></article>" for who, text in answers
    )
    same = (
        "The answers are the same."
        if first == second
        else f"{likeness(first, second):.0%} of the words are the same."
    )
    return f'<h2>{number}. {escape(prompt)}</h2>\n{data}<div class="pair">{articles}</div>\n<p>{same}</p>\n'


def _marked(stretches: Sequence[Stretch]) -> str:
    return "".join(escape(s.text) if s.is_common else f"<b>{escape(s.text)}</b>" for s in stretches)
