"""Real services over a database of the test's own."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.bootstrap import build_services
from app.domain.errors import ImportFailedError
from app.domain.hub import HubDatasetParts
from app.domain.mapping import ColumnMapping, Part, RowKind
from app.domain.reading import Preview, Reading, ReadOptions
from app.paths import Paths
from app.services.everything import Services
from app.services.library import LibraryService
from app.ui import texts
from trainer_image.rows import Refused, Row


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    its = Paths(tmp_path / "home")
    its.make()
    return its


@pytest.fixture
def services(paths: Paths) -> Services:
    return build_services(paths)


@pytest.fixture
def library(services: Services) -> LibraryService:
    return services.library


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write a JSONL file of `good` pairs and then the lines given as they are."""

    def write(name: str = "talk.jsonl", *, good: int = 3, lines: tuple[str, ...] = ()) -> Path:
        pairs = [f'{{"prompt": "Question {n}?", "completion": "Answer {n}."}}' for n in range(1, good + 1)]
        path = tmp_path / name
        path.write_text("\n".join([*pairs, *lines]) + "\n", encoding="utf-8")
        return path

    return write


class EndlessRows:
    """A source that never ends by itself: only a cancelled import gets out of it."""

    hub_problem = ""
    hub_record: Mapping[str, Any] | None = None
    """What a look at any dataset shows, and an import with a mapping reads."""

    def __init__(self) -> None:
        self.hub_answers = Event()
        """Set unless a look at a dataset is to take for ever."""
        self.hub_answers.set()

    def read_file(self, path: Path, options: ReadOptions) -> Reading:
        talk = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "!"})
        return Reading(Row(line, talk) for line in count(1))

    def preview_file(self, path: Path, count: int, options: ReadOptions) -> Preview:
        mapping = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "prompt", Part.ANSWER: "completion"})
        return Preview(
            "a JSONL file", ("prompt", "completion"), ({"prompt": "?", "completion": "!"},), mapping
        )

    def read_hub(
        self,
        repo: str,
        split: str,
        config: str | None,
        mapping: ColumnMapping | None = None,
        *,
        token: str | None,
    ) -> Iterator[Row | Refused]:
        if self.hub_record is not None and mapping is not None:
            yield Row(1, *mapping.apply(self.hub_record))
            return
        yield Row(
            1, ({"role": "user", "content": repo}, {"role": "assistant", "content": f"{split} {config}"})
        )

    def preview_hub(
        self, repo: str, split: str, config: str | None, count: int, *, token: str | None
    ) -> Preview:
        self.hub_answers.wait(20)
        if self.hub_record is None:
            raise ImportFailedError(f"There is no dataset '{repo}' that you can read.", "Check the name.")
        return Preview("a dataset of the Hugging Face Hub", tuple(self.hub_record), (self.hub_record,), None)

    def why_no_hub(self) -> str:
        return self.hub_problem

    def find_on_hub(self, words: str, *, token: str | None) -> list[str]:
        return [f"owner/{words}", f"other/{words}-2"]

    def hub_parts(self, repo: str, *, token: str | None) -> HubDatasetParts:
        return HubDatasetParts(repo, {"small": ("train", "test"), "large": ("all",)})


@pytest.fixture
def endless_rows() -> EndlessRows:
    return EndlessRows()


@pytest.fixture
def endless_library(paths: Paths, endless_rows: EndlessRows) -> LibraryService:
    database = open_database(paths.database)
    return LibraryService(
        SqliteSessionStore(database, SystemProcesses()),
        endless_rows,
        SqliteSettingsStore(database),
        EnvironmentSecrets(),
        paths.sample_file,
    )


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Give it a file of texts by place: they are what the window says from now on."""

    def speak(said: Mapping[str, str]) -> None:
        file = tmp_path / "other.toml"
        lines = (f"{_quoted(place)} = '''{text}'''" for place, text in said.items())
        file.write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.setenv(texts.FILE_VARIABLE, str(file))
        texts.forget()

    yield speak
    texts.forget()


@pytest.fixture
def in_brackets() -> dict[str, str]:
    """A language that says the same between brackets, by place."""
    found: dict[str, str] = {}
    for place, said in texts.read(texts.ENGLISH.glob("*.toml")).items():
        if isinstance(said, texts.Counted):
            found |= {f"{place}.{form}": f"⟦{text}⟧" for form, text in said.forms.items()}
        else:
            found[place] = f"⟦{said}⟧"
    return found


def _quoted(place: str) -> str:
    return ".".join(f'"{part}"' for part in place.split("."))
