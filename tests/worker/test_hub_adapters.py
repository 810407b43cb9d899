"""A name of the Hub that is an adapter's, asked of a Hub on loopback."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.model_configs import FoundModelConfigs
from app.adapters.model_files import FoundModels
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import Sampling
from app.domain.errors import EngineError
from app.domain.talkers import LoadableModel, ModelRef
from app.services.talkers import TalkerService
from tests.emulators.server import Emulator, Reply, Request, serving
from tests.worker.conftest import TinyRuns, question

pytestmark = pytest.mark.training

NAME = "owner/ferry-adapter"
COMMIT = "1" * 40
SHORT = Sampling(temperature=0.0, max_new_tokens=12, repetition_penalty=1.0)
HELLO = [{"role": "user", "content": "Hello"}]


class AdapterHub(Emulator):
    """Has one repository: the files of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def answer(self, request: Request) -> Reply:
        if NAME not in request.path:
            return Reply("", 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if "/tree/" in request.path:
            sizes = {file.name: file.stat().st_size for file in self.folder.iterdir()}
            return Reply([{"type": "file", "path": n, "size": s, "oid": "0" * 40} for n, s in sizes.items()])
        if request.path.startswith("/api/"):
            files = [{"rfilename": file.name, "size": file.stat().st_size} for file in self.folder.iterdir()]
            return Reply({"_id": NAME, "id": NAME, "sha": COMMIT, "private": False, "siblings": files})
        file = self.folder / request.path.rpartition("/")[2]
        if not file.is_file():
            return Reply("", 404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        said = file.read_bytes()
        etag = hashlib.sha256(said).hexdigest()
        return Reply(said, headers={"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})


@pytest.fixture
def hub(tiny_runs: TinyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdapterHub]:
    folder = tiny_runs.adapter.output_dir
    assert folder is not None
    made = AdapterHub(folder)
    with serving(made):
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield made


@pytest.fixture
def talk(hub: AdapterHub, tmp_path: Path) -> Iterator[WorkerEngine]:
    engine = WorkerEngine(log_dir=tmp_path)
    yield engine
    engine.unload()


def test_an_adapter_of_the_hub_speaks_on_its_base_model(
    talk: WorkerEngine, hub: AdapterHub, tiny_runs: TinyRuns
) -> None:
    wanted = list(talk.generate(*question(tiny_runs.adapter, "Hello"), SHORT))

    said = list(talk.generate(LoadableModel(NAME, NAME, NAME), HELLO, SHORT))

    assert said == wanted
    loaded = talk.status().loaded
    assert loaded is not None
    assert loaded.adapter_effect
    hub.requests.clear()
    assert list(talk.generate(LoadableModel(NAME, NAME, NAME), HELLO, SHORT)) == wanted
    assert hub.requests == []


def test_an_adapter_of_the_hub_is_the_same_model_once_it_is_here(
    talk: WorkerEngine, hub: AdapterHub, tmp_path: Path
) -> None:
    """As it resolves from then on, by its own base model: it is not loaded a second time."""
    list(talk.generate(LoadableModel(NAME, NAME, NAME), HELLO, SHORT))
    talkers = TalkerService(
        SqliteRunStore(open_database(tmp_path / "studio.db")),
        FoundModels(),
        FoundModelConfigs(lambda: None),
        gpus=lambda: (),
        computer_memory=lambda: (0, 0),
        offline=lambda: "",
        bundled_model=Path(),
    )
    here = talkers.resolve(ModelRef("hub", NAME))
    assert here.adapter

    assert talk.is_loaded(here)
    assert talk.is_loaded(LoadableModel(NAME, NAME, NAME))
    loaded = talk.status().loaded
    list(talk.generate(here, HELLO, SHORT))
    assert talk.status().loaded is loaded


def test_a_name_that_the_hub_does_not_have_is_said_as_ever(talk: WorkerEngine, hub: AdapterHub) -> None:
    other = "owner/nothing"

    with pytest.raises(EngineError, match="is not on Hugging Face, or it is private"):
        list(talk.generate(LoadableModel(other, other, other), HELLO, SHORT))
