"""The one command starts as many processes as the config asks for, and they train as one does."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import launching, train
from trainer_image.config import RunConfig
from trainer_image.estimating import checkpoint_space
from trainer_image.events import CheckpointSaved, Ended, Metrics, Phase, Plan, Problem, Started

from . import tiny

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun"),
]
Train = Callable[..., tiny.Ran]
TWO = {"nproc_per_node": 2}


ASKS_FOR_SMALLER_PARTS = """
import os, pathlib
folder, rank = pathlib.Path(os.environ["TUNEWRIGHT_RANKS"]), os.environ["RANK"]
if '"limit":2' in os.environ.get("TUNEWRIGHT_FOUND_MEMORY", ""):
    (folder / f"{rank}.exit").write_text("0")
else:
    (folder / f"{rank}.memory").write_text('{"limit": %s}' % (3 - int(rank)))
    os._exit(75)
"""
"""What is found is the smaller of 3 and 2."""


def lines(count: int = 32) -> list[str]:
    return [
        json.dumps({"prompt": f"What is {n}?", "completion": "It is " + "so " * (n % 7)})
        for n in range(count)
    ]


def settings(**more: Any) -> dict[str, Any]:
    """Sixteen steps of eight examples, on one process with four batches a step, or on two with two."""
    return {"lines": lines(), "num_epochs": 4, "validation": "off", "save_steps": 4} | more


def test_two_processes_stopped_and_resumed_have_the_loss_curve_of_one(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    alone = settings(gradient_accumulation_steps=4, offline=False)
    one = train_here(tiny.make_run(tmp_path / "one", tiny_model, **alone))
    folder = tiny.make_run(tmp_path / "two", tiny_model, **settings(distributed=TWO))

    first = tiny.start(folder)
    tiny.wait_for(first, lambda line: "Checkpoint saved" in line)
    first.send_signal(signal.SIGTERM)
    stopped = tiny.finish(first, folder)

    assert stopped.code == 3, stopped.log
    assert stopped.result.status == "stopped"
    last = stopped.of(Metrics)[-1].step
    assert 4 <= last < 16
    assert stopped.of(CheckpointSaved)[-1].step == last

    finished = tiny.run(folder, "--resume")

    assert finished.code == 0, finished.log
    assert [(s.attempt, s.resumed_from_step) for s in finished.of(Started)] == [(1, None), (2, last)]
    assert finished.of(Plan)[0].effective_batch_size == one.of(Plan)[0].effective_batch_size == 8
    assert [event.status for event in finished.of(Ended)] == ["stopped", "finished"]
    ours, theirs = tiny.losses(finished), tiny.losses(one)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    assert (folder / "output" / "model.safetensors").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize(
    ("method", "is_starter_killed"),
    [({"kind": "sft"}, False), ({"kind": "lora", "lora_r": 4}, True)],
    ids=["sft", "lora"],
)
def test_a_model_in_parts_whose_processes_are_killed_and_resumed_has_the_loss_curve_of_one(
    tiny_model: Path,
    tmp_path: Path,
    train_here: Train,
    two_processes: Train,
    method: dict[str, Any],
    is_starter_killed: bool,
) -> None:
    both = settings(method=method, offline=False)
    alone = train_here(tiny.make_run(tmp_path / "one", tiny_model, **both, gradient_accumulation_steps=4))
    fsdp = {"distributed": TWO | {"strategy": "fsdp"}}
    folder = tiny.make_run(tmp_path / "parts", tiny_model, **both, **fsdp)

    first = tiny.start(folder)
    tiny.wait_for(first, lambda line: "Checkpoint saved" in line)
    if is_starter_killed:
        first.kill()
    else:
        os.kill(next(p for p in ranks_of(folder) if environment_of(p)["RANK"] == "1"), signal.SIGKILL)
    killed = tiny.finish(first, folder)  # the log ends when the last process that holds it has ended

    assert not ranks_of(folder)
    if not is_starter_killed:
        assert (killed.code, killed.result.status) == (1, "failed")
        assert "ended without a word" in killed.result.message
        assert killed.of(Ended)[-1].status == "failed"

    ran = two_processes(folder, "--resume")

    assert ran.code == 0, ran.log
    assert ran.of(Started)[-1].resumed_from_step
    kept = newest_checkpoint(folder)
    tensors = [*kept.glob("*model.safetensors"), kept / "pytorch_model_fsdp.bin", kept / "optimizer.bin"]
    config = RunConfig.model_validate_json((folder / "config.json").read_bytes())
    predicted, _ = checkpoint_space(str(tiny_model), config)
    written, nearly = sum(file.stat().st_size for file in tensors), 0.06 if method["kind"] == "sft" else 0.35
    assert predicted == pytest.approx(written, rel=nearly)
    ours, theirs = tiny.losses(ran), tiny.losses(alone)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    shapes = [
        {name: tensor.shape for name, tensor in tiny.load_weights(run.folder / "output").items()}
        for run in (ran, alone)
    ]
    assert shapes[0] == shapes[1]


def newest_checkpoint(folder: Path) -> Path:
    return max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name.partition("_")[2]))


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "ddp"},
        {"strategy": "ddp", "packing": True},
        {"strategy": "fsdp", "packing": True},
        {"strategy": "ddp", "max_tokens_per_gpu": "auto"},
        {"strategy": "fsdp", "max_tokens_per_gpu": 96},
    ],
    ids=str,
)
def test_rows_that_do_not_come_out_even_are_learnt_as_by_one_process_each_of_them_once(
    tiny_model: Path, tmp_path: Path, train_here: Train, two_processes: Train, settings: dict[str, Any]
) -> None:
    strategy = settings.pop("strategy")
    both = {"lines": lines(13), "validation": "off", "num_epochs": 3, "max_seq_len": 48, "offline": False}
    alone = train_here(
        tiny.make_run(tmp_path / "one", tiny_model, **both | settings, gradient_accumulation_steps=4)
    )

    ran = two_processes(
        tiny.make_run(
            tmp_path / "two", tiny_model, **both | settings, distributed=TWO | {"strategy": strategy}
        )
    )

    assert ran.code == 0, ran.log
    ours, theirs = ran.of(Metrics), alone.of(Metrics)
    assert [m.samples_seen for m in ours] == [8, 13, 21, 26, 34, 39]
    assert [m.tokens_seen for m in ours] == [m.tokens_seen for m in theirs]
    assert ours[0].loss == pytest.approx(theirs[0].loss, rel=1e-6)  # of the same weights
    assert max(abs(one.loss - other.loss) for one, other in zip(ours, theirs, strict=True)) < 1e-5
    norms = zip([m.grad_norm for m in ours], [m.grad_norm for m in theirs], strict=True)
    assert all(one == pytest.approx(other, rel=1e-4) for one, other in norms)
    assert ran.of(Plan)[0].num_rows == 13


def test_osft_in_two_processes_leaks_nothing_and_has_the_curve_of_one(
    tiny_model: Path, tmp_path: Path, train_here: Train, two_processes: Train
) -> None:
    both = settings(method={"kind": "osft"}, num_epochs=2, offline=False)
    alone = train_here(tiny.make_run(tmp_path / "one", tiny_model, **both, gradient_accumulation_steps=4))

    ran = two_processes(tiny.make_run(tmp_path / "two", tiny_model, **both))

    assert ran.code == 0, ran.log
    assert len(ran.of(Started)) == 1
    ours, theirs = tiny.losses(ran), tiny.losses(alone)
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    # AdamW's steps are the same for gradients twice as large: only their norm tells.
    norms = [[metrics.grad_norm for metrics in run.of(Metrics)] for run in (ran, alone)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)
    parts = tiny.load_weights(newest_checkpoint(ran.folder))
    layers = [name.removesuffix("U_low") for name in parts if name.endswith("U_low")]
    assert len(layers) == 14
    for layer in layers:
        u_high, u_low = parts[layer + "U_high"], parts[layer + "U_low"]
        v_high, v_low = parts[layer + "V_high"], parts[layer + "V_low"]
        assert float((u_high.T @ u_low).norm() / u_low.norm()) < 1e-6
        assert float((v_low @ v_high.T).norm() / v_low.norm()) < 1e-6


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ({"method": {"kind": "osft"}}, "OSFT cannot be trained in parts"),
        ({"method": {"kind": "lora", "load_in_4bit": True}}, "4 or 8 bits cannot be trained in parts"),
        ({"optimizer": "adamw_8bit"}, "8-bit optimisers cannot be trained in parts"),
    ],
)
def test_what_cannot_be_in_parts_is_refused_before_anything_is_loaded(
    tmp_path: Path, refused: dict[str, Any], words: str, train_here: Train
) -> None:
    folder = tiny.make_run(tmp_path / "run", "a/model", distributed={"strategy": "fsdp"}, **refused)

    ran = train_here(folder)

    assert ran.code == 1
    assert words in ran.of(Problem)[0].message


def test_splitting_a_model_without_several_gpus_is_refused_before_it_loads(
    tmp_path: Path, tiny_model: Path, train_here: Train
) -> None:
    folder = tiny.make_run(
        tmp_path / "run", tiny_model, distributed={"enable_model_splitting": True}, offline=False
    )

    ran = train_here(folder)

    assert ran.code == 1
    assert "spreads a model over several GPUs, and there are none" in ran.of(Problem)[0].message
    assert "load_model" not in {phase.name for phase in ran.of(Phase)}


@pytest.mark.parametrize(
    ("asked", "in_sight"),
    [
        ({}, "0"),
        ({"distributed": {"enable_model_splitting": True}}, "0,1"),
        ({"backend": "instructlab-training", "method": {"kind": "sft"}}, "0,1"),
    ],
)
def test_only_what_uses_several_gpus_sees_them(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], in_sight: str
) -> None:
    for name in ("TOKENIZERS_PARALLELISM", "PYTORCH_CUDA_ALLOC_CONF", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")  # to be put back
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "TQDM_DISABLE"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    train.set_environment(RunConfig(base_model="x", **asked))

    assert os.environ["CUDA_VISIBLE_DEVICES"] == in_sight


def test_a_first_process_that_says_nothing_is_spoken_for(tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text("import os; os._exit(9)")

    code = launching.start(launching.Spread(2), program, [], tmp_path, attempt=4)

    ran = tiny.Ran(tmp_path, code, "")
    assert (code, ran.result.status, ran.result.attempt) == (1, "failed", 4)
    assert "ended without a word" in ran.of(Problem)[0].message


def test_processes_that_ask_for_it_are_started_again_with_what_was_found(tmp_path: Path) -> None:
    program = tmp_path / "asks.py"
    program.write_text(ASKS_FOR_SMALLER_PARTS)

    assert launching.start(launching.Spread(2), program, [], tmp_path, attempt=4) == 0
    assert not (tmp_path / "result.json").exists()


def ranks_of(folder: Path) -> list[int]:
    """Processes that train the run, by torchrun."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(folder) in command and "torch.distributed.run" not in command:
            found.append(int(proc.name))
    return [pid for pid in found if "LOCAL_RANK" in environment_of(pid)]


def environment_of(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    except OSError:
        return {}
    return dict(line.partition("=")[::2] for line in lines)
