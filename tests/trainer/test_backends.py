"""Other people's trainers as backends: refused in time where they can't run, told everything, read back."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import backends, engines
from trainer_image.backends import instructlab, mini_trainer, running
from trainer_image.config import Lora, Osft, RunConfig, Sft
from trainer_image.events import Metrics, Problem, parse_event
from trainer_image.launching import Spread
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.stopping import StopRequest

from . import tiny
from .prepared import tokens_of

SFT = {"backend": "instructlab-training", "method": Sft(), "validation": "off", "learning_rate": 1e-5}
OSFT = {"backend": "mini-trainer", "weight_decay": 0.0}

MINI_ROW = {
    "step": 2, "epoch": 0, "steps_per_epoch": 4, "lr": 1e-5, "grad_norm": 0.7, "loss": 1.5,
    "avg_loss_backward": 1.4, "num_samples": 8, "tokens_per_second": 900.5, "total_samples_accumulated": 16,
    "total_tokens_accumulated": 4000, "peak_memory_usage_GB": 12.5, "val_loss": 1.1,
}  # fmt: skip
INSTRUCTLAB_ROW = {
    "epoch": 0, "step": 2, "rank": 0, "overall_throughput": 3.5, "lr": 1e-5, "cuda_mem_allocated": 12.5,
    "num_loss_counted_tokens": 99, "avg_loss": 1.5, "samples_seen": 16, "gradnorm": 0.7,
}  # fmt: skip


def config(**settings: Any) -> RunConfig:
    return RunConfig(base_model="a/model", **settings)


def osft(ratio: float = 0.5, **settings: Any) -> RunConfig:
    method = Osft(unfreeze_rank_ratio=ratio, train_rest=True, **settings.pop("method", {}))
    return config(**OSFT, method=method, **settings)


def build(made: RunConfig, *, processes: int = 8, has_validation: bool = False) -> dict[str, Any]:
    backend = backends.EXTERNAL[made.backend]
    backend.require_expressible(made)
    built = backend.arguments(
        made, "/models/a", Path("/run/backend"), processes=processes, warmup=7, has_validation=has_validation
    )
    assert set(built) <= backend.FIELDS
    return built


def test_sft_is_told_everything_in_instructlabs_words() -> None:
    built = build(
        config(**SFT, per_device_batch_size=2, gradient_accumulation_steps=4, max_seq_len=512, num_epochs=3)
    )

    assert built["effective_batch_size"] == 2 * 4 * 8
    assert built["max_batch_len"] == 1024 >= built["max_seq_len"] == 512
    assert (built["num_epochs"], built["learning_rate"], built["warmup_steps"]) == (3, 1e-5, 7)
    assert (built["random_seed"], built["adamw_weight_decay"]) == (3407, 0.01)
    assert built["data_output_dir"] == "/run/backend"
    assert built["process_data"] is False


def test_something_is_always_saved_and_never_the_full_state() -> None:
    built = build(config(**SFT))

    assert built["checkpoint_at_epoch"] is True
    assert built["accelerate_full_state_at_epoch"] is False


@pytest.mark.parametrize(("ratio", "is_osft"), [(0.25, True), (0.5, True), (1.0, False)])
def test_the_ratio_arrives_as_it_is_and_at_one_nothing_is_frozen(ratio: float, is_osft: bool) -> None:
    built = build(osft(ratio))

    assert (built["osft_unfreeze_rank_ratio"], built["osft"]) == (ratio, is_osft)


def test_osft_is_told_its_steps_layers_and_validation() -> None:
    made = osft(method={"target_patterns": ("mlp.up_proj",)}, max_steps=30, eval_steps=5, eval_at_epoch=True)

    built = build(made, processes=2, has_validation=True)

    assert (built["training_mode"], built["max_steps"]) == ("step", 30)
    assert built["osft_target_patterns"] == ["mlp.up_proj"]
    assert built["batch_size"] == 2 * 4 * 2
    assert built["validation_data_path"] == "/run/backend/validation.jsonl"
    assert (built["validation_frequency"], built["validate_at_epoch"]) == (5, True)


def test_further_arguments_go_through() -> None:
    assert build(config(**SFT, backend_args={"use_liger": True}))["use_liger"] is True


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (config(**SFT, backend_args={"use_ligar": True}), "knows no argument 'use_ligar'; .* 'use_liger'"),
        (config(**SFT, backend_args={"num_epochs": 2}), "'num_epochs' is decided by the run's num_epochs"),
        (config(**SFT, backend_args={"lr_scheduler": "linear"}), "knows no argument 'lr_scheduler'"),
        (config(**SFT, lr_scheduler="linear"), "cannot do lr_scheduler = 'linear'; it has 'cosine' only"),
        (config(**SFT, max_steps=9), "cannot do max_steps = 9"),
        (config(**SFT | {"validation": "share"}), "cannot do validation = 'share'"),
        (osft(backend_args={"beta1": 0.8}), "takes the argument 'beta1' and does not pass it on"),
        (osft(method={"target_patterns": ("q|k",)}), "'q|k' is a regular expression"),
        (config(**OSFT, method=Osft()), "cannot do method.train_rest = False"),
        (config(**SFT), "instructlab-training is not installed here"),
        (osft(), "mini-trainer is not installed here"),
    ],
)  # fmt: skip
def test_nothing_is_dropped_in_silence(made: RunConfig, words: str) -> None:
    with pytest.raises(RunFailedError, match=words.replace("|", r"\|")):
        backends.require_possible(made, device="cuda", resume=False)


@pytest.mark.parametrize(
    ("backend", "method", "only"),
    [("mini-trainer", Sft(), "osft"), ("instructlab-training", Osft(), "sft"), ("unsloth", Sft(), "lora")],
)
def test_a_backend_trains_its_own_method_only(backend: str, method: Any, only: str) -> None:
    with pytest.raises(ValueError, match=f"trains the method '{only}' only"):
        config(backend=backend, method=method)


def test_the_refusal_comes_before_any_library_is_loaded_and_names_native(tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", "a/model", backend="instructlab-training", validation="off")

    ran = tiny.run(folder)

    assert ran.code == 1
    (problem,) = ran.of(Problem)
    assert problem.message == "The package instructlab-training is not installed here."
    assert "'native'" in problem.hint
    assert "Reading the data" not in ran.log


@pytest.mark.training
def test_whoever_insists_on_unsloth_is_told_why_it_cannot_be() -> None:
    with pytest.raises(
        RunFailedError, match="backend unsloth cannot train this run: Unsloth is not installed"
    ):
        engines.choose(config(backend="unsloth", method=Lora()))


@pytest.mark.parametrize(("backend", "row"), [(instructlab, INSTRUCTLAB_ROW), (mini_trainer, MINI_ROW)])
def test_their_metrics_become_our_events(backend: Any, row: dict[str, Any]) -> None:
    event = backend.event_of(row, 40)

    assert isinstance(event, Metrics)
    assert (event.step, event.total_steps, event.loss, event.learning_rate) == (2, 40, 1.5, 1e-5)
    assert (event.grad_norm, event.samples_seen, event.gpu_memory_gb) == (0.7, 16, 12.5)
    assert backend.event_of({"model_name_or_path": "a line of parameters"}, 40) is None


def test_rows_are_written_as_they_read_them(tmp_path: Path) -> None:
    rows = tokens_of([(5, False), (6, True), (7, True)])
    rows.validation = tokens_of([(8, True), (9, True)])

    running.write_rows(tmp_path / "backend", rows)

    read = {path.name: json.loads(path.read_text()) for path in (tmp_path / "backend").iterdir()}
    assert read == {
        "data.jsonl": {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "len": 3},
        "validation.jsonl": {"input_ids": [8, 9], "labels": [8, 9], "len": 2},
    }


def test_torchrun_is_told_one_way_to_meet() -> None:
    by_address = running.torchrun_arguments(Spread(8, 2, 1, master_addr="one", master_port=29501))
    by_rendezvous = running.torchrun_arguments(Spread(8, 2, 1, rdzv_id="r", rdzv_endpoint="one:29400"))

    assert (by_address["master_addr"], by_address["master_port"]) == ("one", 29501)
    assert not by_address["rdzv_endpoint"]
    assert (by_rendezvous["rdzv_endpoint"], by_rendezvous["rdzv_id"]) == ("one:29400", "r")
    assert "master_addr" not in by_rendezvous
    assert (by_rendezvous["nproc_per_node"], by_rendezvous["nnodes"], by_rendezvous["node_rank"]) == (8, 2, 1)


STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with open(folder / "training_metrics_0.jsonl", "w") as file:
    for step in range(1, 4):
        row = json.loads(sys.argv[2]) | {"step": step}
        file.write(json.dumps(row) + "\\n")
    file.write('{"step": 4, "lo')
for name in ("samples_8.0", "samples_16.0"):
    saved = folder / "hf_format" / name
    saved.mkdir(parents=True)
    (saved / "config.json").write_text(name)
sys.exit(int(sys.argv[3]))
"""
"""Leaves the files that mini-trainer leaves."""


