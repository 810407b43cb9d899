"""What a curve is said to mean, and that nothing is said where that does not hold."""

import math

import pytest

from app.domain.coach import Advice, Finish, NewRun, Show, advise
from app.domain.runs import RunStatus
from app.ui.training.run.plots import kinds_of
from tests.domain.curves_by_hand import CONFIG, falling, measured, metrics
from trainer_image.config import Lora, RunConfig, Sft

WHOLE = RunConfig(base_model="Qwen/Qwen3-0.6B-Base", method=Sft(), unmask_messages=True, num_epochs=3)
RISING = measured((20, 1.9), (40, 1.5), (60, 1.6), (80, 1.7), (100, 1.8))


def said(config=CONFIG, steps=(), measurements=(), *, is_live=True, status=None) -> dict[str, Advice]:
    status = status or (RunStatus.RUNNING if is_live else RunStatus.FINISHED)
    return {advice.rule: advice for advice in advise(config, steps, measurements, status)}


def test_a_healthy_curve_is_left_alone():
    falls = measured((50, 2.0), (100, 1.6), (150, 1.5), (200, 1.4))
    assert said(steps=metrics(falling(200), total=400), measurements=falls) == {}
    assert said(steps=[]) == {}


def test_a_rising_validation_loss_names_the_best_step_and_can_finish_with_it():
    advice = said(steps=metrics(falling(100), total=400), measurements=RISING)["evaluation-rises"]

    assert (advice.first, advice.last) == (40, 100)
    assert "step 40 (1.500) to step 100 (1.800)" in advice.text
    assert advice.steps == (Finish("Finish with the model of step 40"),)


def test_two_rises_or_a_training_loss_that_rises_too_are_no_overfitting():
    steps = metrics(falling(100), total=400)
    assert "evaluation-rises" not in said(steps=steps, measurements=RISING[:-1])
    worse = metrics([*falling(50), *([3.0] * 50)], total=400)
    assert "evaluation-rises" not in said(steps=worse, measurements=RISING)


def test_the_base_model_is_no_candidate_for_the_best_step():
    steps = metrics(falling(100))
    rising = measured((0, 1.4), (40, 1.5), (60, 1.6), (80, 1.7), (100, 1.8))
    too_few = measured((0, 1.4), (20, 1.5), (40, 1.6), (60, 1.7))

    assert "that of step 40" in said(steps=steps, measurements=rising)["evaluation-rises"].text
    assert "evaluation-rises" not in said(steps=steps, measurements=too_few)


def test_where_the_result_is_the_last_model_a_shorter_run_is_offered_once_it_has_ended():
    config = CONFIG.model_copy(update={"load_best": False})

    [step] = said(config, metrics(falling(100)), RISING, is_live=False)["evaluation-rises"].steps

    assert isinstance(step, NewRun)
    assert (step.config.max_steps, step.config.load_best) == (40, True)


def test_the_best_model_is_the_result_of_a_finished_run_but_not_of_a_stopped_one():
    steps = metrics(falling(100))

    finished = said(CONFIG, steps, RISING, status=RunStatus.FINISHED)["evaluation-rises"]
    stopped = said(CONFIG, steps, RISING, status=RunStatus.STOPPED)["evaluation-rises"]

    assert finished.text.endswith("that of step 40, which is the result.")
    assert finished.steps == ()
    assert [step.config.max_steps for step in stopped.steps] == [40]


def test_a_flat_loss_over_the_first_fifty_steps_offers_the_rates_of_the_guide():
    advice = said(steps=metrics([2.5] * 50, total=400))["loss-is-flat"]

    assert (advice.first, advice.last) == (1, 50)
    assert [step.config.learning_rate for step in advice.steps] == [1e-4, 5e-5]
    assert "from step 1 to step 50" in advice.text.lower()


def test_a_rate_in_use_is_not_offered_again_and_warm_up_does_not_count():
    config = CONFIG.model_copy(update={"learning_rate": 1e-4, "warmup_steps": 20})
    flat = [2.5] * 69
    assert "loss-is-flat" not in said(config, metrics(flat, total=400))

    advice = said(config, metrics([*flat, 2.5], total=400))["loss-is-flat"]

    assert (advice.first, advice.last) == (21, 70)
    assert [step.config.learning_rate for step in advice.steps] == [5e-5]


def test_a_loss_that_falls_later_or_is_low_from_the_beginning_is_not_called_flat():
    assert "loss-is-flat" not in said(steps=metrics([*[2.5] * 60, *falling(200)], total=400))
    assert "loss-is-flat" not in said(steps=metrics([0.3] * 60, total=400))


