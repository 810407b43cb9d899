"""What is found wrong with rows, by the real process."""

import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.domain.previews import PreviewCancelledError
from app.domain.quality import Quality, flaws_of, odd_characters
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services.everything import Services
from trainer_image.aside import drawn, validation_count
from trainer_image.config import RunConfig

LONG = "It leaves at seven from the northern pier, as it does on every other day of the long winter."
CONFIG = RunConfig(base_model=BUNDLED_MODEL, offline=True)
WORDS = """pier gull rope tide mast keel lamp crew fog bell chart storm harbour anchor deck sail cargo buoy
lantern knot reef wharf galley hull rudder compass""".split()  # noqa: SIM905 a list of words reads best so


def pair(question: str, answer: str) -> dict[str, Any]:
    return {"prompt": question, "completion": answer}


def told_apart(number: int) -> str:
    """A sentence that has few word triples in common with another number's."""
    return " ".join(WORDS[(number * step + step * step) % len(WORDS)] for step in range(1, 9)) + f" {number}."


ROWS = [
    *[pair(f"What of {n} on the {WORDS[n % 26]}?", told_apart(n)) for n in range(40)],
    pair("What of 3 on the tide?", told_apart(3)),  # 40: the same as 3
    pair("When does the first ferry leave on a Sunday?", LONG),  # 41
    pair("When does the first ferry leave on a Sunday?", LONG.replace("winter", "summer")),  # 42: near 41
    pair("Is it far?", "No."),  # 43: short
    pair("Wann fährt die erste Fähre am Sonntagmorgen?", "Sie fährt um sieben Uhr vom nördlichen Kai ab."),
    pair("What is a cafÃ© on the ferry called?", "The galley, and it opens\u200b at eight."),  # 45: odd
]


@pytest.fixture(scope="session")
def flawed(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Session:
    file = tmp_path_factory.mktemp("rows") / "flawed.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    return services.library.import_file(file).session


@pytest.fixture(scope="session")
def found(services: Services, flawed: Session) -> Quality:
    return services.previews.quality.check(services.previews.of_session(flawed), lambda _: None)


def notes(services: Services, found: Quality, flaw: str) -> dict[int, str]:
    return {row.number: row.note for row in services.previews.quality.flawed(found, flaw, start=0, limit=50)}


def test_each_flaw_has_its_count_and_its_rows_with_a_note(services: Services, found: Quality) -> None:
    assert found.rows == len(ROWS)
    assert found.counts == {"same": 1, "near": 1, "empty": 0, "short": 1, "odd": 1}
    assert notes(services, found, "same") == {40: "the same as row 4"}
    assert list(notes(services, found, "near")) == [42]
    assert "same as row 42" in notes(services, found, "near")[42]
    assert notes(services, found, "short") == {43: "an answer of 3 letters: “No.”"}
    assert notes(services, found, "odd") == {
        45: "letters read in the wrong encoding (U+00C3 U+00A9), invisible characters (U+200B)"
    }


def test_the_mix_of_languages_is_counted_and_each_leads_to_its_rows(
    services: Services, found: Quality
) -> None:
    assert found.languages["de"] == 1
    assert sum(found.languages.values()) == found.languages_of == len(ROWS)
    assert list(notes(services, found, "language:de")) == [44]


def test_a_prompt_on_both_sides_of_the_runs_own_split_is_a_leak(services: Services, tmp_path: Path) -> None:
    aside = drawn(40, validation_count(CONFIG, 40), seed=CONFIG.seed)
    inside = next(n for n in range(40) if n not in aside)
    rows = [pair(f"What of {n}?", told_apart(n)) for n in range(40)]
    rows[aside[0]]["prompt"] = rows[inside]["prompt"]
    file = tmp_path / "leaky.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    previews = services.previews
    source = previews.of_session(services.library.import_file(file).session)
    quality = previews.quality.check(source, lambda _: None)
    survey = previews.survey(source, CONFIG, lambda _: None)

    leaks = previews.quality.leaks(quality, survey, CONFIG)

    assert [(leak.number, leak.note) for leak in leaks or ()] == [
        (aside[0], f"asks what row {inside + 1} asks, which is trained on")
    ]
    off = CONFIG.model_copy(update={"validation": "off"})
    assert previews.quality.leaks(quality, survey, off) is None


def test_looking_again_takes_what_was_found_before(
    services: Services, flawed: Session, found: Quality, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.previews._rows, "lines", None)  # nobody may read the rows again

    again = services.previews.quality.check(services.previews.of_session(flawed), lambda _: None)

    assert again == found


def test_a_cancelled_check_leaves_nothing(services: Services, looking_paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS[:7]), encoding="utf-8")
    source = services.previews.of_session(services.library.import_file(file).session)
    before = set(looking_paths.previews.glob("*"))

    def cancel(rows: int) -> None:
        if rows:
            wait_for_its_end()
            raise PreviewCancelledError

    with pytest.raises(PreviewCancelledError):
        services.previews.quality.check(source, cancel)

    left = {path.name for path in set(looking_paths.previews.glob("*")) - before}
    assert left == set()


def wait_for_its_end() -> None:
    """Until the process has found all it finds: the moment of a cancel that comes too late for it."""
    end = time.monotonic() + 30
    while any(is_looking(child) for child in psutil.Process().children()):
        assert time.monotonic() < end, "the process has not ended in 30 s"
        time.sleep(0.01)


def is_looking(child: psutil.Process) -> bool:
    return child.status() != psutil.STATUS_ZOMBIE and "app.worker.quality" in child.cmdline()


@pytest.mark.parametrize(
    "text",
    [
        "Où est le café ? NÃO. Ça va…",
        "👩‍👩‍👧 and می‌خواهم",  # joiners that are meant
        "tab\tline\nbreak\r\n",
        "20 °C £5",
    ],
)
def test_letters_that_are_meant_are_not_odd(text: str) -> None:
    assert odd_characters(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\x07b", "control characters (U+0007)"),
        ("caf\ufffd", "replacement characters"),
        ("itâ€™s", "wrong encoding"),
        ("20Â°C", "wrong encoding"),
        ("a\u202eb", "invisible characters (U+202E)"),
    ],
)
def test_odd_letters_are_named(text: str, said: str) -> None:
    assert said in odd_characters(text)


def test_an_answer_that_calls_a_tool_is_neither_empty_nor_short() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "x"}}]}
    empty = {"role": "assistant", "content": " "}

    assert flaws_of([{"role": "user", "content": "Hm?"}, call]) == {}
    assert flaws_of([{"role": "user", "content": "Hm?"}, empty, call]) == {
        "empty": "an answer without a word"
    }
