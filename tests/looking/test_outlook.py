"""What the trainer's own program says of a run before it starts, through the process that looks at rows."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import preflight_words as words
from app.domain.previews import PreviewError
from app.domain.reading import Preview
from app.domain.runs import RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services.everything import Services
from trainer_image.config import HubDataset, Logging, Lora, Osft, RunConfig
from trainer_image.estimating import shape_of_model
from trainer_image.memory_history import Known, MemoryHistory, kind_of
from trainer_image.models import device_name

pytestmark = pytest.mark.training

CONFIG = RunConfig(base_model=BUNDLED_MODEL, max_seq_len=64, offline=True)


def of(method: Lora | Osft, **changes: object) -> RunConfig:
    return CONFIG.model_copy(update={"method": method, **changes})


def test_osfts_directions_are_those_of_the_models_matrices(services: Services) -> None:
    found = services.previews.outlook(of(Osft(unfreeze_rank_ratio=0.25)))

    sizes = {(each.name.rpartition(".")[2], each.rank, each.trained) for each in found.directions}
    assert {("q_proj", 256, 64), ("k_proj", 128, 32), ("down_proj", 256, 64)} <= sizes
    assert services.previews.outlook(of(Lora())).directions == ()


def test_a_checkpoint_with_its_full_state_is_three_times_the_weights(services: Services) -> None:
    full, weights = (
        services.previews.outlook(of(Lora(), save_full_state=on)).checkpoint_bytes for on in (True, False)
    )

    assert full == 3 * weights > 0


def test_an_encoder_is_refused_before_the_start(services: Services, tmp_path: Path) -> None:
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))

    with pytest.raises(PreviewError, match="is an encoder") as refusal:
        services.previews.outlook(CONFIG.model_copy(update={"base_model": str(tmp_path)}))

    assert refusal.value.is_refusal


def test_cautions_are_those_of_the_trainer_for_so_many_rows(services: Services) -> None:
    many_epochs = of(Lora(), num_epochs=5)

    assert "by heart" in services.previews.outlook(many_epochs, rows=200).cautions[0]
    assert services.previews.outlook(many_epochs, rows=5_000).cautions == ()


def test_what_can_run_and_which_loggers_are_asked_for_is_told(services: Services) -> None:
    found = services.previews.examine(of(Lora(), logging=Logging(tensorboard_log_dir="boards")))

    assert {"lora", "osft", "sft"} <= {each.name for each in found.abilities if not each.why_not}
    assert next(each.why_not for each in found.abilities if each.name == "mini-trainer")
    assert [(each.program, each.origin) for each in found.loggers] == [("tensorboard", "the config")]


def test_what_runs_took_corrects_the_estimate_that_the_app_shows(
    services: Services, looking_paths: Paths, sample: Session
) -> None:
    plain = services.previews.outlook(of(Lora()))
    seen = services.previews.seen_by(of(Lora()))
    shape = shape_of_model(seen.base_model, offline=True)
    kind = kind_of(seen, shape, device=str(device_name("cpu")), bfloat16=False, engine="transformers")
    took = Known(
        kind=kind,
        rows=plain.rows_at_once,
        longest_row=plain.longest_row,
        estimated=plain.expected,
        peak=2 * plain.expected,
    )
    MemoryHistory(looking_paths.memory_history).add(took)

    found = services.preflight.check(RunRequest(of(Lora()), Target.LOCAL, session_id=sample.id))

    assert found.memory is not None
    assert (found.memory.expected, found.memory.runs_known) == (2 * plain.expected, 1)
    assert found.remarks == ()


def test_memory_is_told_for_the_longest_row_there_is_once_all_were_looked_at(
    services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "never-seen.jsonl"
    file.write_text('{"prompt": "Which harbour does Saltby have?", "completion": "Nine Posts."}\n' * 9)
    config = of(Lora(lora_r=5), max_seq_len=2048)
    request = RunRequest(config, Target.LOCAL, data_file=file)

    before = services.preflight.check(request)
    survey = services.previews.survey(services.previews.source_of(request), config, lambda _: None)
    after = services.preflight.check(request)

    longest = services.previews.percentiles(survey)["max"]
    assert before.memory
    assert after.memory
    assert longest == after.memory.longest_row < before.memory.longest_row < 2048
    assert after.memory.expected < before.memory.expected
    assert "more than any of these can have" in words.memory(before)
    assert f"The longest row has {longest} tokens." in words.memory(after)


def test_of_many_rows_nobody_looked_at_each_is_as_long_as_may_be(services: Services, tmp_path: Path) -> None:
    line = '{"prompt": "a", "completion": "b"}\n'
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    few.write_text(line * 10)
    many.write_text(line * 40_000)
    config = of(Lora(), max_seq_len=512)
    found = [
        services.preflight.check(RunRequest(each, Target.LOCAL, data_file=file)).memory
        for each, file in [(config, few), (config, many), (of(Lora(), max_seq_len=32), few)]
    ]

    assert [need.why_longest for need in found if need] == ["possible", "allowed", "allowed"]
    assert [need.longest_row for need in found if need] == [len(line) + 64, 512, 32]


def test_the_first_rows_of_a_dataset_on_the_hub_bound_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Preview("a dataset", ("prompt", "completion"), [{"prompt": "Hm?", "completion": "Ah."}], None)
    monkeypatch.setattr(services.library, "preview_hub", lambda *_: first)
    monkeypatch.setattr(services.library, "why_no_hub", lambda: "")
    dataset = HubDataset(repo="owner/first-rows")
    request = RunRequest(of(Lora(), dataset=dataset, max_seq_len=2048, offline=False), Target.LOCAL)

    services.previews.prepare(services.previews.source_of(request), request.config, lambda _: None)

    assert services.previews.rough_characters(request) == len("Hm?Ah.")
    assert services.previews.longest_possible(request) is None


@given(texts=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=3))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_has_more_tokens_than_was_said_to_be_possible(
    services: Services, tmp_path: Path, texts: list[str]
) -> None:
    """Also in other scripts, of which a character may be several tokens."""
    rows = "".join(
        json.dumps({"prompt": each, "completion": each}, ensure_ascii=False) + "\n" for each in texts
    )
    file = tmp_path / f"{abs(hash(rows))}.jsonl"
    file.write_text(rows, encoding="utf-8", errors="replace")
    config = of(Lora(), max_seq_len=4096)
    request = RunRequest(config, Target.LOCAL, data_file=file)

    possible = services.previews.longest_possible(request)
    survey = services.previews.survey(services.previews.source_of(request), config, lambda _: None)

    lengths = survey.table.lengths()
    assert possible is not None
    assert max(lengths, default=0) <= possible


def test_as_many_of_the_longest_rows_count_as_are_behind_a_step(services: Services, sample: Session) -> None:
    config = of(Lora(), max_seq_len=50, per_device_batch_size=3, gradient_accumulation_steps=5)
    request = RunRequest(config, Target.LOCAL, session_id=sample.id)
    services.previews.survey(services.previews.of_session(sample), config, lambda _: None)

    found = services.previews.longest(request)

    assert found is not None
    assert len(found) == 15
    assert found == sorted(found, reverse=True)
    assert max(found) <= 50
    assert services.previews.longest(RunRequest(config, Target.LOCAL)) is None
