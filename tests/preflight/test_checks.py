"""What speaks against a run is said before it starts, as an error or a warning, with what to do."""

import errno
import shutil
from types import SimpleNamespace

import pytest

from app.domain.errors import StudioError
from app.domain.gpus import Gpu
from app.domain.preflight import Readiness
from app.domain.previews import PreviewError
from app.domain.renting import PodOptions
from app.domain.runpod_ports import NoCapacityError
from app.domain.runs import DockerOptions, Target
from tests.emulators.model_hub import COMMIT, HubModel, sha_of
from tests.emulators.server import Fault
from tests.preflight.conftest import Checked, cannot
from tests.preflight.known import GB
from trainer_image.config import HubDataset, Lora, Push
from trainer_image.look_protocol import Directions, Examined, LoggerAsked

SMALL = {"config.json": 1_000, "tokenizer.json": 2_000}


def said(found: Readiness) -> list[tuple[str, str]]:
    return [(remark.level, remark.about) for remark in found.remarks]


def only(found: Readiness) -> str:
    [remark] = found.remarks
    return f"{remark.level}: {remark.message} {remark.hint}"


def test_a_run_that_lacks_nothing_is_ready_and_says_what_it_takes(checked: Checked):
    found = checked.check()

    assert (found.can_start, found.remarks, found.unknown) == (True, (), ())
    assert found.memory
    assert (found.memory.expected, found.memory.free) == (3 * GB, 16 * GB)
    assert found.disk
    assert (found.disk.checkpoint, found.disk.most) == (10**6, 4 * 10**6)
    assert found.download
    assert found.download.left == 0
    assert found.extent
    assert (found.extent.rows, found.extent.steps) == (1, 1)
    assert checked.hub.requests == []


def test_what_is_missing_altogether_is_the_one_error(checked: Checked):
    assert only(checked.check(session_id=None)).startswith("error: Choose a dataset.")


@pytest.mark.parametrize(
    ("free", "words"), [(3.5, "may run out"), (2.5, "will probably run out"), (1, "will very likely run out")]
)
def test_memory_is_a_warning_that_says_how_likely_it_is(checked: Checked, free: float, words: str):
    checked.computer.free = round(free * GB)

    found = checked.check()

    assert found.can_start
    assert words in only(found)


def test_a_gpu_is_measured_by_what_is_free_on_the_card(checked: Checked):
    checked.gpus.append(Gpu("NVIDIA X", 8 * GB, 3 * GB))
    checked.trainer.estimated = checked.trainer.estimated.model_copy(
        update={"device": "cuda", "runs_known": 6}
    )

    found = checked.check()

    assert found.memory
    assert found.memory.total == 8 * GB
    assert found.memory.basis == "± 1.0 GB, from 6 runs like it on this device"
    assert "3.0 GB are free on NVIDIA X" in only(found)


def test_a_container_without_gpu_is_estimated_on_the_processor(checked: Checked):
    checked.gpus.append(Gpu("NVIDIA X", 8 * GB, 8 * GB))

    checked.check(Target.DOCKER)
    checked.check(Target.DOCKER, docker=DockerOptions(use_gpu=False))

    assert [device for _, device, _ in checked.trainer.asked] == ["cuda", "cpu"]


def test_not_one_checkpoint_on_the_disk_is_an_error_and_not_all_of_them_a_warning(checked: Checked):
    free = shutil.disk_usage(checked.world.home).free
    too_large, large = (
        checked.trainer.estimated.model_copy(update={"checkpoint_bytes": size})
        for size in (10 * free, int(0.6 * free))
    )

    checked.trainer.estimated = too_large
    found = checked.check()
    assert said(found) == [("error", "Disk")]
    assert found.errors[0].may_pass

    checked.trainer.estimated = large
    assert said(checked.check()) == [("warning", "Disk")]


def test_a_folder_that_is_no_whole_model_is_an_error(checked: Checked):
    folder = checked.model("half", without="model.safetensors")

    assert "is not whole: it has no weights" in only(checked.check(base_model=str(folder)))

    index = '{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}'
    (folder / "model.safetensors.index.json").write_text(index)
    (folder / "model-1-of-2.safetensors").write_text("x")
    assert "1 of its 2 files of weights are missing" in only(checked.check(base_model=str(folder)))


def test_a_model_of_the_hub_is_counted_by_what_a_run_downloads(checked: Checked):
    checked.hub.models["owner/model"] = HubModel(
        {**SMALL, "model.safetensors": 5 * 10**6, "original/consolidated.00.pth": 5 * 10**6, "README.md": 99}
    )

    found = checked.check(base_model="owner/model")

    assert found.download
    assert (found.download.total, found.download.here) == (5_003_000, 0)
    assert found.can_start


def test_what_came_before_the_line_broke_is_not_downloaded_again(checked: Checked):
    checked.hub.models["owner/model"] = HubModel({**SMALL, "model.safetensors": 5 * 10**6})
    blobs = checked.cache / "models--owner--model" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha_of('model.safetensors')}.1234.incomplete").write_bytes(b"x" * 10**6)
    (blobs / sha_of("config.json")[:40]).write_bytes(b"x" * 1_000)

    found = checked.check(base_model="owner/model")

    assert found.download
    assert found.download.here == 1_001_000


