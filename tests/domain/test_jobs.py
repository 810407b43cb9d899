"""Hugging Face Jobs: what is said of time and money before anything is started."""

import pytest

from app.domain.jobs import JobOptions, cost_of, hours, limits, passes, steps_to_run
from app.domain.runs import Target
from app.domain.targets import LAUNCHED
from trainer_image.config import RunConfig

EPOCHS = RunConfig(base_model="owner/model", num_epochs=3, max_steps=None)
STEPS = RunConfig(
    base_model="owner/model", max_steps=50, per_device_batch_size=2, gradient_accumulation_steps=4
)


@pytest.mark.parametrize(("text", "expected"), [("6h", 6), ("90m", 1.5), ("1d", 24), ("1800s", 0.5)])
def test_a_time_is_read_in_hours(text, expected):
    assert hours(text) == expected


def test_a_bound_on_the_steps_counts_instead_of_the_epochs():
    assert passes(EPOCHS, rows=1000) == 3
    assert passes(STEPS, rows=1000) == 0.4


def test_the_cost_follows_rows_passes_and_todays_price():
    cost = cost_of(JobOptions(dollars_an_hour=3), EPOCHS, rows=2000)

    assert (cost.dollars, cost.hours) == ((16, 20), (4, 6))


def test_the_longest_time_bounds_the_money_and_may_be_too_short():
    enough, short = JobOptions(timeout="6h"), JobOptions(timeout="1h")

    assert limits(enough, cost_of(enough, EPOCHS, 1000)).endswith("it costs $9.00 at most.")
    assert "$1.50 at most. That may be before it is done" in limits(short, cost_of(short, EPOCHS, 1000))
    assert "$" not in limits(JobOptions(flavor="h200"), None)


@pytest.mark.parametrize(
    "wrong", [{"flavor": "a10g large"}, {"flavor": ""}, {"timeout": "6"}, {"timeout": ""}]
)
def test_nonsense_is_said_with_an_example(wrong):
    assert ", like " in JobOptions(**wrong).problem()


def test_a_job_is_listed_watched_and_cancelled_by_the_hubs_own_program():
    commands = [command for command, _ in steps_to_run("hf jobs uv run job.py")]

    assert commands.index("hf auth login") < commands.index("hf jobs uv run job.py")
    assert {"hf jobs ps", "hf jobs logs JOB_ID", "hf jobs inspect JOB_ID", "hf jobs cancel JOB_ID"} <= {
        *commands
    }


def test_the_app_itself_starts_no_job():
    assert Target.HF_JOBS not in LAUNCHED
    assert Target.HF_JOBS.needs_network
