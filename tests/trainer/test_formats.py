"""Every format of a row, from the line in the file to the text the model reads and the part it learns."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from trainer_image.data import CAUSES
from trainer_image.ledger import NOT_LOST
from trainer_image.rows import Refused, Row, RowError, read_jsonl, to_messages

from . import tiny
from .prepared import Prepared

pytestmark = pytest.mark.training

ASK = {"role": "user", "content": "How deep is it?"}
ANSWER = {"role": "assistant", "content": "Three fathoms."}
SHORT = "<|im_start|>user\nHow deep is it?<|im_end|>\n<|im_start|>assistant\nThree fathoms.<|im_end|>\n"
BRIEF = "<|im_start|>system\nBe brief.<|im_end|>\n"

GOLDEN: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"messages": [ASK, ANSWER]}, SHORT),
    "chat with a system prompt": (
        {"messages": [{"role": "system", "content": "Be brief."}, ASK, ANSWER]}, BRIEF + SHORT,
    ),
    "chat as JSON text": ({"messages": json.dumps([ASK, ANSWER])}, SHORT),
    "chat in parts of text": (
        {"messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "How deep"}, {"type": "text", "text": " is it?"},
            ]},
            {"role": "assistant", "content": [{"text": "Three fathoms."}]},
        ]},
        SHORT,
    ),
    "ShareGPT": (
        {"conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "How deep is it?"},
            {"from": "gpt", "value": "Three fathoms."},
        ]},
        BRIEF + SHORT,
    ),
    "ShareGPT as JSON text, its system prompt beside it": (
        {"system": "Be brief.", "conversations": json.dumps([
            {"from": "human", "value": "How deep is it?"}, {"from": "gpt", "value": "Three fathoms."},
        ])},
        BRIEF + SHORT,
    ),
    "prompt and completion": ({"prompt": "How deep is it?", "completion": "Three fathoms."}, SHORT),
    "prompt and completion as messages": ({"prompt": [ASK], "completion": [ANSWER]}, SHORT),
    "Alpaca": ({"instruction": "How deep is it?", "output": "Three fathoms."}, SHORT),
    "Alpaca with an input": (
        {"instruction": "How deep", "input": "is it?", "output": "Three fathoms.", "system": "Be brief."},
        BRIEF + SHORT.replace("How deep is it?", "How deep\n\nis it?"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_each_format_becomes_this_text_and_its_answer_is_learnt(tmp_path: Path, name: str) -> None:
    row, text = GOLDEN[name]

    prepared = Prepared(tmp_path, [row])

    assert prepared.ledger.buckets == {"trained": 1}
    assert prepared.words.decode(prepared.rows.input_ids[0]) == text
    assert prepared.learnt() == ["Three fathoms.<|im_end|>"]


def test_a_document_is_learnt_whole(tmp_path: Path) -> None:
    row = {"document": "The harbour silts up."}

    prepared = Prepared(tmp_path, [row], template=None, is_pretraining=True, block_size=64)

    assert prepared.learnt() == ["The harbour silts up.<|im_end|>"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": "How deep is it?"}, "text, but not a list of messages as JSON"),
        ({"messages": '{"role": "user"}'}, "empty or not a list"),
        ({"messages": []}, "empty or not a list"),
        ({"messages": ["How deep?"]}, "a message is not a JSON object"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "unknown role 'narrator'"),
        ({"messages": [{"role": "user", "content": 3}, ANSWER]}, "content is not text"),
        ({"messages": [{"role": "user", "content": []}, ANSWER]}, "content is not text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, ANSWER]},
            "a part of type 'image_url'; only text is learnt",
        ),
        ({"messages": [{"role": "user", "content": ["How deep?"]}, ANSWER]}, "a part of type 'str'"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}, ANSWER]}, "has no text"),
        ({"messages": [ASK]}, "no assistant message"),
        ({"messages": [ANSWER]}, "the question is empty"),
        ({"messages": [ASK, ANSWER], "tools": "[{"}, "'tools' is text, but not JSON"),
        ({"conversations": [{"from": "function_call", "value": "look()"}]}, "a function_call is not JSON"),
        ({"prompt": 3, "completion": "x"}, "'prompt' is not text"),
        ({"messages": [ASK, {**ANSWER, "weight": 0.5}]}, "weight is 0.5, and only 0 and 1 are known"),
        ({"instruction": "x", "input": 3, "output": "y"}, "'input' is not text"),
        ({"question": "x", "answer": "y"}, "no known format: the row has answer, question"),
        ([1, 2], "the row is not a JSON object"),
    ],
)
def test_what_is_no_row_is_refused_with_the_reason(row: Any, reason: str) -> None:
    with pytest.raises(RowError) as refused:
        to_messages(row)

    assert refused.value.bucket == "malformed"
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"prompt": "Q", "completion": "A", "score": NaN}', "NaN is no number"),
        ('{"prompt": "Q", "completion": "A", "score": -1e999}', "'-1e999' is too large"),
        ('{"prompt": "Q", "completion": "A", "id": ' + "7" * 5000 + "}", "a number has 5,000 digits"),
        ('{"prompt": "Q", "completion": "A", "prompt": "Another"}', "the key 'prompt' is there twice"),
        ('{"messages": [{"role": "' + "x" * 10**6 + '", "content": "?"}]}', "unknown role 'xxx"),
        ('{"' + "y" * 10**6 + '": 1}', "no known format: the row has yyy"),
        (r'{"prompt": "\uD83d", "completion": "A"}', "half of a character"),
    ],
)
def test_a_line_that_other_programs_would_read_otherwise_is_refused_in_few_words(
    tmp_path: Path, line: str, reason: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(line + "\n", encoding="utf-8")

    [refused] = read_jsonl(tmp_path / "rows.jsonl")

    assert isinstance(refused, Refused)
    assert reason in refused.reason
    assert len(refused.reason) < 200


def test_the_lines_of_a_file_keep_their_numbers(tmp_path: Path) -> None:
    chat = json.dumps({"messages": [ASK, ANSWER]}).encode()
    deep = b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    lines = [b"\xef\xbb\xbf" + chat, b"", b"\xff", b"{", deep, chat]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))

    found = list(read_jsonl(tmp_path / "rows.jsonl"))

    assert [(row.line, type(row)) for row in found] == [
        (1, Row),
        *[(n, Refused) for n in (3, 4, 5)],
        (6, Row),
    ]
    assert [row.reason for row in found if isinstance(row, Refused)][::2] == [
        "the line is not UTF-8 text", "the line is nested too deeply",
    ]  # fmt: skip


CALL = {"name": "sound", "arguments": {"place": "harbour"}}
TOOL = {"type": "function", "function": {"name": "sound", "parameters": {"type": "object"}}}
THINKING = (
    "{% if tools %}<|im_start|>tools {{ tools | map(attribute='function.name') | join }}<|im_end|>{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}{{ '\n' }}"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }} {{ c.function.arguments.place }}</call>"
    "{% endfor %}<|im_end|>{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}"
)
THOUGHT_OUT = {
    "tools": [TOOL],
    "messages": [
        ASK,
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "I must sound it.",
            "tool_calls": [{"id": "1", "type": "function", "function": CALL}],
        },
        {"role": "tool", "content": "3", "tool_call_id": "1", "name": "sound"},
        {**ANSWER, "reasoning_content": "Three, then."},
    ],
}
AS_TEXT = {
    "tools": json.dumps([TOOL]),
    "messages": json.dumps(
        [
            {**message, "tool_calls": json.dumps(message["tool_calls"])}
            if "tool_calls" in message
            else message
            for message in THOUGHT_OUT["messages"]
        ]
    ),
}
SHAREGPT = {
    "tools": json.dumps([TOOL]),
    "conversations": [
        {"from": "human", "value": "How deep is it?"},
        {"from": "function_call", "value": json.dumps(CALL)},
        {"from": "observation", "value": "3"},
        {"from": "gpt", "value": "Three fathoms."},
    ],
}


@pytest.mark.parametrize("row", [THOUGHT_OUT, AS_TEXT], ids=["lists", "JSON text"])
def test_tool_calls_and_thoughts_are_in_the_text_and_are_learnt(tmp_path: Path, row: dict[str, Any]) -> None:
    prepared = Prepared(tmp_path, [row], template=THINKING)

    assert prepared.words.decode(prepared.rows.input_ids[0]) == (
        "<|im_start|>tools sound<|im_end|><|im_start|>user\nHow deep is it?<|im_end|>\n"
        "<|im_start|>assistant\n<think>I must sound it.</think><call>sound harbour</call><|im_end|>\n"
        "<|im_start|>tool\n3<|im_end|>\n"
        "<|im_start|>assistant\n<think>Three, then.</think>Three fathoms.<|im_end|>\n"
    )
    assert prepared.learnt() == [
        "<think>I must sound it.</think><call>sound harbour</call><|im_end|>",
        "<think>Three, then.</think>Three fathoms.<|im_end|>",
    ]


def test_the_calls_of_a_sharegpt_row_are_calls(tmp_path: Path) -> None:
    prepared = Prepared(tmp_path, [SHAREGPT], template=THINKING)

    assert prepared.learnt() == ["<call>sound harbour</call><|im_end|>", "Three fathoms.<|im_end|>"]


def test_every_example_of_the_page_is_a_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "user" / "data.md").read_text(encoding="utf-8")
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]

    assert len(examples) == 7
    for example in examples:
        assert to_messages(example)


def test_the_page_names_every_bucket() -> None:
    page = (Path(__file__).parents[2] / "docs" / "user" / "data.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {*CAUSES, *NOT_LOST}


def test_what_was_read_once_reads_the_same_again() -> None:
    for row in [*(row for row, _ in GOLDEN.values()), THOUGHT_OUT, AS_TEXT, SHAREGPT, *tiny.rows()]:
        messages = to_messages(row)
        assert to_messages({"messages": list(messages)}) == messages