def cache_model(checked: Checked, *, without: str = "") -> None:
    repo = checked.cache / "models--owner--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    shutil.copytree(checked.model("cached", without=without), repo / "snapshots" / COMMIT)


def test_a_model_in_the_cache_is_here_and_nobody_is_asked(checked: Checked):
    cache_model(checked)

    found = checked.check(base_model="owner/model")

    assert found.download
    assert found.download.total == 0
    assert checked.hub.requests == []
    assert checked.trainer.asked[-1][0].base_model.endswith(COMMIT)


@pytest.mark.parametrize("without", ["", "tokenizer.json"])
def test_offline_a_model_that_is_not_whole_here_is_an_error_and_nobody_is_asked(
    checked: Checked, without: str
):
    if without:
        cache_model(checked, without=without)
    checked.world.settings.set_offline(True)

    found = checked.check(base_model="owner/model", push=Push(repo_id="me/result"))

    assert said(found) == [("error", "Model"), ("error", "Push")]
    assert all(remark.may_pass for remark in found.errors)
    assert "nothing may be downloaded. Offline mode is on." in found.remarks[0].message
    assert checked.hub.requests == []


@pytest.mark.parametrize(
    ("refusal", "words", "may_pass"),
    [
        ((403, "GatedRepo", "not in the list"), "is gated", False),
        ((404, "RepoNotFound", "Repository not found"), "There is no model owner/model", False),
        ((401, "", "Invalid credentials in Authorization header"), "does not accept your token", False),
        ((403, "", "Forbidden"), "may not read the model", False),
        ((429, "", ""), "gave no good answer (code 429)", True),
        ((503, "", ""), "gave no good answer (code 503)", True),
    ],
)
def test_a_model_that_cannot_be_had_is_an_error_with_what_to_do(
    checked: Checked, refusal: tuple[int, str, str], words: str, may_pass: bool
):
    checked.world.secrets.token = "hf_secret"
    checked.hub.models["owner/model"] = HubModel(SMALL, refusal)

    found = checked.check(base_model="owner/model")

    assert words in only(found)
    assert found.remarks[0].hint
    assert found.remarks[0].may_pass is may_pass
    assert checked.trainer.asked == []
    assert "hf_secret" not in str(found)


def test_a_hub_that_is_gone_is_said_once(checked: Checked):
    checked.hub.always = Fault.RESET

    found = checked.check(base_model="owner/model", session_id=None, dataset=HubDataset(repo="owner/data"))

    assert "cannot be reached" in only(found)
    assert found.errors[0].may_pass


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [(OSError(errno.ENOSPC, "No space left"), True), (PermissionError(errno.EACCES, "Not yours"), False)],
)
def test_a_disk_that_is_full_may_have_room_later_and_one_that_is_not_ours_stays_so(
    checked: Checked, error: OSError, may_pass: bool
):
    def broken(_: object) -> Readiness:
        raise error

    checked.service._place = broken

    assert [remark.may_pass for remark in checked.check().errors] == [may_pass]


def test_offline_mode_may_be_switched_off_again_and_a_missing_session_does_not_come_back(checked: Checked):
    checked.world.settings.set_offline(True)
    checked.world.why_offline.append(lambda: "Offline mode is on.")

    assert checked.check(session_id=None, dataset=HubDataset(repo="owner/data")).errors[0].may_pass
    assert not checked.check(session_id=None).errors[0].may_pass


def test_no_gpu_free_at_the_price_may_pass(checked: Checked):
    def plan(*_: object) -> None:
        raise NoCapacityError("None is free.")

    checked.service._renting = SimpleNamespace(plan=plan)

    found = checked.check(Target.RUNPOD, pod=PodOptions(image="ghcr.io/somebody/trainer:1"))

    assert [(r.about, r.may_pass) for r in found.errors] == [("Cost", True)]


def test_the_hub_is_asked_once_while_somebody_types(checked: Checked):
    checked.hub.models["owner/model"] = HubModel({**SMALL, "model.safetensors": 10})

    for rate in (1e-4, 2e-4, 3e-4):
        checked.check(base_model="owner/model", learning_rate=rate)

    assert len(checked.hub.requests) == 2


def test_a_dataset_of_the_hub_must_be_one_that_may_be_read(checked: Checked):
    checked.hub.datasets["owner/open"] = None
    checked.hub.datasets["owner/gated"] = (403, "GatedRepo", "not in the list")

    assert checked.check(session_id=None, dataset=HubDataset(repo="owner/open")).remarks == ()
    assert "is gated" in only(checked.check(session_id=None, dataset=HubDataset(repo="owner/gated")))


def test_a_file_is_opened_before_a_run_is(checked: Checked, tmp_path):
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1 and then nothing")

    assert said(checked.check(session_id=None, data_file=file)) == [("error", "Data")]


