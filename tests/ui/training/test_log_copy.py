"""Runpod's copy of a log in the window: there only while the pod cannot be asked, and called a copy."""

import pytest

from app.domain.runs import Target
from app.services.monitoring import LOG_COPY_FILE
from app.ui.training.run.log_copy_view import LINES, LogCopyView
from tests.launchers.places import make_run
from tests.ui.harness import mounted


@pytest.fixture
def run(tmp_path):
    made = make_run(tmp_path / "run", "0123456789ab", target=Target.RUNPOD)
    made.folder.mkdir(parents=True, exist_ok=True)
    return made


async def test_the_copy_is_shown_as_one_while_there_is_one_and_leaves_no_room_behind(services, run):
    copy = run.folder / LOG_COPY_FILE
    copy.write_text("".join(f"step {number}\n" for number in range(LINES + 2)))
    async with mounted(LogCopyView, services.monitoring, run) as screen:
        await screen.wait_for(lambda: screen.identified("log-copy"))
        said, lines = screen.identified("log-copy")
        assert said.startswith("Runpod's own copy of the log, while the pod does not answer.")
        assert lines.splitlines() == [f"step {number}" for number in range(2, LINES + 2)]

        copy.unlink()
        await screen.wait_for(lambda: not screen.identified("log-copy"))


async def test_while_the_log_itself_comes_there_is_no_copy(services, run):
    run.log_path.write_text("step 1\n")
    async with mounted(LogCopyView, services.monitoring, run) as screen:
        await screen.settle()

        assert screen.texts() == []
