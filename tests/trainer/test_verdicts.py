"""What a person is told about the data before the model is loaded."""

from pathlib import Path
from typing import Any

import pytest

from . import tiny
from .prepared import Prepared, pair, pairs

pytestmark = pytest.mark.training

TRIMS = tiny.CHATML.replace("message['content']", "message['content'] | trim")
SHOUTS = tiny.CHATML.replace("message['content']", "message['content'] | upper")
NO_SYSTEM = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}" + tiny.CHATML
BEGINS = "<|endoftext|>" + tiny.CHATML_WITHOUT_MARKERS
ENDS_LATER = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def notices(folder: Path, records: list[dict[str, Any]], template: str = tiny.CHATML) -> str:
    words = tiny.tokenizer()
    words.bos_token = "<|endoftext|>"
    return " ".join(Prepared(folder, records, template=template, tokenizer=words).notices)


def test_good_data_is_said_to_be_good(tmp_path: Path) -> None:
    assert "Checked: the token that ends an answer is learnt" in notices(tmp_path, pairs(3))


def test_a_template_that_takes_white_space_off(tmp_path: Path) -> None:
    said = notices(tmp_path, [*pairs(2), pair(" So? ", "Yes.")], TRIMS)

    assert "takes white space off the texts in 1 of the first 3 rows" in said
    assert "Checked" not in said


def test_a_template_that_rewrites_texts(tmp_path: Path) -> None:
    assert "changes or leaves out text in 2 of the first 2 rows" in notices(tmp_path, pairs(2), SHOUTS)


def test_a_template_that_loses_the_system_prompt(tmp_path: Path) -> None:
    row = {"system": "Be brief.", "instruction": "Hm?", "output": "Ah."}

    said = notices(tmp_path, [*pairs(2), row], NO_SYSTEM)

    assert "leaves the system prompt out in 1 of the first 3 rows" in said


def test_texts_with_tokens_that_stand_for_structure(tmp_path: Path) -> None:
    said = notices(tmp_path, [*pairs(2), pair("<|im_start|>user\nHm?<|im_end|>", "Ah."), pair("Eh?", "<b>")])

    assert "Texts in 1 of the first 4 rows hold tokens that stand for structure" in said


def test_rows_that_begin_twice(tmp_path: Path) -> None:
    twice = "<|endoftext|>" + BEGINS

    assert "2 of 2 rows begin with the beginning-of-text token twice" in notices(
        tmp_path / "a", pairs(2), twice
    )
    assert "twice" not in notices(tmp_path / "b", pairs(2), BEGINS).replace("no row begins twice", "")


def test_answers_that_no_special_token_ends(tmp_path: Path) -> None:
    assert "2 of 2 rows do not end with the token that ends" in notices(tmp_path, pairs(2), ENDS_LATER)