@pytest.fixture
def follow(tmp_path: Path) -> Callable[[int], Metrics | None]:
    (tmp_path / "backend").mkdir()

    def run(code: int) -> Metrics | None:
        command = [sys.executable, "-c", STAND_IN, str(tmp_path / "backend"), json.dumps(MINI_ROW), str(code)]
        reporter, stop = Reporter(tmp_path), StopRequest(lambda: None)
        return running.follow(command, mini_trainer, tmp_path / "backend", 3, reporter, stop)

    return run


def test_a_backends_figures_are_reported_and_its_newest_model_is_the_result(
    follow: Callable[[int], Metrics | None], tmp_path: Path
) -> None:
    last = follow(0)
    running.take_result(tmp_path / "backend", tmp_path)

    events = [parse_event(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [event.step for event in events if isinstance(event, Metrics)] == [1, 2, 3]
    assert last is not None
    assert last.step == 3
    assert (tmp_path / "output" / "config.json").read_text() == "samples_16.0"


def test_a_backend_that_fails_fails_the_run(follow: Callable[[int], Metrics | None]) -> None:
    with pytest.raises(RunFailedError, match="mini-trainer failed with exit code 7"):
        follow(7)


def test_a_backend_that_saves_nothing_has_no_result(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match="saved no model"):
        running.take_result(tmp_path, tmp_path)
