"""The contract's page says what the schemas say, and the schemas hold on what the trainer writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_image.events import Result, parse_event

from . import tiny

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_schemas(tmp_path: Path) -> None:
    made = tmp_path / "run-contract.md"

    subprocess.run([sys.executable, str(ROOT / "scripts" / "make_run_contract.py"), str(made)], check=True)

    page = ROOT / "docs" / "run-contract.md"
    assert page.read_text(encoding="utf-8") == made.read_text(encoding="utf-8"), (
        "run scripts/make_run_contract.py"
    )


@pytest.mark.training
def test_every_line_a_run_writes_is_a_known_event_with_known_keys(sft_run: tiny.Ran) -> None:
    for line in (sft_run.folder / "events.jsonl").read_bytes().splitlines():
        event = parse_event(line)

        assert event is not None, line
        assert set(json.loads(line)) == set(type(event).model_fields)
    result = json.loads((sft_run.folder / "result.json").read_text())
    assert set(result) == set(Result.model_fields)
