"""Starting runs: what a run is given, what is in its way, and that it is known before it is launched."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import StudioError, TargetError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, RunRequest, RunStatus, Target
from app.domain.setups import BUNDLED_MODEL, Setup
from tests.importers import making
from trainer_image.config import HubDataset, RunConfig
from trainer_image.rows import Refused, Row, read_jsonl


def test_a_started_run_has_its_own_copy_of_the_rows(world, request_):
    run = world.training.start(request_)

    rows = [json.loads(line) for line in (run.folder / "data/train.jsonl").read_text().splitlines()]
    assert [m["content"] for m in rows[0]["messages"]] == ["Where is Sorrel?", "In the north."]
    assert run.status is RunStatus.RUNNING
    assert run.folder.is_relative_to(world.home / "data" / "outputs")


def test_a_run_names_exactly_the_rows_it_was_given_whatever_becomes_of_the_session(world, request_, session):
    changed = world.library.editing.add_row(
        session, ({"role": "user", "content": "New?"}, {"role": "assistant", "content": "Yes."})
    )

    run = world.training.start(request_)
    world.library.editing.delete_rows(changed, {0})
    world.library.delete(session.id, at_once=True)

    stored = world.runs.get(run.id)
    checksum = hashlib.sha256((run.folder / "data/train.jsonl").read_bytes()).hexdigest()
    assert (stored.session_version, stored.content_hash) == (2, changed.content_hash)
    assert checksum == stored.content_hash


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.parquet", "rows.jsonl", "rows.tsv.gz"])
def test_a_file_of_any_kind_is_in_the_run_as_the_trainer_reads_it(world, request_, name):
    rows = [{"Frage": "Wie tief?", "answer": "Drei Faden."}, {"Frage": "Wo?", "answer": " "}]
    make = {
        "rows.csv": making.as_csv,
        "rows.json": making.as_json,
        "rows.parquet": making.as_parquet,
        "rows.jsonl": making.as_jsonl,
        "rows.tsv.gz": lambda rows, path: making.gzipped(making.as_csv(rows, path, delimiter="\t")),
    }[name]
    file = make([{"question": row["Frage"], "answer": row["answer"]} for row in rows], world.home / name)

    run = world.training.start(replace(request_, session_id=None, data_file=file))

    found = list(read_jsonl(run.folder / "data/train.jsonl"))
    assert [type(row) for row in found] == [Row, Refused]
    assert [m["content"] for m in found[0].messages] == ["Wie tief?", "Drei Faden."]
    assert "the answer is empty" in (run.folder / "data/train.jsonl").read_text()


def test_a_text_file_becomes_the_documents_of_a_run(world, request_):
    (world.home / "story.txt").write_text("The harbour silts up.\n")
    config = RunConfig(base_model="owner/model", is_pretraining=True, block_size=64)

    run = world.training.start(
        replace(request_, session_id=None, data_file=world.home / "story.txt", config=config)
    )

    [row] = read_jsonl(run.folder / "data/train.jsonl", document_column="document")
    assert row.messages == ({"role": "document", "content": "The harbour silts up."},)


def test_jsonl_the_trainer_knows_is_copied_byte_by_byte(world, request_):
    content = b'{"prompt": "Q", "completion": "A",   "id": 1}\r\nbroken\n'
    (world.home / "rows.jsonl").write_bytes(content)

    run = world.training.start(replace(request_, session_id=None, data_file=world.home / "rows.jsonl"))

    assert (run.folder / "data/train.jsonl").read_bytes() == content


def test_the_run_is_in_the_store_before_anything_is_launched(world, request_):
    seen = []
    launch = world.launcher.launch
    world.launcher.launch = lambda run, **kw: (seen.append(world.runs.get(run.id)), launch(run, **kw))[1]

    world.training.start(request_)

    assert [run.status for run in seen] == [RunStatus.STARTING]


def test_a_refused_launch_is_recorded_as_failed_with_its_reason(world, request_):
    world.launcher.refusal = TargetError("Docker is not running.", "Start it.")

    with pytest.raises(TargetError, match="not running"):
        world.training.start(request_)

    [run] = world.monitoring.runs()
    assert (run.status, run.message, run.hint) == (RunStatus.FAILED, "Docker is not running.", "Start it.")


def test_an_unexpected_error_of_a_launcher_leaves_no_run_that_says_starting(world, request_, monkeypatch):
    def explode(*args, **kwargs):
        raise RuntimeError("bug")

    monkeypatch.setattr(world.launcher, "launch", explode)

    with pytest.raises(TargetError):
        world.training.start(request_)

    assert [run.status for run in world.monitoring.runs()] == [RunStatus.FAILED]


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"session_id": None}, "Choose a dataset"),
        ({"output_name": "no/slashes"}, "Choose an output name"),
        ({"config": RunConfig(base_model="/nowhere/model")}, "no folder /nowhere/model"),
        ({"config": RunConfig(base_model="/" + "x" * 4000)}, "no folder /xxx"),
        ({"config": RunConfig(base_model="~nobody-of-that-name/model")}, "no folder ~nobody"),
        ({"session_id": None, "data_file": Path("/" + "x" * 4000)}, "a data file that exists"),
        ({"session_id": None, "data_file": Path("a\0b")}, "a data file that exists"),
        ({"session_id": None, "data_file": Path("/")}, "is a folder"),
        (
            {
                "session_id": None,
                "config": RunConfig(base_model="a/b", dataset=HubDataset(repo="a/b"), offline=True),
            },
            "offline",
        ),
    ],
)
def test_what_is_missing_is_said_and_blocks_the_start(world, request_, change, missing):
    request = replace(request_, **change)

    assert missing in world.training.missing(request)
    with pytest.raises(StudioError, match="cannot start"):
        world.training.start(request)
    assert world.monitoring.runs() == []


@pytest.mark.parametrize("target", [target for target in Target if not target.is_by_script])
def test_the_folder_shown_before_the_start_is_the_one_the_run_gets(world, request_, target):
    docker = DockerOptions(data_dir=world.home / "elsewhere")
    pod = PodOptions(image="registry.example/trainer:1")
    request = replace(request_, target=target, output_name="mine", docker=docker, pod=pod)

    shown = world.training.output_folder(request)

    assert shown == world.training.start(request).folder
    assert shown.parent.parent.name == ("elsewhere" if target is Target.DOCKER else "data")
    assert world.training.output_folder(replace(request, output_name="")).name == "…"


def test_a_data_folder_half_typed_does_not_break_the_form(world, request_):
    docker = DockerOptions(data_dir=Path("~nobody-of-that-name"))

    folder = world.training.output_folder(replace(request_, target=Target.DOCKER, docker=docker))

    assert "~nobody-of-that-name" in str(folder)


def test_a_taken_output_name_is_refused_and_the_folder_left_alone(world, request_):
    request = replace(request_, output_name="mine")
    first = world.training.start(request)

    with pytest.raises(StudioError, match="mine is taken"):
        world.training.start(request)

    assert (first.folder / "data/train.jsonl").exists()
    assert len(world.monitoring.runs()) == 1


def test_a_file_that_does_not_exist_is_named(world, request_):
    request = replace(request_, session_id=None, data_file=world.home / "gone.jsonl")

    assert "gone.jsonl" in world.training.missing(request)


def test_a_full_disk_while_preparing_is_said_and_recorded(world, request_):
    (world.home / "data").write_text("a file where the folder should be")

    with pytest.raises(StudioError, match="could not be written"):
        world.training.start(request_)

    assert [run.status for run in world.monitoring.runs()] == [RunStatus.FAILED]


def test_the_bundled_model_is_found_wherever_the_app_lies(world, request_):
    request = replace(request_, config=RunConfig(base_model=BUNDLED_MODEL))

    run = world.training.start(request)

    assert run.config.base_model == str(world.home / "tiny-model")


def test_a_token_reaches_the_launcher_as_a_secret_and_nothing_else(world, request_):
    world.secrets.token = "hf_topsecret"

    run = world.training.start(request_)

    assert world.launcher.job(run).secrets == {"HF_TOKEN": "hf_topsecret"}
    assert "topsecret" not in repr(world.runs.get(run.id))


def test_a_session_may_be_deleted_while_its_run_stays(world, request_, session):
    run = world.training.start(request_)

    world.library.delete(session.id)

    assert world.runs.get(run.id).data_label == session.name


def test_a_setup_finds_its_session_by_name_and_its_file_beside_itself(world, session):
    config = RunConfig(base_model="a/b")

    by_name = world.training.request_of(Setup(session=session.name, config=config), world.home)
    by_file = world.training.request_of(Setup(file="rows.jsonl", config=config), world.home)

    assert by_name.session_id == session.id
    assert by_file.data_file == world.home / "rows.jsonl"


def test_a_run_on_this_computer_takes_the_place_of_a_model_one_talks_to(world, session):
    let_go = []
    world.training._launching._make_room = lambda: let_go.append(len(world.launcher.jobs))

    world.training.start(RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id))

    assert let_go == [0]  # before the launch
