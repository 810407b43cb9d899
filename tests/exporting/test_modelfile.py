"""Ollama's template says what the Jinja template of the model says, or there is none and a reason."""

from typing import Any

import pytest

from app.domain.errors import StudioError
from app.worker.exporting.modelfile import modelfile, pieces_of
from tests.trainer.test_template_families import SPECIAL, tokenizer

pytestmark = pytest.mark.training

SYSTEM = {"role": "system", "content": "Be kind."}
TALK = [
    {"role": "user", "content": "One"},
    {"role": "assistant", "content": "Two"},
    {"role": "user", "content": "Three"},
]


def render_of(words: Any) -> Any:
    return lambda messages, to_answer: words.apply_chat_template(
        list(messages), add_generation_prompt=to_answer, tokenize=False
    )


@pytest.mark.parametrize("messages", [TALK, [SYSTEM, *TALK], TALK[:1]], ids=["talk", "system", "first"])
@pytest.mark.parametrize("family", SPECIAL)
def test_a_familys_template_is_said_in_ollamas_language(family: str, messages: Any) -> None:
    words = tokenizer(family, marked=False)

    pieces = pieces_of(render_of(words), words.bos_token or "")

    assert (words.bos_token or "") + pieces.text(messages) == render_of(words)(messages, True)


def test_the_file_names_the_model_the_template_the_stop_and_the_settings() -> None:
    text = modelfile(tokenizer("phi3", marked=False), "m.gguf", ["<|end|>"], {"temperature": 0.7})

    assert text == (
        'FROM ./m.gguf\nTEMPLATE """{{ if eq (index .Messages 0).Role "system" }}<|system|>\n'
        "{{ (index .Messages 0).Content }}<|end|>\n{{ end }}{{ range $i, $m := .Messages }}"
        '{{ if eq $m.Role "user" }}<|user|>\n{{ $m.Content }}<|end|>\n<|assistant|>\n'
        '{{ else if eq $m.Role "assistant" }}{{ $m.Content }}<|end|>\n{{ end }}{{ end }}"""\n'
        'PARAMETER stop "<|end|>"\nPARAMETER temperature 0.7\n'
    )


def test_a_template_that_counts_turns_cannot_be_said_and_the_reason_is_given() -> None:
    words = tokenizer("chatml", marked=False)
    words.chat_template = words.chat_template.replace(
        "message.content +", "message.content + ('!' if loop.index0 > 3 else '') +"
    )

    with pytest.raises(StudioError, match="cannot say what this chat template does"):
        pieces_of(render_of(words), "")
