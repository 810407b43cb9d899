"""Previews by the real process, with the bundled tiny model, against what the trainer makes of the rows."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.adapters.survey_files import SqliteSurveyFiles
from app.adapters.trainer_looker import TrainerLooker
from app.domain.previews import PreviewCancelledError, PreviewError, Source
from app.domain.runs import RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.paths import Paths
from app.services import previews as service
from app.services import source_rows
from app.services.everything import Services
from trainer_image.config import DATA_FILE, HubDataset, RunConfig
from trainer_image.data import IGNORED
from trainer_image.events import Notice, Rows, parse_event
from trainer_image.models import load_tokenizer
from trainer_image.preparing import rows_of_run
from trainer_image.reporting import Reporter

pytestmark = pytest.mark.training

CONFIG = RunConfig(base_model=BUNDLED_MODEL, max_seq_len=64, offline=True)


def test_the_preview_of_a_session_is_token_for_token_what_its_run_trains_on(
    services: Services, sample: Session, looking_paths: Paths, tmp_path: Path
) -> None:
    services.library.export(sample.id, tmp_path / DATA_FILE)
    config = CONFIG.model_copy(update={"validation": "off", "drop_duplicates": False, "max_seq_len": 2048})
    words = load_tokenizer(str(looking_paths.tiny_model), offline=True)
    trained = rows_of_run(config, tmp_path, words, Reporter(tmp_path))
    source = services.previews.of_session(sample)

    for row in (0, 1, 171, 343):
        shown = services.previews.show(source, config, row)

        assert [token.id for token in shown.tokens] == trained.input_ids[row].tolist()
        labels = [token.id if token.trained else IGNORED for token in shown.tokens]
        assert labels == trained.labels[row].tolist()


def test_the_numbers_of_a_preview_are_those_of_the_run(
    services: Services, sample: Session, looking_paths: Paths, tmp_path: Path
) -> None:
    services.library.export(sample.id, tmp_path / DATA_FILE)
    words = load_tokenizer(str(looking_paths.tiny_model), offline=True)
    rows_of_run(CONFIG, tmp_path, words, Reporter(tmp_path))
    (told,) = [e for e in events(tmp_path) if isinstance(e, Rows)]

    survey = services.previews.survey(services.previews.of_session(sample), CONFIG, _unheard)

    length = services.previews.length(survey, CONFIG, max_seq_len=64, speed=1000.0)
    assert dict(length.buckets) == {bucket: count for bucket, count in told.buckets.items() if count}
    assert told.lengths is not None
    assert services.previews.percentiles(survey) == told.lengths.model_dump()
    assert length.epoch_seconds == length.tokens / 1000
    fates = services.previews.fates(survey, CONFIG, "too_long", start=0, limit=100)
    refused = [(r.line, r.reason) for r in told.refused]
    assert [(fate.line, fate.reason) for fate in fates] == refused


def test_the_rows_a_bucket_leads_to_are_those_the_run_keeps_aside(
    services: Services, sample: Session, looking_paths: Paths, tmp_path: Path
) -> None:
    services.library.export(sample.id, tmp_path / DATA_FILE)
    words = load_tokenizer(str(looking_paths.tiny_model), offline=True)
    rows = rows_of_run(CONFIG, tmp_path, words, Reporter(tmp_path))
    assert rows.validation is not None
    source = services.previews.of_session(sample)
    survey = services.previews.survey(source, CONFIG, _unheard)

    aside = services.previews.fates(survey, CONFIG, "validation", start=0, limit=100)
    trained = services.previews.fates(survey, CONFIG, "trained", start=300, limit=20)

    shown = [services.previews.show(source, CONFIG, fate.number) for fate in aside]
    assert [[token.id for token in row.tokens] for row in shown] == [
        row.tolist() for row in rows.validation.input_ids
    ]
    assert [fate.length for fate in trained] == rows.lengths[300:]


def test_a_second_look_at_the_same_rows_is_taken_from_the_first(
    services: Services, sample: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = services.previews.of_session(sample)
    first = services.previews.survey(source, CONFIG, _unheard)
    monkeypatch.setattr(services.previews._rows, "lines", None)  # nobody may read the rows again

    longer = services.previews.survey(source, CONFIG.model_copy(update={"max_seq_len": 9}), _unheard)

    assert longer.path == first.path
    assert longer.table.outlook(CONFIG) == first.table.outlook(CONFIG)


@pytest.fixture
def many_rows(services: Services, tmp_path: Path) -> Session:
    lines = [json.dumps({"prompt": f"What is {n}?", "completion": f"It is {n}."}) for n in range(2_600)]
    file = tmp_path / f"many-{tmp_path.name}.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return services.library.import_file(file).session


def test_many_rows_are_sampled_at_once_and_then_all_looked_at_by_a_process_of_its_own(
    services: Services, many_rows: Session
) -> None:
    source, heard = services.previews.of_session(many_rows), list[int]()

    sampled = services.previews.sample(source, CONFIG)
    resident = services.previews._looker.pid  # type: ignore[attr-defined]
    whole = services.previews.survey(source, CONFIG, heard.append)

    assert (sampled.is_sample, sampled.table.total) == (True, 500)
    assert (whole.is_sample, whole.table.total) == (False, 2_600)
    assert heard[-1] == 2_600
    assert services.previews._looker.pid == resident  # type: ignore[attr-defined]


def test_a_cancelled_look_ends_its_process_and_leaves_nothing(
    services: Services, many_rows: Session, looking_paths: Paths
) -> None:
    config = CONFIG.model_copy(update={"unmask_messages": True})
    before = set(looking_paths.previews.iterdir())

    def cancel(rows: int) -> None:
        if rows:
            raise PreviewCancelledError

    with pytest.raises(PreviewCancelledError):
        services.previews.survey(services.previews.of_session(many_rows), config, cancel)

    left = set(looking_paths.previews.iterdir()) - before
    assert [path for path in left if path.suffix == ".sqlite" or path.name.startswith("rows-")] == []


def test_a_file_is_looked_at_where_it_lies(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "Hm?", "completion": "Ah."}\n\nno row\n', encoding="utf-8")
    request = RunRequest(CONFIG, Target.LOCAL, data_file=file)
    source = services.previews.source_of(request)

    survey = services.previews.survey(source, CONFIG, _unheard)
    first, second = (services.previews.show(source, CONFIG, row) for row in (0, 1))

    assert dict(survey.table.outlook(CONFIG).buckets) == {"trained": 1, "malformed": 1}
    assert (first.bucket, second.bucket) == ("", "malformed")
    assert services.previews.expected(request) == {"trained": 1, "malformed": 1}
    with pytest.raises(PreviewError, match="no row 3"):
        services.previews.show(source, CONFIG, 2)


def test_a_file_that_a_run_converts_is_looked_at_as_the_run_reads_it(
    services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("question,answer\nHm?,Ah.\nWo?,\nWie?,So.\n", encoding="utf-8")
    request = RunRequest(CONFIG, Target.LOCAL, data_file=file)

    before = services.previews.expected(request)
    source = services.previews.source_of(request)
    survey = services.previews.survey(source, CONFIG, _unheard)
    services.library.take_file(file, tmp_path / "taken.jsonl")

    assert before is None
    assert source.label == "rows.csv"
    assert source.file is not None
    assert source.file.read_text() == (tmp_path / "taken.jsonl").read_text()
    assert services.previews.expected(request) == dict(survey.table.outlook(CONFIG).buckets)
    assert survey.table.outlook(CONFIG).buckets["trained"] == 2


def test_of_a_hub_dataset_the_first_rows_are_looked_at_as_a_run_reads_them(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.library, "why_no_hub", lambda: "")  # a dataset in a folder needs no network
    monkeypatch.setattr(service, "HUB_ROWS", 3)
    rows = [{"prompt": f"Hm {n}?", "completion": "Ah." if n else " "} for n in range(5)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = CONFIG.model_copy(update={"dataset": HubDataset(repo=str(tmp_path)), "offline": False})
    request = RunRequest(config, Target.LOCAL)

    source = services.previews.source_of(request)
    survey = services.previews.sample(source, CONFIG)
    (tmp_path / "train.jsonl").unlink()
    shown = services.previews.show(source, CONFIG, 1)

    assert (survey.is_sample, survey.table.total) == (True, 3)
    assert dict(survey.table.outlook(CONFIG).buckets) == {"trained": 2, "empty_answer": 1}
    assert "Hm 1?" in "".join(token.text for token in shown.tokens)
    assert services.previews.expected(request) is None


def test_a_file_is_converted_with_an_account_and_cancelled_leaves_nothing(
    services: Services, tmp_path: Path, looking_paths: Paths
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("question,answer\n" + "Hm?,Ah.\n" * 1_200, encoding="utf-8")
    source = services.previews.source_of(RunRequest(CONFIG, Target.LOCAL, data_file=file))
    before = set(looking_paths.previews.iterdir())
    heard: list[int] = []

    def cancel(rows: int) -> None:
        if rows > 500:
            raise PreviewCancelledError

    with pytest.raises(PreviewCancelledError):
        services.previews.prepare(source, CONFIG, cancel)
    assert set(looking_paths.previews.iterdir()) == before
    services.previews.prepare(source, CONFIG, heard.append)

    assert source.file is not None
    assert len(source.file.read_text().splitlines()) == 1_200
    assert heard[-2:] == [500, 1_000]


def test_a_run_is_told_what_its_preview_said_and_no_other_run_is(services: Services, sample: Session) -> None:
    services.previews.survey(services.previews.of_session(sample), CONFIG, _unheard)
    mine = RunRequest(CONFIG, Target.LOCAL, session_id=sample.id)
    other = RunRequest(
        CONFIG.model_copy(update={"base_model": "owner/other"}), Target.LOCAL, session_id=sample.id
    )

    told = services.previews.expected(mine)

    assert told is not None
    assert sum(told.values()) == sample.row_count
    assert services.previews.expected(other) is None


def test_a_hub_dataset_and_a_model_that_is_not_there_are_said_in_a_sentence(
    services: Services, sample: Session
) -> None:
    hub = RunRequest(CONFIG.model_copy(update={"dataset": HubDataset(repo="a/b")}), Target.LOCAL)
    with pytest.raises(PreviewError, match=r"a/b cannot be looked at now. The run is to stay offline."):
        services.previews.source_of(hub)

    nowhere = CONFIG.model_copy(update={"base_model": "/nowhere/model"})
    with pytest.raises(PreviewError, match="is not there"):
        services.previews.show(services.previews.of_session(sample), nowhere, 0)


def test_memory_is_estimated_without_weights_and_grows_with_the_longest_row(services: Services) -> None:
    short, long = (services.previews.memory(CONFIG, max_seq_len=n) for n in (32, 256))

    assert short.low <= short.expected <= short.high
    assert short.expected < long.expected


def test_a_process_that_was_killed_is_replaced(services: Services, sample: Session) -> None:
    source = services.previews.of_session(sample)
    services.previews.show(source, CONFIG, 0)
    pid = services.previews._looker.pid  # type: ignore[attr-defined]
    os.kill(pid, 9)
    os_gone(services)

    shown = services.previews.show(source, CONFIG, 0)

    assert shown.tokens
    assert services.previews._looker.pid != pid  # type: ignore[attr-defined]


def os_gone(services: Services) -> None:
    services.previews._looker._process._child._process.wait()  # type: ignore[attr-defined]


def test_without_the_training_libraries_it_says_what_to_install(
    looking_paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = TrainerLooker(looking_paths.trainer, log_dir=looking_paths.logs, secrets=lambda: None)
    monkeypatch.setattr("app.adapters.trainer_looker._is_installed", lambda name: False)

    with pytest.raises(PreviewError, match=r"tunewright\[local\]"):
        looker.estimate(CONFIG)


def test_old_surveys_make_room_for_new_ones(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "kept", "oldest")):
        file = tmp_path / f"{name}.sqlite"
        file.write_bytes(b"x" * 100)
        os.utime(file, (1_000 - age, 1_000 - age))

    SqliteSurveyFiles(most_bytes=200).make_room(tmp_path, keep=tmp_path / "kept.sqlite")

    assert sorted(file.stem for file in tmp_path.iterdir()) == ["kept", "newest"]


@pytest.mark.parametrize(
    ("buckets", "said"),
    [
        ({"trained": 306, "too_long": 22, "validation": 16}, "The rows are exactly what the preview said."),
        (
            {"trained": 310, "too_long": 18, "validation": 16},
            "The rows are not what the preview said: trained 306 instead of 310, too long 22 instead of 18.",
        ),
    ],
    ids=["agree", "disagree"],
)
def test_the_trainer_says_whether_the_preview_came_true(
    services: Services, sample: Session, looking_paths: Paths, tmp_path: Path, buckets: Any, said: str
) -> None:
    services.library.export(sample.id, tmp_path / DATA_FILE)
    (tmp_path / "preview.json").write_text(json.dumps({"buckets": buckets}))

    rows_of_run(
        CONFIG, tmp_path, load_tokenizer(str(looking_paths.tiny_model), offline=True), Reporter(tmp_path)
    )

    assert said in [event.message for event in events(tmp_path) if isinstance(event, Notice)]


def test_samples_are_for_sources_with_more_rows_than_a_second_can_take() -> None:
    assert source_rows.SMALL_ROWS < 2_600
    assert Source(label="a", identity="x") == Source(label="a", identity="y")


def test_rows_are_looked_at_as_the_version_that_was_chosen_has_them(
    services: Services, looking_paths: Paths
) -> None:
    talk = ({"role": "user", "content": "Old?"}, {"role": "assistant", "content": "Yes."})
    session = services.library.duplicate(services.library.sample())
    source = services.previews.of_session(session)
    services.library.editing.edit_row(session, 0, talk)

    lines = "".join(source_rows.SourceRows(services.library, looking_paths.previews).lines(source))

    assert hashlib.sha256(lines.encode()).hexdigest() == source.identity


def events(folder: Path) -> list[Any]:
    return [parse_event(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]


def _unheard(_: int) -> None: ...
