"""What the app and a pod say to each other while all goes well."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.runpod.agent import PodAgent, PodRefusedError
from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, PartSize, manifest, upload
from app.domain.errors import TargetError
from tests.pod.conftest import Pod


def test_a_run_goes_through_the_pod(pod: Pod, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    rows = here / "rows.jsonl"
    rows.write_bytes(b'{"a": 1}\n' * 1000)

    upload(pod.agent, "data/data.jsonl", rows)
    assert pod.start(steps=3) == "running"
    health = pod.wait_for("ended")
    said = RunMirror(here).bring_up_to_date(pod.agent)
    offered = manifest(pod.agent, wait_seconds=20)
    Fetcher(pod.agent, here).fetch(offered)

    assert (pod.run_dir / "data" / "data.jsonl").read_bytes() == rows.read_bytes()
    assert (health.outcome, health.exit_code, health.attempt) == ("finished", 0, 1)
    assert [event.fields["code"] for event in said if event.kind == "exit"] == [0]
    assert (here / "events.jsonl").read_bytes() == (pod.run_dir / "events.jsonl").read_bytes()
    assert (here / "log.txt").read_bytes() == (pod.run_dir / "log.txt").read_bytes()
    assert "step 2" in (here / "log.txt").read_text()
    assert offered.complete
    assert {file.path for file in offered.files} == {"output/adapter.bin", "result.json", "launches.txt"}
    assert (here / "output/adapter.bin").read_bytes() == (pod.run_dir / "output/adapter.bin").read_bytes()
    assert pod.agent.retrieved() == "ended"
    assert '@@studio {"event": "exit", "attempt": 1, "code": 0, "outcome": "finished"}' in pod.said()


@pytest.mark.parametrize("token", ["wrong", "the-run's-own-token "[:-2]])
def test_without_the_token_nothing_is_answered(pod: Pod, token: str) -> None:
    stranger = PodAgent(f"http://127.0.0.1:{pod.port}", token, pause=lambda _: None)

    for method, path in (("GET", "/v1/health"), ("POST", "/v1/start"), ("PUT", "/v1/files/a"), ("GET", "/")):
        with pytest.raises(PodRefusedError) as refusal:
            stranger.ask(method, path)
        assert refusal.value.status == 401

    stranger.close()
    assert pod.health().phase == "waiting"


def test_a_path_that_leads_out_of_the_run_is_refused(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "inside").write_text("not yours")
    (pod.run_dir / "link").symlink_to(tmp_path / "elsewhere")
    sums = {"offset": 0, "total": 1, "sha256": sha256(b"x"), "part_sha256": sha256(b"x")}
    outward = ["%2e%2e/outside", "a/%2e%2e/%2e%2e/outside", "/etc/passwd", "a//b", "a%00"]
    hidden = [".pod/state.json", "a\\b", "link/inside", "link"]

    for path in [*outward, *hidden]:
        with pytest.raises(PodRefusedError, match="lie in the run's folder"):
            pod.agent.ask("PUT", f"/v1/files/{path}", query=sums, body=b"x")
        with pytest.raises(PodRefusedError, match="lie in the run's folder"):
            pod.agent.ask("GET", f"/v1/outputs/{path}")

    assert not (tmp_path / "outside").exists()


def test_parts_may_come_twice_or_too_early_and_are_told_where_to_go_on(pod: Pod) -> None:
    content = b"0123456789"
    query = {"total": 10, "sha256": sha256(content)}

    def put(offset: int, part: bytes) -> dict[str, object]:
        asked = {**query, "offset": offset, "part_sha256": sha256(part)}
        answer: dict[str, object] = pod.agent.ask("PUT", "/v1/files/a/b", query=asked, body=part).json()
        return answer

    assert put(0, b"0123") == {"received": 4, "total": 10, "complete": False}
    assert put(0, b"0123")["received"] == 4
    with pytest.raises(PodRefusedError) as gap:
        put(8, b"89")
    assert (gap.value.word, gap.value.more["received"]) == ("gap", 4)
    assert not (pod.run_dir / "a/b").exists()
    pod.restart()
    assert pod.agent.ask("GET", "/v1/files/a/b", query=query).json()["received"] == 4
    assert put(4, b"456789")["complete"] is True
    assert put(0, b"0123") == {"received": 10, "total": 10, "complete": True}
    assert (pod.run_dir / "a/b").read_bytes() == content


def test_a_damaged_part_or_file_is_refused_and_may_be_sent_again(pod: Pod) -> None:
    def put(part: bytes, *, of: bytes, part_sha256: str) -> None:
        query = {"offset": 0, "total": len(of), "sha256": sha256(of), "part_sha256": part_sha256}
        pod.agent.ask("PUT", "/v1/files/a", query=query, body=part)

    with pytest.raises(PodRefusedError) as damaged:
        put(b"0x23", of=b"0123", part_sha256=sha256(b"0123"))
    assert damaged.value.word == "bad_part"
    with pytest.raises(PodRefusedError) as wrong:
        put(b"0x23", of=b"0123", part_sha256=sha256(b"0x23"))
    assert wrong.value.word == "bad_file"
    assert not (pod.run_dir / "a").exists()
    put(b"0123", of=b"0123", part_sha256=sha256(b"0123"))
    assert (pod.run_dir / "a").read_bytes() == b"0123"


def test_an_upload_goes_on_after_the_app_was_ended(pod: Pod, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 100)

    class Ended(Exception):
        pass

    def end(done: int, _total: int) -> None:
        if done >= 10_000:
            raise Ended

    with pytest.raises(Ended):
        upload(pod.agent, "data/x", file, progress=end, part=PartSize(1000))
    told: list[int] = []
    upload(pod.agent, "data/x", file, progress=lambda done, _: told.append(done), part=PartSize(1000))

    assert told[0] == 10_000
    assert (pod.run_dir / "data/x").read_bytes() == file.read_bytes()


def test_an_empty_file_arrives_too(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    upload(pod.agent, "data/empty", tmp_path / "empty")

    assert (pod.run_dir / "data/empty").read_bytes() == b""


def test_the_hub_token_reaches_the_trainer_and_nothing_else(pod: Pod) -> None:
    token = "hf_" + "s" * 30
    shown = ["HF_TOKEN", "RUNPOD_API_KEY", "STUDIO_TOKEN_SHA256"]

    pod.environment["RUNPOD_API_KEY"] = "key-of-the-pod"
    pod.restart()
    pod.start(secrets={"HF_TOKEN": token}, show=shown, wait=True)
    pod.wait_until(lambda: "ready" in pod.lines())

    assert "environment HF_TOKEN=[token] RUNPOD_API_KEY=None STUDIO_TOKEN_SHA256=None" in pod.lines()
    kept = b"".join(file.read_bytes() for file in pod.home.rglob("*") if file.is_file())
    assert token.encode() not in kept
    assert b"key-of-the-pod" not in kept
    assert token not in json.dumps([pod.events(), pod.health().__dict__])


def test_a_start_with_a_secret_in_its_config_is_refused(pod: Pod) -> None:
    with pytest.raises(PodRefusedError, match="a secret stands in the config"):
        pod.start(secrets={"HF_TOKEN": "hf_abc"}, note="hf_abc")

    assert pod.launches() == []


def test_the_same_start_twice_trains_once(pod: Pod) -> None:
    pod.start(wait=True)
    pod.start(wait=True)
    with pytest.raises(PodRefusedError, match="trains"):
        pod.start(2)
    pod.wait_until(lambda: "ready" in pod.lines())
    pod.agent.stop(save=True)
    pod.wait_for("ended")
    assert pod.start(wait=True) == "ended"

    assert pod.launches() == [""]


@pytest.mark.parametrize("save", [True, False])
def test_a_stop_reaches_the_trainer_by_its_signal(pod: Pod, save: bool) -> None:
    pod.start(wait=True)
    pod.wait_until(lambda: "ready" in pod.lines())

    assert pod.agent.stop(save=save) == "stopping"
    health = pod.wait_for("ended")

    assert (health.outcome, health.exit_code) == ("stopped", 3)


def test_what_is_asked_for_is_laid_where_the_trainer_looks(pod: Pod) -> None:
    with pytest.raises(PodRefusedError, match="Nothing trains"):
        pod.agent.ask_for("save")
    pod.start(wait=True)

    pod.agent.ask_for("save")

    assert (pod.run_dir / "commands" / "save").exists()


def test_whole_checkpoints_are_offered_while_it_trains(pod: Pod, tmp_path: Path) -> None:
    pod.start(wait=True, checkpoint=40)
    pod.wait_until(lambda: "ready" in pod.lines())
    (pod.run_dir / "checkpoints" / "samples_80").mkdir()
    (pod.run_dir / "checkpoints" / "samples_80" / "weights").write_bytes(b"half")

    offered = manifest(pod.agent, wait_seconds=20)
    assert Fetcher(pod.agent, tmp_path / "here", part=PartSize(999)).fetch(offered)

    sent = {"total": 4000, "sha256": offered.files[1].sha256}
    back = pod.agent.ask("GET", "/v1/files/checkpoints/samples_40/weights", query=sent).json()
    assert back["complete"], "what the pod has made need not be sent to it"
    assert [file.path for file in offered.files] == [
        "checkpoints/samples_40/COMPLETE.json",
        "checkpoints/samples_40/weights",
    ]
    there = pod.run_dir / "checkpoints/samples_40/weights"
    assert (tmp_path / "here/checkpoints/samples_40/weights").read_bytes() == there.read_bytes()


def test_a_run_that_went_on_elsewhere_goes_on_in_its_pod_with_one_record(pod: Pod, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    pod.start(steps=2)
    pod.wait_for("ended")
    RunMirror(here).bring_up_to_date(pod.agent)
    for name in ("events.jsonl", "log.txt"):
        with (here / name).open("a") as record:
            record.write('{"type": "metrics", "step": "made elsewhere"}\n')
        upload(pod.agent, name, here / name)

    pod.start(3, steps=2)
    pod.wait_for("ended")
    RunMirror(here).bring_up_to_date(pod.agent)

    for name in ("events.jsonl", "log.txt"):
        assert (here / name).read_bytes() == (pod.run_dir / name).read_bytes()
        assert (here / name).read_text().count("made elsewhere") == 1
    assert (here / "events.jsonl").read_text().count('"started"') == 2


def test_a_record_that_is_not_the_pods_own_leaves_that_as_it_is(pod: Pod, tmp_path: Path) -> None:
    pod.start(steps=2)
    pod.wait_for("ended")
    before = (pod.run_dir / "events.jsonl").read_bytes()
    (tmp_path / "events.jsonl").write_text('{"type": "started", "attempt": 7}\n')

    upload(pod.agent, "events.jsonl", tmp_path / "events.jsonl")

    assert (pod.run_dir / "events.jsonl").read_bytes() == before
    with pytest.raises(TargetError, match="does not go on where"):
        RunMirror(tmp_path).bring_up_to_date(pod.agent)


def test_a_download_that_arrives_damaged_begins_anew_and_one_cut_goes_on(pod: Pod, tmp_path: Path) -> None:
    pod.start(bytes=10_000)
    pod.wait_for("ended")
    offered = manifest(pod.agent, wait_seconds=20)
    (output,) = [file for file in offered.files if file.path.startswith("output")]
    content = (pod.run_dir / output.path).read_bytes()
    partial = tmp_path / "here/output" / f".adapter.bin.{output.sha256[:16]}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 4000)

    Fetcher(pod.agent, tmp_path / "here").fetch(offered)

    assert (tmp_path / "here/output/adapter.bin").read_bytes() == content
    assert not partial.exists()


def test_a_result_is_here_only_when_all_it_speaks_of_is(pod: Pod, tmp_path: Path) -> None:
    here = tmp_path / "here"
    pod.start(steps=1)
    pod.wait_for("ended")
    whole = manifest(pod.agent, wait_seconds=20)
    files = sorted(whole.files, key=lambda file: file.path != "result.json")
    fetcher, seen = Fetcher(pod.agent, here), list[bool]()

    fetcher.fetch(replace(whole, files=files[:1], complete=False))
    assert not (here / "result.json").exists()
    fetcher.fetch(replace(whole, files=files), lambda *_: seen.append((here / "result.json").exists()))

    assert (here / "result.json").exists()
    assert not any(seen)


def test_events_wait_for_news_and_have_no_hole(pod: Pod) -> None:
    pod.start(steps=200, print=["x" * 500] * 3000)
    pod.wait_for("ended")

    events = pod.events()

    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert sum(event["kind"] == "event" for event in events) == 201
    assert pod.agent.ask("GET", "/v1/events", query={"after": len(events) - 1, "wait": 50}).json()["events"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