def test_a_loss_known_by_heart_is_pointed_out_unless_what_is_kept_aside_is_as_easy():
    steps = metrics([*falling(60), *([0.05] * 40)], total=400)

    advice = said(steps=steps, measurements=measured((100, 1.5)))["loss-far-below"]

    assert (advice.first, advice.last) == (61, 100)
    assert Finish("Finish here") in advice.steps
    assert "loss-far-below" not in said(steps=steps, measurements=measured((100, 0.06)))


def test_where_the_guides_losses_hold_half_of_them_is_low():
    steps = metrics([*falling(60), *([0.7] * 40)], epochs=1.9)

    advice = said(WHOLE, steps)["loss-far-below"]

    assert "1.5 to 2 the guide expects" in advice.text
    assert [s.config.num_epochs for s in advice.steps if isinstance(s, NewRun)] == [2]
    masked = WHOLE.model_copy(update={"unmask_messages": False})
    assert "loss-far-below" not in said(masked, steps), "the guide's numbers do not hold for answers only"


def test_a_gradient_that_explodes_asks_for_a_tenth_of_the_rate():
    grown = metrics(falling(60), total=400, grad_norm=lambda step: 80.0 if step > 55 else 1.0)

    advice = said(steps=grown)["gradient-explodes"]

    assert (advice.first, advice.last) == (56, 60)
    assert advice.steps[0].config.learning_rate == pytest.approx(2e-5)
    assert advice.steps[1] == Show("Show the gradient", "gradient")
    nan = metrics(falling(60), total=400, grad_norm=lambda step: math.nan if step > 55 else 1.0)
    assert "gradient-explodes" in said(steps=nan)
    once = metrics(falling(60), total=400, grad_norm=lambda step: 80.0 if step == 58 else 1.0)
    assert "gradient-explodes" not in said(steps=once)


def test_three_jumps_of_the_loss_are_advice_and_two_are_not():
    losses = [1.0] * 100
    losses[40] = losses[60] = 3.0
    assert "loss-spikes" not in said(steps=metrics(losses, total=400))

    losses[80] = 3.0

    advice = said(steps=metrics(losses, total=400))["loss-spikes"]
    assert (advice.first, advice.last) == (41, 81)


def test_an_adapter_that_learnt_little_by_the_end_is_offered_higher_ranks_with_the_same_scale():
    config = CONFIG.model_copy(update={"method": Lora(lora_r=16, lora_alpha=32)})
    steps = metrics([2.5 - 0.002 * n for n in range(100)])

    advice = said(config, steps, is_live=False)["underfits"]

    assert [(s.config.method.lora_r, s.config.method.lora_alpha) for s in advice.steps] == [
        (32, 64),
        (64, 128),
    ]
    assert "underfits" not in said(config, metrics(falling(100)), is_live=False)
    assert "underfits" not in said(config, metrics([m.loss for m in steps], total=400))
    assert "underfits" not in said(config.model_copy(update={"method": Sft()}), steps, is_live=False)


def test_half_the_speed_of_the_beginning_is_told_while_it_runs():
    slow = metrics(falling(100), total=400, tokens_per_second=lambda step: 900.0 if step < 60 else 300.0)

    assert said(steps=slow)["slower"].steps[0] == Show("Show the speed", "speed")
    assert "slower" not in said(steps=slow, is_live=False)


@pytest.mark.parametrize(
    ("facts", "is_blamed", "is_shown"),
    [
        ({}, False, False),
        ({"gpu_memory_gb": 7.0}, True, False),
        ({"gpu_memory_gb": 7.0, "gpu_temperature": 80.0}, True, True),
    ],
)
def test_a_gpu_is_blamed_for_slowness_where_there_is_one_and_shown_where_it_can_be_seen(
    facts, is_blamed, is_shown
):
    slow = metrics(
        falling(100), total=400, tokens_per_second=lambda step: 900.0 if step < 60 else 300.0, **facts
    )

    advice = said(steps=slow)["slower"]

    assert ("GPU" in advice.text) == is_blamed
    assert ("processor" in advice.text) != is_blamed
    charts = {kind for kind, _ in kinds_of(slow)}
    assert {step.chart for step in advice.steps} <= charts
    assert (Show("Show the GPU", "gpu") in advice.steps) == is_shown


@pytest.mark.parametrize("told", [0, 5, 40])
def test_a_gradient_that_is_no_number_from_some_step_on_breaks_nothing(told):
    steps = metrics(falling(100), total=400, grad_norm=lambda step: 1.0 if step <= told else math.nan)

    assert ("gradient-explodes" in said(steps=steps)) == (told > 0)


def test_a_trainer_that_takes_no_wishes_is_not_asked_to_finish():
    config = CONFIG.model_copy(update={"method": Sft(), "backend": "instructlab-training"})

    [step] = said(config, metrics(falling(100), total=400), RISING)["evaluation-rises"].steps

    assert isinstance(step, NewRun)
