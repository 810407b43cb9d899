"""How long a run lasts and how its learning rate moves, also when its length is changed on purpose."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import RunConfig
from trainer_image.events import Metrics, Notice, Problem, Started
from trainer_image.schedule import warmup_steps

from . import tiny

Train = Callable[..., tiny.Ran]


@pytest.mark.parametrize(
    ("settings", "total", "steps"),
    [
        ({}, 100, 0),
        ({"warmup_steps": 7}, 100, 7),
        ({"warmup_ratio": 0.1}, 100, 10),
        ({"warmup_ratio": 0.1}, 101, 11),
        ({"warmup_ratio": 0.3}, 10, 3),
        ({"warmup_ratio": 0.001}, 10, 1),
    ],
)
def test_a_share_of_warm_up_is_worked_out_in_steps(settings: dict[str, Any], total: int, steps: int) -> None:
    assert warmup_steps(RunConfig(base_model="x", **settings), total) == steps


def test_warm_up_in_steps_and_as_a_share_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        RunConfig(base_model="x", warmup_steps=1, warmup_ratio=0.1)


def test_the_guides_preset_can_be_written_down() -> None:
    config = RunConfig(
        base_model="x", num_epochs=3, per_device_batch_size=1, gradient_accumulation_steps=8,
        learning_rate=2e-4, lr_scheduler="cosine", warmup_ratio=0.1, precision="bfloat16",
        gradient_checkpointing=True, optimizer="adamw_8bit", save_steps=100, keep_checkpoints=2,
    )  # fmt: skip

    assert config.effective_batch_size == 8


@pytest.mark.training
def test_the_rate_rises_over_the_share_and_then_falls(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    folder = tiny.make_run(
        tmp_path / "run",
        tiny_model,
        warmup_ratio=0.25,
        lr_scheduler="linear",
        validation="off",
        offline=False,
    )

    ran = train_here(folder)

    rates = [event.learning_rate for event in ran.of(Metrics)]
    assert len(rates) == 12
    assert rates[:4] == pytest.approx([0, 5e-3 / 3, 1e-2 / 3, 5e-3])
    assert rates[-1] == pytest.approx(5e-3 / 9)


@pytest.mark.training
@pytest.mark.parametrize("optimizer", ["adamw_8bit", "paged_adamw_8bit", "sgd"])
def test_the_optimiser_is_the_one_chosen(
    tiny_model: Path, tmp_path: Path, train_here: Train, optimizer: str
) -> None:
    import torch  # noqa: PLC0415

    folder = tiny.make_run(
        tmp_path / "run", tiny_model, optimizer=optimizer, max_steps=4, validation="off", offline=False
    )

    ran = train_here(folder)

    assert ran.code == 0
    losses = list(tiny.losses(ran).values())
    assert losses[-1] < losses[0]
    state = torch.load(folder / "checkpoints" / "samples_16" / "optimizer.pt", weights_only=False)["state"]
    kept = {name for values in state.values() for name, value in values.items() if value is not None}
    assert ("__bnb_optimizer_quant_state__" in kept) == ("8bit" in optimizer)
    assert "exp_avg" not in kept


@pytest.mark.training
def test_a_run_made_longer_on_purpose_goes_on_by_the_new_schedule(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415

    folder = tiny.make_run(tmp_path / "run", tiny_model, validation="off", offline=False)
    assert train_here(folder).code == 0
    config = json.loads((folder / "config.json").read_text())
    used: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        used.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    longer = config | {"num_epochs": 9, "keep_checkpoints": 5, "save_steps": 3}
    (folder / "config.json").write_text(json.dumps(longer))

    refused = train_here(folder, "--resume")
    ran = train_here(folder, "--resume", "--extend")

    assert refused.code == 1
    assert "num_epochs" in refused.of(Problem)[0].message
    assert "--extend" in refused.of(Problem)[0].hint
    assert ran.code == 0
    (said,) = [notice.message for notice in ran.of(Notice) if "new schedule" in notice.message]
    assert "12 steps and now has 18" in said
    assert ran.result.step == ran.result.total_steps == 18
    rates = {event.step: event.learning_rate for event in ran.of(Metrics)}
    # Cosine over all 18, the first step at its beginning; what is said is what the optimiser used.
    expected = [5e-3 * 0.5 * (1 + math.cos(math.pi * (at - 1) / 18)) for at in range(13, 19)]
    assert [rates[at] for at in range(13, 19)] == pytest.approx(expected)
    assert used == pytest.approx(expected)


@pytest.mark.training
def test_an_extended_run_that_dies_before_its_next_checkpoint_goes_on_to_the_new_length_by_a_plain_resume(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer_image import loop  # noqa: PLC0415

    folder = tiny.make_run(tmp_path / "run", tiny_model, validation="off", offline=False, max_steps=4)
    assert train_here(folder).code == 0
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_steps": 6}))

    def die(_: object) -> None:
        raise RuntimeError("the power is gone, says the test")

    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "report_plan", die)
        died = train_here(folder, "--resume", "--extend")
    ran = train_here(folder, "--resume")
    (folder / "config.json").write_text(json.dumps(config | {"max_steps": 7}))
    refused = train_here(folder, "--resume")

    assert died.code == 1
    assert ran.code == 0
    assert [s.resumed_from_step for s in ran.of(Started)][:3] == [None, 4, 4]
    assert ran.of(Metrics)[-1].total_steps == 6
    assert refused.code == 1  # nobody asked for that length


@pytest.mark.training
def test_a_run_cannot_be_made_shorter_than_it_is(tiny_model: Path, tmp_path: Path, train_here: Train) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, validation="off", offline=False)
    assert train_here(folder).code == 0
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_steps": 5}))

    ran = train_here(folder, "--resume", "--extend")

    assert ran.code == 1
    assert "has made 12 steps, and is now to have only 5" in ran.result.message
