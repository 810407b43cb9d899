"""Saved setups: what is kept, what is refused, what is missed."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.engine import open_database
from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.setup_verbs import VERBS
from app.cli.verbs import train
from app.domain.errors import StudioError, UnknownSessionError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, RunRequest, Target
from app.domain.saved_setups import SetupNameTakenError, UnknownSetupError
from app.domain.sessions import Session
from app.domain.setup_secrets import secret_in, without_secrets
from app.domain.setups import BUNDLED_MODEL, Setup
from app.domain.train_commands import command_of_saved, commands_of_nodes, trainers_command
from app.services.setup_files import parse_setup, setup_text, write_setup
from app.services.setups import SetupService
from tests.preflight.conftest import preflight_of
from tests.preflight.known import KnownComputer, KnownHub, KnownTrainer
from tests.services.conftest import World, make_world
from trainer_image import options
from trainer_image.config import Distributed, HubDataset, Logging, Push, RunConfig, Sft
from trainer_image.launching import spread_of

PLAIN = RunConfig(base_model="owner/model")
TOKEN = "hf_" + "a1B2" * 8


@dataclass
class Shelf:
    """The services a verb needs, as they are named everywhere."""

    world: World
    setups: SetupService

    @property
    def training(self):
        return self.world.training

    @property
    def monitoring(self):
        return self.world.monitoring

    @property
    def preflight(self):
        return preflight_of(self.world, KnownTrainer(), KnownComputer(), [], KnownHub())

    def documents(self) -> str:
        """All that is in the database about setups."""
        kept = [stored.document for stored in self.setups._store.all()]
        return "\n".join([*kept, self.world.settings._store.get("training.last_setup") or ""])

    def session(self, name: str) -> Session:
        file = self.world.home / "rows.jsonl"
        file.write_text('{"prompt": "Where?", "completion": "Here."}\n')
        return self.world.library.import_file(file, name).session


@pytest.fixture
def shelf(tmp_path: Path):
    database = open_database(tmp_path / "tunewright.db")
    world = make_world(tmp_path, database)
    yield Shelf(world, SetupService(SqliteConfigStore(database), world.library, world.training))
    database.dispose()


def test_a_setup_is_saved_listed_for_its_target_renamed_and_deleted(shelf):
    local = Setup(session="any", config=PLAIN)
    docker = local.model_copy(update={"target": Target.DOCKER})

    shelf.setups.save(" mine ", local)
    shelf.setups.save("other", docker)

    assert [one.name for one in shelf.setups.saved()] == ["mine", "other"]
    assert [one.name for one in shelf.setups.saved(Target.DOCKER)] == ["other"]
    assert shelf.setups.load("mine") == local
    shelf.setups.rename("mine", "ours")
    shelf.setups.delete("other")
    assert [one.name for one in shelf.setups.saved()] == ["ours"]
    with pytest.raises(UnknownSetupError, match="mine"):
        shelf.setups.load("mine")


def test_a_name_that_is_taken_is_not_taken_over_unasked(shelf):
    first, second = Setup(session="one", config=PLAIN), Setup(session="two", config=PLAIN)
    shelf.setups.save("mine", first)
    shelf.setups.save("other", first)

    with pytest.raises(SetupNameTakenError):
        shelf.setups.save("mine", second)
    with pytest.raises(SetupNameTakenError):
        shelf.setups.rename("other", "mine")
    assert shelf.setups.load("mine") == first

    shelf.setups.save("mine", second, replace=True)
    assert shelf.setups.load("mine") == second


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 101])
def test_what_is_no_name_is_refused(shelf, name):
    with pytest.raises(StudioError, match="no name"):
        shelf.setups.save(name, Setup(session="any", config=PLAIN))


def test_a_session_is_kept_by_its_id_so_that_no_other_of_its_name_takes_its_place(shelf):
    meant = shelf.session("rivers")
    saved = shelf.setups.save("mine", Setup(session="rivers", config=PLAIN)).setup
    assert (saved.session, saved.session_name) == (meant.id, "rivers")
    assert shelf.setups.missing(saved) == []

    shelf.world.library.rename(meant.id, "lakes")
    other = shelf.session("rivers")
    assert other.id != meant.id
    assert shelf.world.training.request_of(saved, Path()).session_id == meant.id

    shelf.world.library.delete(meant.id)
    assert shelf.setups.missing(saved) == ["The session “rivers” is no longer here: choose another one."]
    with pytest.raises(UnknownSessionError, match="rivers"):
        shelf.world.training.request_of(saved, Path())


def test_everything_that_is_gone_is_named_and_the_setup_still_loads(shelf, tmp_path):
    shelf.world.launcher.problems_found = ["There is no image “mine:1” here."]
    setup = Setup(
        preset="Of a later version",
        target=Target.DOCKER,
        file=tmp_path / "gone.jsonl",
        docker=DockerOptions(image="mine:1"),
        config=RunConfig(base_model=str(tmp_path / "gone")),
    )
    shelf.setups.save("mine", setup)

    loaded = shelf.setups.load("mine")

    assert loaded == setup
    assert [sentence.partition(" ")[0] for sentence in shelf.setups.missing(loaded)] == [
        "The", "The", "This", "There",
    ]  # fmt: skip
    said = " ".join(shelf.setups.missing(loaded))
    assert all(part in said for part in ("gone.jsonl", "base model", "Of a later version", "mine:1"))


def test_a_validation_file_that_is_gone_is_named(shelf, tmp_path):
    config = RunConfig(
        base_model="owner/model", validation="file", validation_file=str(tmp_path / "aside.jsonl")
    )

    [sentence] = shelf.setups.missing(Setup(session="any", config=config))

    assert "aside.jsonl" in sentence


def secretive() -> Setup:
    """Secrets wherever somebody might type one."""
    return Setup(
        session="any",
        output_name="ok",
        config=RunConfig(
            base_model="owner/model",
            method=Sft(),
            backend="instructlab-training",
            backend_args={
                "hf_token": "something",
                "log_level": TOKEN,
                "max_batch_len": 10,
                "use_liger": True,
                "wandb_project": "sk-" + "x" * 30,
            },
            logging=Logging(
                mlflow_tracking_uri="https://me:hunter2@tracking.example",
                wandb_project="0123456789abcdef" * 2 + "01234567",
                wandb_entity="rivers",
            ),
            push=Push(repo_id="me/it"),
        ),
    )


def test_no_secret_is_ever_stored_whichever_field_it_was_typed_into(shelf):
    saved = shelf.setups.save("mine", secretive())
    shelf.world.settings.remember_setup(secretive())

    stored = shelf.documents()
    assert not any(word in stored for word in (TOKEN, "hunter2", "something", "sk-x", "0123456789abcdef"))
    kept = saved.setup.config
    assert kept.backend_args == {"max_batch_len": 10, "use_liger": True}
    assert kept.logging == Logging(mlflow_tracking_uri="https://me@tracking.example", wandb_entity="rivers")
    assert "MLflow tracking URI" in saved.left_out
    assert len(saved.left_out) == 5


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config.base_model", "/models/snapshots/" + "0123456789" * 4),
        ("config.base_model", "owner/hf_model"),
        ("backend_args.max_tokens_per_gpu", "4096"),
        ("backend_args.save_samples", 7),
        ("config.logging.mlflow_tracking_uri", "http://tracking.example:5000"),
    ],
)
def test_what_only_resembles_a_secret_is_kept(path, value):
    assert not secret_in(path, value)


def test_a_token_in_a_field_that_must_not_be_empty_is_cut_and_the_setup_stays_one():
    setup, cut = without_secrets(Setup(session="any", config=RunConfig(base_model=TOKEN)))

    assert (setup.config.base_model, cut) == ("removed", ("Base model",))


def test_a_setup_of_an_older_version_is_migrated_and_one_of_a_newer_version_refused(shelf):
    old = {"setup_version": 1, "session": "any", "config": {"base_model": "owner/model"}}
    shelf.setups._store.save("old", json.dumps(old))
    shelf.setups._store.save("new", json.dumps(old | {"setup_version": 99, "colour": "blue"}))
    shelf.setups._store.save("odd", "no json")

    assert shelf.setups.load("old") == Setup(session="any", config=PLAIN)
    with pytest.raises(StudioError, match=r"newer Tunewright .setup_version 99.*update Tunewright"):
        shelf.setups.load("new")
    assert [one.name for one in shelf.setups.saved(Target.LOCAL)] == ["new", "odd", "old"]


def test_a_suggested_name_says_what_it_is_and_is_free(shelf):
    setup = Setup(session=shelf.session("rivers").name, config=RunConfig(base_model="Qwen/Qwen2.5-0.5B"))
    first = shelf.setups.suggested_name(setup)
    assert first == "rivers, Qwen2.5-0.5B, LoRA"

    shelf.setups.save(first, setup)

    assert shelf.setups.suggested_name(setup) == f"{first} 2"


def test_a_run_gives_the_setup_it_was_started_with_but_for_its_containers_name(shelf):
    session, config = shelf.session("rivers"), RunConfig(base_model=BUNDLED_MODEL, seed=7)
    docker = DockerOptions(image="mine:1", container_name="mine")
    run = shelf.world.training.start(RunRequest(config, Target.DOCKER, session_id=session.id, docker=docker))

    verb(shelf, "save", "again", "--run", run.id)

    setup = shelf.setups.load("again")
    assert (setup.session, setup.session_name) == (session.id, "rivers")
    assert (setup.target, setup.docker) == (Target.DOCKER, DockerOptions(image="mine:1"))
    assert (setup.skill, setup.config) == ("expert", config)


def test_the_setup_of_a_run_on_a_rented_gpu_has_its_image_budget_and_region(shelf):
    pod = PodOptions(image="me/trainer:1", budget=7.5, region="EU-RO-1", gpus=("NVIDIA A40",))
    session = shelf.session("rivers")
    run = shelf.world.training.start(RunRequest(PLAIN, Target.RUNPOD, session_id=session.id, pod=pod))

    verb(shelf, "save", "again", "--run", run.id)

    assert (shelf.setups.load("again").target, shelf.setups.load("again").pod) == (Target.RUNPOD, run.pod)
    assert (run.pod.image, run.pod.budget, run.pod.region) == ("me/trainer:1", 7.5, "EU-RO-1")


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_file_says_what_was_saved_and_is_not_replaced_unasked(shelf, tmp_path, ending):
    file, data = tmp_path / f"mine.{ending}", tmp_path / "rows.jsonl"
    shelf.setups.save("mine", Setup(file=Path("rows.jsonl"), config=PLAIN))
    shelf.setups.save("absolute", Setup(file=data, config=PLAIN))

    shelf.setups.export("absolute", file)
    with pytest.raises(StudioError, match="already"):
        shelf.setups.export("mine", file)
    assert shelf.setups.import_file(file, "again").setup == shelf.setups.load("absolute")

    shelf.setups.export("mine", file, overwrite=True)
    assert parse_setup(file.read_text(), file.name).file == Path.home() / "rows.jsonl"


def test_toml_has_no_word_for_nothing_and_says_so():
    config = RunConfig(
        base_model="m", method=Sft(), backend="instructlab-training", backend_args={"use_liger": None}
    )
    setup = Setup(session="any", config=config)

    with pytest.raises(StudioError, match="null"):
        setup_text(setup, "it.toml")
    assert parse_setup(setup_text(setup, "it.json"), "it.json") == setup


def verb(shelf: Shelf, *words: str, as_json: bool = True) -> int:
    args = make_parser().parse_args(["setups", *words])
    return VERBS[args.noun](shelf, args, Output(as_json=as_json))


def test_the_terminal_does_all_that_the_window_does(shelf, tmp_path, capsys):
    shelf.setups.save("mine", Setup(session="any", config=PLAIN))
    file = tmp_path / "mine.toml"

    verb(shelf, "export", "mine", str(file))
    verb(shelf, "import", str(file), "--name", "again")
    verb(shelf, "rename", "again", "third")
    verb(shelf, "diff", "mine", str(file))
    verb(shelf, "show", "third")
    verb(shelf, "delete", "third")
    verb(shelf, "list", "--target", "local")

    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers[3] == []
    assert "“any”" in answers[4]["missing"][0]
    assert [one["name"] for one in answers[-1]] == ["mine"]


def test_two_ways_to_write_one_path_are_no_difference_and_two_files_of_one_name_are(
    shelf, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "model").mkdir()
    model = {"config": PLAIN.model_copy(update={"base_model": "~/model"})}
    whole = {"config": PLAIN.model_copy(update={"base_model": f"{tmp_path}/other/../model"})}
    shelf.setups.save("from home", Setup(file="rows.jsonl", **model))
    shelf.setups.save("whole", Setup(file=tmp_path / "rows.jsonl", **whole))
    write_setup(Setup(file="rows.jsonl", **model), tmp_path / "beside.toml", overwrite=False)
    write_setup(Setup(file="rows.jsonl", **model), tmp_path / "other" / "elsewhere.toml", overwrite=False)

    verb(shelf, "diff", "from home", "whole")
    verb(shelf, "diff", "whole", str(tmp_path / "beside.toml"))
    verb(shelf, "diff", "whole", str(tmp_path / "other" / "elsewhere.toml"))

    same, also, others = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (same, also) == ([], [])
    assert [(d["left"], d["right"]) for d in others] == [
        (f"{tmp_path}/rows.jsonl", f"{tmp_path}/other/rows.jsonl")
    ]


def test_the_difference_and_the_list_are_tables_for_people(shelf, capsys):
    shelf.setups.save("left", Setup(session="any", config=PLAIN))
    shelf.setups.save("right", Setup(session="any", config=PLAIN.model_copy(update={"seed": 7})))

    verb(shelf, "diff", "left", "right", as_json=False)
    verb(shelf, "list", as_json=False)

    said = capsys.readouterr().out
    assert "Seed" in said
    assert "3407" in said
    assert "owner/model" in said


@pytest.mark.parametrize("name", ["it's mine", "-x", "--follow me"])
def test_the_command_shown_for_a_saved_setup_is_one_the_terminal_understands_and_starts_it(shelf, name):
    config = RunConfig(base_model=BUNDLED_MODEL, seed=7)
    shelf.setups.save(name, Setup(session=shelf.session("rivers").id, config=config))

    program, *words = shlex.split(command_of_saved(name))
    args = make_parser().parse_args([word for word in words if word != "--follow"])
    train(shelf, args, Output(as_json=True))

    assert program == "tunewright"
    [run] = shelf.world.monitoring.runs()
    assert run.config.seed == 7
    assert "--follow" in words


def test_the_trainers_command_is_one_it_understands():
    program, _, module, *words = shlex.split(trainers_command("/a folder/run"))

    assert (program, module) == ("python", "trainer_image.train")
    assert options.parse(words).run_dir == Path("/a folder/run")


@pytest.mark.parametrize(
    "meeting",
    [
        {"rdzv_endpoint": "first:29400", "rdzv_id": "my run"},
        {"master_addr": "10.0.0.1", "master_port": 29501},
    ],
)
def test_each_computers_line_makes_it_the_rank_it_says(meeting):
    asked = Distributed(nproc_per_node=8, nnodes=3, **meeting)
    config = RunConfig(base_model="m", distributed=asked)

    lines = commands_of_nodes(config, "/shared/run")

    assert len(lines) == 3
    for rank, line in enumerate(lines):
        words = shlex.split(line)
        environment = dict(word.split("=", 1) for word in words if word.startswith("PET_"))
        assert spread_of(asked, environment) == spread_of(asked.model_copy(update={"node_rank": rank}), {})
        assert spread_of(Distributed(), environment) == spread_of(asked, environment)
        rest = [word for word in words if not word.startswith("PET_")]
        assert options.parse(rest[3:]).run_dir == Path("/shared/run")


def test_one_computer_needs_no_lines():
    assert commands_of_nodes(RunConfig(base_model="m", distributed=Distributed(nproc_per_node=8)), "x") == ()


def test_a_hub_dataset_gives_a_setup_its_name(shelf):
    config = PLAIN.model_copy(update={"dataset": HubDataset(repo="owner/rows")})

    assert shelf.setups.suggested_name(Setup(config=config)) == "rows, model, LoRA"


@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        ({"learning_rate": "fast"}, "config.learning_rate: it must be a valid number"),
        ({"learning_rate": 7}, "config.learning_rate: it must be less than 1"),
        ({"lerning_rate": 0.1}, "config.lerning_rate: there is no setting of this name"),
        ({"base_model": None}, "config.base_model: it must be a valid string"),
    ],
)
def test_a_mistake_in_a_file_is_said_in_words_with_its_place(said, mistake):
    document = {"config": {"base_model": "me/model", **said}}

    with pytest.raises(StudioError) as refused:
        parse_setup(json.dumps(document), "mine.json")

    assert refused.value.message == f"The setup mine.json has a mistake: {mistake}."
