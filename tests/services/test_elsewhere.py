"""What is long is done by another process: the same comes of it, and the window is left alone."""

import io
import json
from pathlib import Path

import psutil
import pytest

from app.adapters.helper_process import LOG_NAME, HelperProcess, _outcome
from app.adapters.helper_protocol import Told, decode, encode
from app.bootstrap import build_services
from app.domain.elsewhere import Call
from app.domain.errors import ImportFailedError, StudioError
from app.domain.merging import MergeRecipe, MergeSource
from app.helper import Work, beat
from app.paths import Paths
from app.services.elsewhere import LONG_BYTES
from app.services.everything import Services
from app.services.library import ImportCancelledError
from trainer_image.giving_way import NICENESS

COUNT = 5_000


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "home")
    paths.make()
    return paths


@pytest.fixture
def services(paths: Paths) -> Services:
    return build_services(paths, HelperProcess(paths.home, paths.logs))


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    return written(tmp_path / "long.jsonl", COUNT)


def written(path: Path, count: int) -> Path:
    said = "Which ferry is it? " * 12
    lines = [json.dumps({"prompt": f"{n} {said}", "completion": f"Ferry {n}"}) for n in range(count)]
    path.write_text("\n".join(lines))
    return path


def log_of(paths: Paths) -> str:
    log = paths.logs / LOG_NAME
    return log.read_text() if log.exists() else ""


def helpers() -> list[psutil.Process]:
    """The helpers of this process that run: other tests leave processes of their own kinds behind."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "app.helper" in child.cmdline()]


def test_a_long_import_is_done_by_a_process_that_is_gone_afterwards(
    services: Services, paths: Paths, long_file: Path
) -> None:
    report = services.library.import_file(long_file)

    assert long_file.stat().st_size > LONG_BYTES
    assert (report.session.row_count, report.refused_count) == (COUNT, 0)
    assert services.library.rows(report.session.id, start=COUNT - 1)[0].messages[1]["content"] == "Ferry 4999"
    assert f"{COUNT} rows" in log_of(paths)
    assert helpers() == []


def test_a_short_import_is_done_in_place(services: Services, paths: Paths, tmp_path: Path) -> None:
    report = services.library.import_file(written(tmp_path / "short.jsonl", 3))

    assert report.session.row_count == 3
    assert not log_of(paths)


def test_a_long_import_that_gives_way_and_is_cancelled_leaves_nothing(
    services: Services, tmp_path: Path
) -> None:
    niceness: list[int] = []

    def stop(_: int) -> None:
        niceness.extend(helper.nice() for helper in helpers())
        raise ImportCancelledError

    with pytest.raises(ImportCancelledError, match="Nothing was stored"):
        services.library.import_file(written(tmp_path / "longer.jsonl", 100_000), progress=stop)

    assert niceness == [NICENESS]
    assert services.library.sessions() == []


def test_what_goes_wrong_there_is_raised_here_as_it_was(services: Services, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(f'{{"a": [{"1," * 5_000}1]}}\n' * (LONG_BYTES // 9_000))

    with pytest.raises(ImportFailedError, match=r"No row of broken\.jsonl can be used") as raised:
        services.library.import_file(broken)

    assert raised.value.hint


def test_a_helper_that_is_killed_is_told_and_what_it_left_is_gone_at_the_next_start(
    services: Services, paths: Paths, tmp_path: Path
) -> None:
    def kill(_: int) -> None:
        for helper in helpers():
            helper.kill()

    with pytest.raises(StudioError, match="ended unexpectedly"):
        services.library.import_file(written(tmp_path / "longer.jsonl", 100_000), progress=kill)

    assert build_services(paths).library.sessions() == []


def test_a_merge_of_a_long_file_is_done_there_too(services: Services, paths: Paths, long_file: Path) -> None:
    merged = services.merging.to_session(MergeRecipe(sources=(MergeSource(file=long_file),)))

    assert merged.result is not None
    assert merged.result.rows == services.library.sessions()[0].row_count == COUNT
    assert [merge.id for merge in services.merging.saved()] == [merged.id]
    assert f"Merged {COUNT} rows" in log_of(paths)


class Deaf:
    """A helper that says it works, whatever it is told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def receive(self) -> bytes:
        return encode(Told(7))

    def send(self, line: bytes) -> None:
        self.heard.append(line)


def test_a_helper_that_does_not_hear_is_not_waited_for() -> None:
    deaf = Deaf()

    def stop(count: int) -> None:
        raise ImportCancelledError

    with pytest.raises(ImportCancelledError):
        _outcome(deaf, stop)  # type: ignore[arg-type]

    assert [str(decode(line)) for line in deaf.heard] == [str(ImportCancelledError())]


def test_a_helper_is_offline_when_the_app_is_and_only_then(
    services: Services, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    asked = Call("offline", "reason")

    services.offline.switch(True)
    helper = HelperProcess(paths.home, paths.logs)
    try:
        while_on = helper.do(asked, None)
    finally:
        services.offline.switch(False)

    assert "Offline mode is on" in while_on
    assert helper.do(asked, None) == ""


def test_a_switch_that_is_moved_while_a_helper_works_is_obeyed_at_its_next_beat() -> None:
    said, work = io.BytesIO(), Work()
    work.obey_switch = work.has_ended.set

    beat(said, work)

    assert work.has_ended.is_set()
    assert decode(said.getvalue()) == Told(None)
