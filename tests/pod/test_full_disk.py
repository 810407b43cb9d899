"""A pod whose volume is full: nothing hangs, nothing is told wrongly, and what can be told is."""

import os
import sys
from pathlib import Path

import pytest

from app.adapters.runpod.agent import PodRefusedError
from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import upload
from tests.pod.conftest import Pod
from trainer_image.pod.journal import Journal

_MOUNT = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"'


@pytest.fixture
def small_pod(unbooted_pod: Pod) -> Pod:
    """On six megabytes, of which the spare takes four."""
    if sys.platform != "linux":
        pytest.skip("a small disk is made of a Linux namespace")
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    unbooted_pod.output = unbooted_pod.home.with_name("output-of-the-container.txt")
    unbooted_pod.inside = [*namespace, "sh", "-c", _MOUNT, str(unbooted_pod.home)]
    if os.system(f"{' '.join(namespace)} true 2>/dev/null"):
        pytest.skip("this system gives nobody a mount namespace: the full disk was not tried")
    return unbooted_pod.boot()


def test_a_full_disk_refuses_uploads_and_starts_in_words(small_pod: Pod, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(4 * 1024**2))

    with pytest.raises(PodRefusedError, match="disk is full") as refusal:
        upload(small_pod.agent, "data/large", large)
    assert refusal.value.status == 507
    assert "larger disk" in refusal.value.hint
    assert small_pod.health().phase == "waiting"


def test_a_training_that_fills_the_disk_is_told_to_its_end(small_pod: Pod, tmp_path: Path) -> None:
    small_pod.start(fill=True, print=["x" * 1000] * 300)

    health = small_pod.wait_for("ended")
    RunMirror(tmp_path).bring_up_to_date(small_pod.agent)

    assert (health.outcome, health.exit_code) == ("failed", 1)
    assert (tmp_path / "log.txt").read_text().count("x" * 1000) == 300
    assert "No space left" in (tmp_path / "log.txt").read_text()
    events = small_pod.events()
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "exit"


def test_a_volume_that_is_not_there_leaves_a_pod_that_answers_and_refuses(unbooted_pod: Pod) -> None:
    (unbooted_pod.home / "runs").write_text("no folder")

    pod = unbooted_pod.boot()

    with pytest.raises(PodRefusedError, match="cannot be written"):
        pod.start()
    assert pod.health().ends_because == "not started"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that opens and cannot be read")
def test_a_journal_that_cannot_be_read_begins_anew_in_memory() -> None:
    journal = Journal(Path("/proc/self/mem"))  # reading its beginning is an I/O error

    journal.append("notice", message="still here")

    assert [event["message"] for event in journal.after(0)] == ["still here"]
