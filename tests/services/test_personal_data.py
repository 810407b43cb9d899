"""What looks like an address, a number or a key is counted; what only resembles one is not."""

import logging

import pytest

from app.domain.personal_data import Tally, kinds_in

KEY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to ana.sorrel+ferry@harbour.co.uk.", "email"),
        ("<mailto:x_y@sea-side.io>", "email"),
        ("Call +49 30 901820 today", "phone"),
        ("Call +1 (212) 736-5000.", "phone"),
        ("(212) 736-5000 or", "phone"),
        ("212-736-5000", "phone"),
        ("Tel. 030 / 901820".replace(" / ", "/"), "phone"),
        ("Tel. 0171 234 5678", "phone"),
        (f"token hf_{KEY[:34]}", "hugging_face_token"),
        (f"OPENAI_API_KEY=sk-proj-{KEY}{KEY}", "openai_key"),
        (f"sk-{KEY}{KEY[:12]}", "openai_key"),
        (f"sk-ant-api03-{KEY}", "anthropic_key"),
        (f"ghp_{KEY}", "github_token"),
        ("AKIAIOSFODNN7EXAMPLE", "aws_key"),
        ("AIza" + KEY[:35], "google_key"),
        ("xoxb-123456789012-abcdef", "slack_token"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private_key"),
        ("-----BEGIN PRIVATE KEY-----", "private_key"),
        ("IBAN: DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("4111 1111 1111 1111", "card"),
        ("card 5500-0000-0000-0004,", "card"),
    ],
)
def test_what_has_the_shape_and_the_check_digits_is_found_once(text, kind):
    assert kinds_in(text) == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "npm install left-pad@1.3.0 and git@github.com:owner/name.git",
        "someone@example.com, me@printer.test",
        "@decorator def f(a@b): ...",
        "On 2026-11-26, from 08:15 to 09:45, version 10.15.7, build 20261126.1",
        "1,000,000 rows in 0.25 s; 192.168.100.200; 3.14159265358979",
        "ISBN 978-3-16-148410-0 and 0-306-40615-2, DOI 10.1000/182",
        "0123456789abcdef0123456789abcdef01234567",
        "-----BEGIN CERTIFICATE-----",
        "hf_hub_download and hf_token and sk-learn, sk-estimators-are-classes-of-scikit-learn",
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "0000000000000000 and 1234567890123456",
        "AKIAIOSFODNN7 is too short",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_what_only_resembles_it_is_not(text):
    assert kinds_in(text) == {}


def test_rows_are_counted_and_named_and_what_was_found_is_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    tally = Tally()
    for position in range(150):
        tally.add(position, ["ana@harbour.io and bo@harbour.io", "nothing"] if position % 2 else ["nothing"])

    [found] = tally.found()

    assert (found.count, found.row_count, found.rows[:3], len(found.rows)) == (150, 75, (1, 3, 5), 75)
    assert "harbour" not in repr(tally) + repr(found) + caplog.text
