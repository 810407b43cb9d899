"""Every known way to fail is told by what is really printed, and by nothing else."""

import pytest

from app.domain.runs import JobPhase, JobState, RunStatus, Target, describe_exit
from app.domain.troubleshooting import diagnose
from tests.domain.curves_by_hand import CONFIG, failed
from trainer_image.config import Sft
from trainer_image.problems import explain

UNFORESEEN = "The trainer stopped because of an error it did not expect."


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "memory"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("RuntimeError: DataLoader worker is killed: Bus error. insufficient shared memory", "shared-memory"),
        ("ImportError: /x/flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda", "kernels"),
        ("RuntimeError: Unable to load kernel: unknown symbol cuLaunchKernelEx", "kernels"),
        ("RuntimeError: The NVIDIA CUDA driver version is insufficient for CUDA runtime version", "driver"),
        ("ModuleNotFoundError: No module named 'unsloth'", "module"),
        ("KeyError: 'HF_TOKEN'", "login"),
        ("huggingface_hub.errors.HfHubHTTPError: 403 Forbidden: None.", "access"),
        ("requests.exceptions.HTTPError: 403 Client Error: Forbidden for url", "access"),
        ("httpx.ReadTimeout: The read operation timed out", "timeout"),
        ("TypeError: SFTTrainer.__init__() got an unexpected keyword argument 'tokenizer'", "versions"),
        ("KeyError: 'messages'", "columns"),
        ("torch.distributed.DistNetworkError: EADDRINUSE: Address already in use", "port"),
        ("Fatal Python error: Segmentation fault", "native-crash"),
    ],
)  # fmt: skip
def test_the_end_of_the_log_tells_the_tree_and_its_line_is_shown(line, tree):
    log = f"step 3/10  loss 1.2\nTraceback (most recent call last):\n{line}\n"

    trouble = diagnose(failed(UNFORESEEN), log)

    assert trouble is not None
    assert trouble.tree == tree
    assert trouble.evidence == line
    assert trouble.steps


@pytest.mark.parametrize(
    ("error", "tree"),
    [
        (MemoryError(), "memory"),
        (OSError(28, "No space left on device"), "disk"),
        (ImportError("x.so: undefined symbol: _ZN"), "kernels"),
    ],
)
def test_what_the_trainer_puts_into_words_has_its_steps(error, tree):
    problem = explain(error)

    assert problem is not None
    found = diagnose(failed(problem.message), "")
    assert found is not None
    assert (found.tree, found.evidence) == (tree, "")


@pytest.mark.parametrize(
    ("state", "tree"),
    [
        (JobState(JobPhase.EXITED, 137), "killed"),
        (JobState(JobPhase.EXITED, 1, out_of_memory=True), "memory"),
        (JobState(JobPhase.EXITED, 139), "native-crash"),
    ],
)
def test_how_a_job_ended_tells_where_nothing_else_does(state, tree):
    found = diagnose(failed(describe_exit(state)[0]), "")

    assert found is not None
    assert found.tree == tree


def test_the_five_steps_are_for_this_computer_and_an_image_is_made_anew():
    line = "ImportError: cannot import name 'flash_attn_func' from 'flash_attn'"

    here, there = (diagnose(failed(UNFORESEEN, target=t), line) for t in (Target.LOCAL, Target.DOCKER))

    assert here is not None
    assert there is not None
    assert len(here.steps) == 5
    assert "~/.triton" in here.steps[2]
    assert there.steps == ("Build or pull the image again: its libraries are made for each other.",)


def test_memory_comes_with_the_next_change_and_a_run_away_loss_with_a_gentler_rate():
    memory = diagnose(failed("There is not enough memory for this run."), "")
    away = diagnose(failed("Training went wrong at step 7: the loss is no longer a number."), "")

    assert memory is not None
    assert memory.knob is not None
    assert memory.knob.label == "Retry with 1 row at once instead of 2"
    assert away is not None
    assert away.knob is not None
    assert (away.knob.config.learning_rate, away.knob.config.warmup_steps) == (pytest.approx(2e-5), 10)


def test_another_librarys_missing_package_can_be_done_without():
    config = CONFIG.model_copy(update={"method": Sft(), "backend": "instructlab-training"})
    line = "ModuleNotFoundError: No module named 'instructlab'"

    foreign, own = diagnose(failed(UNFORESEEN, config=config), line), diagnose(failed(UNFORESEEN), line)

    assert foreign is not None
    assert foreign.knob is not None
    assert foreign.knob.config.backend == "native"
    assert own is not None
    assert own.knob is None


def test_a_failure_that_was_explained_is_not_explained_again_by_a_stray_line():
    assert diagnose(failed("The model folder x is not there."), "Connection reset by peer") is None
    assert diagnose(failed(UNFORESEEN), "all went well until it did not") is None


def test_a_run_that_did_not_fail_has_no_trouble():
    run = failed("", status=RunStatus.STOPPED)

    assert diagnose(run, "CUDA out of memory") is None
