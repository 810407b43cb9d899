"""Learning more than the answers, and what rows keep on their way to the template."""

from pathlib import Path
from typing import Any

import pytest

from trainer_image.rows import RowError, to_messages

from . import tiny
from .prepared import Prepared, pair

pytestmark = pytest.mark.training

TALK = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "user"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": " The river\nis long. "},
        {"role": "assistant", "content": "So it is."},
    ]
}
EVERYTHING = ["user", "Yes.<|im_end|>", "The river\nis long.", "So it is.<|im_end|>"]
NO_LONE_SYSTEM = "{% if messages|length == 1 %}{{ raise_exception('?') }}{% endif %}" + tiny.CHATML
TOOLS = (
    "{% if tools %}<|im_start|>tools {{ tools | tojson }}<|im_end|>{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{ c.function.arguments.city }}]{% endfor %}"
    "{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}"
)


def learnt(folder: Path, row: dict[str, Any], **settings: Any) -> list[str]:
    return [text.strip() for text in Prepared(folder, [row], **settings).learnt()]


@pytest.mark.parametrize("template", [tiny.CHATML, tiny.CHATML_WITHOUT_MARKERS, NO_LONE_SYSTEM])
def test_a_run_learns_every_message_but_the_systems(tmp_path: Path, template: str) -> None:
    assert learnt(tmp_path, TALK, unmask_messages=True, template=template) == EVERYTHING


def test_a_message_that_reads_like_its_heading_is_told_from_it(tmp_path: Path) -> None:
    prepared = Prepared(tmp_path, [TALK], unmask_messages=True)

    first = next(at for at, label in enumerate(prepared.rows.labels[0]) if label != -100)
    assert prepared.words.decode(prepared.rows.input_ids[0][:first]).endswith("<|im_start|>user\n")


def test_a_row_may_ask_for_it_alone(tmp_path: Path) -> None:
    assert learnt(tmp_path, {**TALK, "unmask": True}) == EVERYTHING


def test_a_row_that_does_not_ask_learns_only_its_answers(tmp_path: Path) -> None:
    assert learnt(tmp_path, {**TALK, "unmask": False}) == ["Yes.<|im_end|>", "So it is.<|im_end|>"]


def test_the_wish_stays_with_the_messages_wherever_they_are_kept() -> None:
    messages = to_messages(pair("Hm?", "Ah.", unmask=True))

    assert messages == to_messages({"messages": list(messages)})
    assert [message.get("unmask") for message in messages] == [True, True]


def test_a_wish_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(RowError, match="neither true nor false"):
        to_messages(pair("Hm?", "Ah.", unmask="perhaps"))


@pytest.mark.parametrize("arguments", ['{"city": "Arn"}', {"city": "Arn"}])
def test_tools_calls_and_thoughts_reach_the_template(tmp_path: Path, arguments: Any) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": arguments}}
    row = {
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "messages": [
            {"role": "user", "content": "Rain?"},
            {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Let me look."},
            {"role": "tool", "content": "dry"},
            {"role": "assistant", "content": "No."},
        ],
    }

    prepared = Prepared(tmp_path, [row], template=TOOLS)

    text = prepared.words.decode(prepared.rows.input_ids[0])
    assert text.startswith('<|im_start|>tools [{"type": "function"')
    assert prepared.learnt() == ["<think>Let me look.</think>[weather Arn]<|im_end|>", "No.<|im_end|>"]
