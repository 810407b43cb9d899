"""What is shown to others holds no secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.redaction import HIDDEN, redacted, secrets_in

LETTERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=16, max_size=40)


@given(LETTERS, st.text(max_size=40), st.text(max_size=40))
def test_no_hugging_face_token_survives_wherever_it_stands(letters, before, after):
    token = f"hf_{letters}"

    assert token not in redacted(f"{before}{token}{after}")


@given(st.text(min_size=6, max_size=40), st.text(max_size=60), st.text(max_size=60))
def test_a_value_known_to_be_secret_never_survives(secret, before, after):
    assert secret not in redacted(f"{before}{secret}{after}", secrets=[secret]).replace(HIDDEN, "\0")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("HF_TOKEN=abcdefgh", "abcdefgh"),
        ('{"api_key": "q1w2e3r4"}', "q1w2e3r4"),
        ("password: hunter2!", "hunter2!"),
        ("curl -H 'Authorization: Bearer abc.def-ghi123'", "abc.def-ghi123"),
        ("git clone https://ann:s3cret@example.org/x", "s3cret"),
        ("http://proxyuser:pw123456@proxy:3128", "pw123456"),
        ("rpa_ABCDEFGHIJKLMNOP1234", "ABCDEFGHIJKLMNOP1234"),
        ("export OPENAI_API_KEY=sk-proj-abcdefghijklmnop", "abcdefghijklmnop"),
        ("ghp_abcdefghijklmnop1234", "abcdefghijklmnop1234"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text, secret):
    assert secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "step 3/10  loss 1.2000  900 tokens/s",
        "tokens: 1024, pad_token: null",
        "eos_token = None",
        "https://huggingface.co/owner/model",
        "Memory: about 1.20 GB expected",
    ],
)
def test_what_is_no_secret_stays_readable(text):
    assert redacted(text) == text


def test_a_persons_folder_is_called_home():
    assert redacted("/home/ann/data/x", home="/home/ann") == "~/data/x"


def test_variables_are_secret_by_their_names():
    environment = {"HF_TOKEN": "a", "WANDB_API_KEY": "b", "DB_PASSWORD": "c", "PATH": "d", "KEYBOARD": "e"}

    assert secrets_in(environment) == ["a", "b", "c"]
