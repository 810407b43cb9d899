"""The fast way for plain chats makes exactly the rows of the exact way, or lets a line go to it."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.adapters.importers.plain_chats import plain_reader
from app.adapters.sqlite.row_text import to_text
from trainer_image.rows import RowError, parse_json, to_messages

from .making import read

_text = st.text(st.characters(codec=None, categories=None), max_size=8) | st.sampled_from(
    ["", " ", '"role"', '\\"', '"content": "', "\\u0022", "\x00", "\x7f", "\u2028", "\ud83d", "🚢"]
)
_role = st.sampled_from(["user", "assistant", "system"]) | st.sampled_from(
    ["tool", "User", "document", "gpt", ""]
)
_message = st.fixed_dictionaries(
    {"role": _role, "content": _text}, optional={"name": _text, "unmask": st.booleans()}
)
_record = st.fixed_dictionaries({"messages": st.lists(_message, max_size=4)}, optional={"id": st.integers()})
_writing = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([None, (",", ":"), (" ,\t", " : ")])}
)


@st.composite
def _lines(draw) -> bytes:
    """Chats as many programs write them, with twin keys, odd escapes and stray bytes now and then."""
    text = json.dumps(draw(_record), **draw(_writing))
    for old, new in draw(
        st.lists(
            st.sampled_from([
                ('"role"', '"role": "system", "role"'), ('"content"', '"content": "\\"", "content"'),
                ('"messages"', '"messages": [], "messages"'), ('"role"', '"r\\u006fle"'), ('\\"', "\\u0022"),
                ('"user"', '"us\\u0065r"'), ("/", "\\/"), ("\\n", "\n"), ("}", "},"),
                ('"content": "', '"content": "\\udc00'),
                ('"role"', '"role": "\\u0022\\"", "role"'), ('"content"', '"content": null, "content"'),
            ]),
            max_size=2,
        )
    ):  # fmt: skip
        text = text.replace(old, new, draw(st.integers(1, 2)))
    line = text.encode("utf-8", "surrogatepass")
    return (
        draw(st.sampled_from([b"", b" ", b"\t"]))
        + line
        + draw(st.sampled_from([b"\n", b"\r\n", b"", b" x", b"\xff"]))
    )


def exactly(line: bytes) -> str | None:
    """The row's text as the exact way makes it, None if it is refused or has more to it than messages."""
    try:
        record = parse_json(line.decode("utf-8"))
        messages = to_messages(record)
    except (RowError, ValueError, RecursionError):
        return None
    return to_text(messages) if record.keys() == {"messages"} else None


USER = b'{"messages": [{"role": "user", "content": "a%b"}, {"role": "assistant", "content": "b"%b}]}'


@settings(max_examples=600)
@given(_lines())
@example(USER % (b"", b', "content": "c\\""'))
@example(USER % (b"", b', "content": "\\u0022\\u0022\\u0022\\u0022"'))
@example(USER % (b"\x01", b""))
@example(USER % (b"\xc0\x80", b""))
@example(USER % (b"\xed\xa0\xbd", b""))
def test_what_the_fast_way_makes_is_what_the_exact_way_makes(line: bytes) -> None:
    text = plain_reader()(line)

    assert text is None or text == exactly(line)


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("separators", [None, (",", ":")])
def test_plain_chats_do_take_the_fast_way(ensure_ascii: bool, separators: tuple[str, str] | None) -> None:
    said = ['Is it "open"?\n\tSay!', 'Größe: "\\zwölf"/12 你好']
    messages = [{"role": "user", "content": said[0]}, {"role": "assistant", "content": said[1]}]
    line = json.dumps({"messages": messages}, ensure_ascii=ensure_ascii, separators=separators).encode()

    assert plain_reader()(line) == to_text(messages) == exactly(line)


def test_plain_and_other_lines_stand_in_one_file(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    path = tmp_path / "mixed.jsonl"
    lines = [
        {"messages": chat},
        {"messages": chat, "id": 7},
        {"prompt": "Q", "completion": "A"},
        {"messages": []},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))

    rows, refused, _ = read(path)

    assert [(row.line, row.messages, row.meta) for row in rows] == [
        (1, tuple(chat), {}),
        (2, tuple(chat), {"id": 7}),
        (3, tuple(chat), {}),
    ]
    assert [item.line for item in refused] == [4]