def test_a_validation_file_must_be_there(checked: Checked, tmp_path):
    found = checked.check(validation="file", validation_file=str(tmp_path / "none.jsonl"))

    assert "cannot be read" in only(found)


@pytest.mark.parametrize(
    ("token", "role", "repo", "expected"),
    [
        (None, "", "me/result", ("error", "Token")),
        ("hf_wrong", "", "me/result", ("error", "Token")),
        ("hf_good", "read", "me/result", ("error", "Token")),
        ("hf_good", "write", "stranger/result", ("warning", "Push")),
        ("hf_good", "write", "team/result", None),
        ("hf_good", "fineGrained", "result", None),
    ],
)
def test_pushing_needs_a_token_that_may_write_there(
    checked: Checked, token: str | None, role: str, repo: str, expected: tuple[str, str] | None
):
    checked.world.secrets.token = token
    account = {"name": "me", "orgs": [{"name": "team"}], "auth": {"accessToken": {"role": role}}}
    checked.hub.accounts["hf_good"] = account

    found = checked.check(push=Push(repo_id=repo))

    assert said(found) == ([expected] if expected else [])


def test_a_container_is_asked_to_push_without_being_given_the_token(checked: Checked):
    checked.world.secrets.token = "hf_good"

    assert "“Pass HF token”" in only(checked.check(Target.DOCKER, push=Push(repo_id="me/result")))


def test_what_the_target_refuses_is_an_error(checked: Checked):
    checked.world.launcher.problems_found = ["Docker is not running. Start it."]

    assert only(checked.check(Target.DOCKER)).startswith("error: Docker is not running.")


def test_a_method_whose_packages_are_missing_is_an_error_here_and_none_in_a_container(checked: Checked):
    missing = cannot("qlora_4bit", "What it needs is not installed here: bitsandbytes.")
    checked.trainer.examined = Examined(abilities=(missing,), loggers=())

    assert "bitsandbytes" in only(checked.check(method=Lora(load_in_4bit=True)))
    assert checked.check(method=Lora()).remarks == ()
    assert checked.check(Target.DOCKER, method=Lora(load_in_4bit=True)).remarks == ()


def test_a_logger_that_is_not_installed_blocks_if_the_config_asks_and_warns_if_the_environment_does(
    checked: Checked,
):
    checked.trainer.examined = Examined(
        abilities=(),
        loggers=(
            LoggerAsked(program="wandb", label="W&B", origin="the config", is_installed=False),
            LoggerAsked(program="mlflow", label="MLflow", origin="MLFLOW_TRACKING_URI", is_installed=False),
        ),
    )

    found = checked.check()

    assert said(found) == [("error", "Logging"), ("warning", "Logging")]
    assert found.loggers
    assert [logger.label for logger in found.loggers] == ["W&B", "MLflow"]
    [in_image] = checked.check(Target.DOCKER).loggers or ()
    assert (in_image.label, in_image.is_installed) == ("W&B", None)


def test_cautions_and_a_base_model_for_chats_are_warnings(checked: Checked):
    caution = "5 epochs over 1 rows: beyond 3 a model soon knows so few rows by heart."
    checked.trainer.estimated = checked.trainer.estimated.model_copy(update={"cautions": (caution,)})
    checked.model("Qwen2.5-0.5B")

    found = checked.check(base_model=str(checked.model("Qwen2.5-0.5B")))

    assert sorted(said(found)) == [("warning", "Model"), ("warning", "Settings")]
    assert checked.trainer.asked[-1][2] == 1


def test_what_cannot_be_found_out_is_said_and_blocks_nothing(checked: Checked):
    checked.trainer.fail_with = PreviewError("It needs the extra “local”.", "Install it.")

    found = checked.check()

    assert found.can_start
    assert found.unknown == ("What the run takes is not known: It needs the extra “local”.",)


def test_a_model_that_a_run_would_refuse_blocks_it_before_the_start(checked: Checked):
    refusal = PreviewError("bert (BertForMaskedLM) is an encoder.", "Choose another.")
    refusal.is_refusal = True
    checked.trainer.fail_with = refusal

    found = checked.check()

    assert not found.can_start
    assert [remark.message for remark in found.errors] == ["bert (BertForMaskedLM) is an encoder."]


def test_a_check_that_breaks_takes_no_other_with_it(checked: Checked):
    checked.trainer.fail_with = ZeroDivisionError("a bug")

    found = checked.check()

    assert found.unknown == ("Memory and disk could not be checked.",)
    assert found.download is not None


def test_the_directions_osft_will_train_are_known_for_each_kind_of_matrix(checked: Checked):
    kind = Directions(name="mlp.up_proj", rows=512, columns=256, copies=4, trained=128, rank=256)
    checked.trainer.estimated = checked.trainer.estimated.model_copy(update={"directions": (kind,)})

    assert checked.check().directions == (kind,)


def test_an_error_of_the_hub_is_one_for_people(checked: Checked):
    with pytest.raises(StudioError, match="does not accept your token"):
        checked.service._hub.account("hf_wrong")
