"""What is shown to somebody who helps: everything that matters, and nothing secret."""

import zipfile
from dataclasses import replace

import pytest

from app.domain.errors import StudioError
from app.domain.runs import JobPhase, JobState, RunRequest, Target
from app.services.diagnostics import APP_LOG_LINES, LOG_LINES, DiagnosticsService
from tests.services.conftest import NOON, ends, write_events
from trainer_image.config import RunConfig
from trainer_image.events import Notice, Sample, Started

TOKEN = "hf_abcdefghijklmnopqrstuvwx"


@pytest.fixture
def failed(world, session):
    world.secrets.token = TOKEN
    run = world.training.start(
        RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)
    )
    write_events(
        run,
        Started(time=NOON.timestamp(), device="NVIDIA L4", versions={"torch": "2.13.0"}),
        Notice(message=f"A clumsy library says {TOKEN}"),
        Sample(step=1, prompt="Where is Sorrel?", answer="a row of somebody", reference="private"),
    )
    log = [f"line {n}" for n in range(300)]
    log += [f"login(token='{TOKEN}')", "env API=very-secret-value", "CUDA out of memory"]
    world.launcher.job(run).log.extend(log)
    ends(world, run, JobState(JobPhase.EXITED, 1))
    return world.monitoring.refresh(run.id)


@pytest.fixture
def diagnostics(world):
    environment = {"MY_SECRET": "very-secret-value", "HOME": "/root"}
    return DiagnosticsService(
        world.monitoring,
        world.secrets,
        world.home / "exports",
        app_log=world.home / "tunewright.log",
        environment=lambda: environment,
    )


def test_versions_config_events_and_the_end_of_the_log_are_in_it(diagnostics, failed):
    text = diagnostics.text(failed)

    assert "The trainer ran on NVIDIA L4: torch 2.13.0" in text
    assert '"base_model": "owner/model"' in text
    assert "A clumsy library says [hidden]" in text
    assert "status: failed" in text
    assert "line 299" in text
    assert f"line {299 - LOG_LINES}" not in text


def test_no_token_no_value_of_the_environment_and_no_row_is_in_it(diagnostics, failed):
    saved = diagnostics.save(failed)

    with zipfile.ZipFile(saved) as file:
        whole = "".join(file.read(name).decode() for name in file.namelist())
    for text in (whole, diagnostics.text(failed)):
        assert TOKEN not in text
        assert "very-secret-value" not in text
        assert "a row of somebody" not in text
        assert "Sorrel" not in text


def test_the_end_of_the_apps_own_log_is_in_it_without_a_secret(diagnostics, failed, world):
    lines = [f"app line {n}" for n in range(2 * APP_LOG_LINES)]
    lines += [f"pushed with {TOKEN}", "proxy http://ada:s3cret@proxy.example:3128", "MY_SECRET=other-value"]
    (world.home / "tunewright.log").write_text("\n".join(lines) + "\n")

    text = diagnostics.text(failed)
    with zipfile.ZipFile(diagnostics.save(failed)) as file:
        saved = file.read(f"last-{APP_LOG_LINES}-lines-of-the-apps-log.txt").decode()

    for told in (text, saved):
        assert "app line 199\npushed with [hidden]\nproxy http://[hidden]@proxy.example:3128" in told
        assert not [secret for secret in (TOKEN, "s3cret", "other-value") if secret in told]
        assert "app line 99\n" not in told


def test_of_an_app_log_without_end_half_a_line_is_not_in_it(diagnostics, failed, world):
    (world.home / "tunewright.log").write_text(f"said {TOKEN * 4000}\nlast line\n")

    assert TOKEN[4:] not in diagnostics.text(failed)
    assert "last line" in diagnostics.text(failed)


def test_an_app_log_that_is_not_there_is_said(diagnostics, failed):
    assert "(tunewright.log cannot be read" in diagnostics.text(failed)


def test_the_known_trouble_of_a_run_without_a_result_is_found_in_its_log(diagnostics, failed):
    trouble = diagnostics.trouble(failed)

    assert trouble is not None
    assert (trouble.tree, trouble.evidence) == ("memory", "CUDA out of memory")


def test_a_folder_that_cannot_be_written_is_said(diagnostics, failed, world):
    (world.home / "exports").write_text("a file is in the way")

    with pytest.raises(StudioError, match="could not be written"):
        diagnostics.save(failed)


def test_the_file_stays_in_its_folder_whatever_the_run_is_called(diagnostics, failed, world):
    for name in ("../x", "/etc/x", "a/b\\c", ".."):
        saved = diagnostics.save(world.history.rename(failed.id, name))

        assert saved.parent == world.home / "exports"
        assert saved.is_file()


def test_two_runs_of_one_name_have_a_file_each(diagnostics, failed, world):
    other = world.training.retry(failed.id, failed.config)
    both = [world.history.rename(run.id, "same") for run in (failed, other)]

    assert len({diagnostics.save(run) for run in both}) == 2


def test_a_run_is_tried_again_with_other_settings_and_the_same_session(world, failed, session):
    config = failed.config.model_copy(update={"per_device_batch_size": 1, "gradient_accumulation_steps": 8})

    again = world.training.retry(failed.id, config)

    assert (again.config.per_device_batch_size, again.session_id) == (1, session.id)
    assert again.id != failed.id


def test_no_run_is_tried_again_on_a_rented_gpu_whose_price_nobody_saw(world, failed):
    world.runs.update(failed.id, lambda run: replace(run, target=Target.RUNPOD))

    with pytest.raises(StudioError, match="its price was not seen"):
        world.training.retry(failed.id, failed.config)

    assert len(world.runs.all()) == 1


def test_where_the_session_is_gone_the_runs_own_copy_is_taken(world, failed, session):
    gone = replace(failed, session_id=None)

    setup = world.training.setup_of(gone)

    assert setup.session is None
    assert setup.file == failed.folder / "data" / "train.jsonl"
    assert setup.file.is_file()
