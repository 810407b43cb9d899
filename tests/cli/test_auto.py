"""`tunewright train --auto`: the same choice as in the window, with every reason."""

import json
from dataclasses import replace

import pytest

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.verbs import train
from app.domain.errors import StudioError
from app.domain.setups import BUNDLED_MODEL
from tests.services.automatic import CARD, Shelf, auto
from tests.services.test_auto_setting import services

__all__ = ["services"]


def setup_of(folder, **config):
    file = folder / "setup.json"
    (folder / "rows.jsonl").write_text('{"prompt": "Q", "completion": "A"}\n')
    file.write_text(json.dumps({"file": "rows.jsonl", "config": {"base_model": BUNDLED_MODEL, **config}}))
    return str(file)


def run(services, *words):
    return train(services, make_parser().parse_args(["train", *words]), Output(as_json="--json" in words))


def test_every_value_is_said_with_its_reason_and_a_preview_starts_nothing(services, tmp_path, capsys):
    small = replace(services, auto=auto(services))

    assert run(small, "--config", setup_of(tmp_path), "--auto", "--preview") == 0

    said = capsys.readouterr().out
    assert "per_device_batch_size        2  (2: more would not make a processor faster.)" in said
    assert "No NVIDIA GPU is used" in said
    assert small.monitoring.runs() == []

    assert run(small, "--config", setup_of(tmp_path), "--auto", "--preview", "--json") == 0
    choices = {c["name"]: c for c in json.loads(capsys.readouterr().out)["choices"]}
    assert choices["max_steps"]["value"] == 50


def test_what_does_not_fit_is_refused_with_what_would(services, tmp_path):
    large = replace(services, auto=auto(services, CARD, models=Shelf()))
    config = setup_of(tmp_path, base_model="Mistral-7B", method={"kind": "sft"})

    with pytest.raises(StudioError) as refused:
        run(large, "--config", config, "--auto")

    assert refused.value.message.startswith("Training all weights does not fit")
    assert "fits" in refused.value.hint
    assert large.monitoring.runs() == []


def test_a_preview_without_auto_would_start_a_run_and_is_refused(services, tmp_path):
    with pytest.raises(StudioError, match="--preview shows what --auto would choose"):
        run(services, "--config", setup_of(tmp_path), "--preview")
