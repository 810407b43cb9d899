"""Chats, and serving a model, from the terminal, with the bundled model."""

import json
import signal

import openai
import pytest

from tests.cli.conftest import ROOT, Shell

pytestmark = pytest.mark.training

MODEL = str(ROOT / "assets/tiny-model")


def test_a_chat_with_a_folder_is_kept_found_exported_and_becomes_a_session(shell: Shell, tmp_path):
    words = (
        "--prompt",
        "Hello there",
        "--system",
        "Be kind.",
        "--temperature",
        "0",
        "--stop",
        " ",
    )  # comes to its end
    answer = shell.json("chat", MODEL, *words)["answer"]

    [kept] = shell.json("chats", "list", "--search", "hello")
    shown = shell.json("chats", "show", "Hello there")
    shell.ok("chats", "export", str(kept["id"]), str(tmp_path / "chat.jsonl"))
    session = shell.json("chats", "session", str(kept["id"]), "--name", "from chats")
    shell.ok("chats", "delete", str(kept["id"]))
    gone = shell.json("chats", "list")
    shell.ok("chats", "undelete", str(kept["id"]))

    assert [m["content"] for m in shown["messages"]] == ["Hello there", answer]
    row = json.loads((tmp_path / "chat.jsonl").read_text())
    assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant"]
    assert (session["name"], session["row_count"], gone) == ("from chats", 1, [])


def test_a_served_model_answers_the_openai_client_until_ctrl_c(shell: Shell):
    process = shell.start("serve", MODEL, "--json")
    assert process.stdout is not None
    served = json.loads(process.stdout.readline())
    with openai.OpenAI(base_url=served["address"], api_key=served["token"]) as client:
        answer = client.chat.completions.create(
            model=served["model"],
            messages=[{"role": "user", "content": "Hello"}],
            temperature=0,
            max_completion_tokens=4,
        )
    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 4


def test_a_token_of_ones_own_is_used_and_shown_nowhere(shell: Shell):
    shell.environment["TUNEWRIGHT_API_TOKEN"] = "known-to-me-only"
    process = shell.start("serve", MODEL, "--json")
    assert process.stdout is not None
    line = process.stdout.readline()
    with openai.OpenAI(base_url=json.loads(line)["address"], api_key="known-to-me-only") as client:
        assert len(client.models.list().data) == 1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert "known-to-me-only" not in line + out + err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("chat", MODEL, "--prompt", "x", "--top-p", "2"), "--top-p is a number from 0 to 1."),
        (("chats", "show", "nothing"), "There is no chat 'nothing'."),
        (("compare", MODEL, MODEL, "--prompt", "x"), "Both models are the same."),
        (("compare", MODEL, MODEL, "--prompt", "x", "--to", "a.doc"), "ends in none of"),
        (("prove", MODEL), "Only what a run has made can be held against its rows."),
        (("prove", MODEL, "--to", "a.csv"), "Name a file that ends in .html"),
        (("prove", MODEL, "--count", "0"), "--count is a number from 1 to"),
    ],
)
def test_mistakes_are_a_sentence(shell: Shell, words, sentence):
    code, _, err = shell.run(*words)

    assert (code, sentence in err) == (1, True), err
