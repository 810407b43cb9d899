"""Ollama's template says what the Jinja template of the model says, or there is none and a reason."""

from typing import Any

import pytest

from app.domain.errors import StudioError
from app.worker.exporting.modelfile import modelfile, pieces_of
from tests.exporting.go_template import written
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


@pytest.mark.parametrize("messages", [TALK, [SYSTEM, *TALK], TALK[:1]], ids=["talk", "system", "first"])
@pytest.mark.parametrize("family", SPECIAL)
def test_the_go_template_itself_writes_what_the_jinja_template_does(family: str, messages: Any) -> None:
    """Read by an interpreter of ours of what it uses of Go's language; Ollama is not here to do it."""
    words = tokenizer(family, marked=False)
    text, _ = modelfile(words, "m.gguf", [], {})
    template = text.partition('TEMPLATE """')[2].partition('"""')[0]

    assert (words.bos_token or "") + written(template, messages) == render_of(words)(messages, True)


@pytest.mark.parametrize("family", SPECIAL)
def test_blanks_that_the_templates_of_some_families_cut_off_and_ollama_does_not_are_said(family: str) -> None:
    words = tokenizer(family, marked=False)
    talk = [TALK[0], {"role": "assistant", "content": " Two \n"}, TALK[2]]

    text, differing = modelfile(words, "m.gguf", [], {})

    template = text.partition('TEMPLATE """')[2].partition('"""')[0]
    is_alike = (words.bos_token or "") + written(template, talk) == render_of(words)(talk, True)
    assert is_alike is (family in {"chatml", "phi3"})
    if not is_alike:
        assert "Ollama keeps blanks and empty lines" in differing[0]


def test_the_file_names_the_model_the_template_the_stop_and_the_settings() -> None:
    words = tokenizer("phi3", marked=False)

    text, differing = modelfile(words, "m.gguf", ["<|end|>"], {"temperature": 0.7})

    assert differing == ()
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
