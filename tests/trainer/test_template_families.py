"""Token ids and masks for the chat templates of five model families, token by token.

Expected texts are written out by hand: `⟦…⟧` encloses what is learnt.
"""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from trainer_image.masking import masking_for

from . import tiny

pytestmark = pytest.mark.training

TEMPLATES = Path(__file__).parent / "templates"
ONE = [{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Ahoy, sir."}]
MORE = [*ONE, {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Fair winds!"}]
BRIEF = {"role": "system", "content": "Be brief."}

SPECIAL = {
    "chatml": ["<|im_start|>", "<|im_end|>"],
    "llama3": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "gemma": ["<bos>", "<start_of_turn>", "<end_of_turn>"],
    "mistral": ["<s>", "</s>", "[INST]", "[/INST]"],
    "phi3": ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"],
}
BEGIN_AND_END = {
    "chatml": (None, "<|im_end|>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"),
    "gemma": ("<bos>", "<end_of_turn>"),
    "mistral": ("<s>", "</s>"),
    "phi3": (None, "<|endoftext|>"),
}
MARKED = {
    "chatml": ("message.content + '<|im_end|>\\n' }}", "message"),
    "llama3": ("message.content | trim + '<|eot_id|>' }}", "message"),
    "gemma": ("(ns.first if loop.first else '') + turn.content | trim + '<end_of_turn>\\n' }}", "turn"),
    "mistral": ("' ' + turn.content | trim + eos_token }}", "turn"),
    "phi3": ("message.content + '<|end|>\\n' }}", "message"),
}
"""The words of a turn in the template, and what the turn is called there."""

EXPECTED = {
    ("chatml", "one"): (
        "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\nHi there<|im_end|>\n"
        "<|im_start|>assistant\n⟦Ahoy, sir.<|im_end|>⟧\n"
    ),
    ("chatml", "system, more"): (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi there<|im_end|>\n"
        "<|im_start|>assistant\n⟦Ahoy, sir.<|im_end|>⟧\n<|im_start|>user\nBye<|im_end|>\n"
        "<|im_start|>assistant\n⟦Fair winds!<|im_end|>⟧\n"
    ),
    ("llama3", "one"): (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi there<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Ahoy, sir.<|eot_id|>⟧"
    ),
    ("llama3", "system, more"): (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi there<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Ahoy, sir.<|eot_id|>⟧"
        "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Fair winds!<|eot_id|>⟧"
    ),
    ("gemma", "one"): (
        "<bos><start_of_turn>user\nHi there<end_of_turn>\n<start_of_turn>model\n⟦Ahoy, sir.<end_of_turn>⟧\n"
    ),
    ("gemma", "system, more"): (
        "<bos><start_of_turn>user\nBe brief.\n\nHi there<end_of_turn>\n"
        "<start_of_turn>model\n⟦Ahoy, sir.<end_of_turn>⟧\n<start_of_turn>user\nBye<end_of_turn>\n"
        "<start_of_turn>model\n⟦Fair winds!<end_of_turn>⟧\n"
    ),
    ("mistral", "one"): "<s>[INST] Hi there [/INST]⟦ Ahoy, sir.</s>⟧",
    ("mistral", "system, more"): (
        "<s>[INST] Be brief.\n\nHi there [/INST]⟦ Ahoy, sir.</s>⟧[INST] Bye [/INST]⟦ Fair winds!</s>⟧"
    ),
    ("phi3", "one"): "<|user|>\nHi there<|end|>\n<|assistant|>\n⟦Ahoy, sir.<|end|>⟧\n<|endoftext|>",
    ("phi3", "system, more"): (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHi there<|end|>\n<|assistant|>\n⟦Ahoy, sir.<|end|>⟧\n"
        "<|user|>\nBye<|end|>\n<|assistant|>\n⟦Fair winds!<|end|>⟧\n<|endoftext|>"
    ),
}
TALKS = {"one": ONE, "system, more": [BRIEF, *MORE]}


def tokenizer(family: str, *, marked: bool) -> Any:
    words = tiny.tokenizer()
    words.add_special_tokens(
        {"additional_special_tokens": [AddedToken(text, normalized=False) for text in SPECIAL[family]]}
    )
    words.bos_token, words.eos_token = BEGIN_AND_END[family]
    template = (TEMPLATES / f"{family}.jinja").read_text(encoding="utf-8").rstrip("\n")
    words.chat_template = with_markers(template, *MARKED[family]) if marked else template
    return words


def with_markers(template: str, turn: str, name: str) -> str:
    """The template with `{% generation %}` around the words of an assistant's turn."""
    heading, found, rest = template.partition(turn)
    assert found
    opening = f"{{%- if {name}.role == 'assistant' %}}{{% generation %}}{{{{ {turn}{{% endgeneration %}}"
    return f"{heading.rstrip().removesuffix('{{-').rstrip().removesuffix('+')}" + (
        f" }}}}{opening}{{%- else %}}{{{{ {turn}{{%- endif %}}{rest}"
        if heading.rstrip().endswith("+")
        else f"{opening}{{%- else %}}{{{{ {turn}{{%- endif %}}{rest}"
    )


def parts(expected: str) -> list[tuple[str, bool]]:
    """The text in pieces, each learnt or not."""
    pieces = re.split("([⟦⟧])", expected)
    learnt, found = False, []
    for piece in pieces:
        if piece in {"⟦", "⟧"}:
            learnt = piece == "⟦"
        elif piece:
            found.append((piece, learnt))
    return found


@pytest.mark.parametrize("marked", [False, True], ids=["plain", "with generation markers"])
@pytest.mark.parametrize(("family", "talk"), EXPECTED, ids=" ".join)
def test_ids_and_mask_are_those_written_out_by_hand(family: str, talk: str, marked: bool) -> None:
    words = tokenizer(family, marked=marked)

    encoded = masking_for(words).encode(TALKS[talk])

    expected = [
        (token, learnt)
        for text, learnt in parts(EXPECTED[family, talk])
        for token in words(text, add_special_tokens=False).input_ids
    ]
    got = list(zip(encoded.input_ids, encoded.trained, strict=True))
    assert words.decode(encoded.input_ids) == words.decode([token for token, _ in expected])
    assert got == expected
    assert encoded.lost_answers == 0


@pytest.mark.parametrize("family", SPECIAL)
def test_no_family_begins_twice_or_leaves_the_end_unlearnt(family: str) -> None:
    words = tokenizer(family, marked=False)

    masking = masking_for(words)

    encoded = masking.encode(TALKS["system, more"])
    assert masking.notices == []
    if words.bos_token_id is not None:
        assert encoded.input_ids.count(words.bos_token_id) == 1
    ends = [
        token
        for (token, learnt), (_, after) in pairwise(
            [*zip(encoded.input_ids, encoded.trained, strict=True), (0, False)]
        )
        if learnt and not after
    ]
    stop = "<|end|>" if family == "phi3" else words.eos_token
    assert ends == [words.convert_tokens_to_ids(stop)] * 2


def test_a_family_without_a_system_role_refuses_turns_out_of_order() -> None:
    encode = masking_for(tokenizer("gemma", marked=False)).encode

    with pytest.raises(Exception, match="alternate"):
        encode([*ONE, {"role": "assistant", "content": "And?"}])
