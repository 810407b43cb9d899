"""Whole runs of `train.py` as the app starts it."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import math
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.events import CheckpointSaved, Ended, Metrics, Phase, Plan, Rows, Started

from . import tiny

pytestmark = pytest.mark.training


@pytest.mark.parametrize("name", ["sft_run", "lora_run"])
def test_a_run_learns_and_reports_how(name: str, request: pytest.FixtureRequest) -> None:
    ran: tiny.Ran = request.getfixturevalue(name)

    assert ran.code == 0, ran.log
    assert ran.result.status == "finished"
    losses = list(tiny.losses(ran).values())
    assert sum(losses[-4:]) / 4 < 0.75 * losses[0]
    assert ran.result.final_loss == losses[-1]
    assert ran.result.step == ran.result.total_steps == len(losses)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the OpenMP that PyTorch has on Linux")
def test_threads_of_a_run_that_wait_for_each_other_sleep(tmp_path: Path, tiny_model: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=1)

    ran = tiny.run(folder, env=tiny.environment(OMP_DISPLAY_ENV="VERBOSE"))

    assert ran.code == 0, ran.log
    assert "GOMP_SPINCOUNT = '0'" in ran.log


def test_a_run_reports_each_stage_in_order(sft_run: tiny.Ran) -> None:
    phases = [event.name for event in sft_run.of(Phase)]

    assert phases == ["load_data", "load_model", "prepare", "train", "save", "done"]
    assert isinstance(sft_run.events[0], Started)
    assert sft_run.events[0].attempt == sft_run.result.attempt == 1
    assert sft_run.events[0].versions["torch"]
    assert isinstance(sft_run.events[-1], Ended)
    (plan,) = sft_run.of(Plan)
    assert (plan.total_steps, plan.num_rows, plan.effective_batch_size) == (12, 8, 4)
    assert plan.trainable_parameters == plan.parameters > 100_000
    (rows,) = sft_run.of(Rows)
    assert rows.buckets == {"trained": 8}


def test_the_first_event_comes_before_any_training_library_is_loaded(sft_run: tiny.Ran) -> None:
    created = (sft_run.folder / "config.json").stat().st_mtime

    assert sft_run.events[0].time - created < 1.5


def test_what_the_allocator_reads_is_there_before_torch_is_imported() -> None:
    words = (
        "import os, sys; from trainer_image import train; from trainer_image.config import RunConfig; "
        "train.set_environment(RunConfig(base_model='x')); "
        "print(os.environ['PYTORCH_CUDA_ALLOC_CONF'], 'torch' in sys.modules)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", words], cwd=tiny.TRAIN.parents[1], capture_output=True, text=True, check=True
    )

    assert ran.stdout.split() == ["expandable_segments:True", "False"]


def test_each_step_counts_samples_tokens_and_time(sft_run: tiny.Ran) -> None:
    metrics = sft_run.of(Metrics)

    assert [m.step for m in metrics] == list(range(1, 13))
    assert [m.samples_seen for m in metrics] == [4 * step for step in range(1, 13)]
    words = tiny.tokenizer()
    per_epoch = sum(
        len(words.apply_chat_template(row["messages"], tokenize=True)["input_ids"]) for row in tiny.rows()
    )
    assert metrics[-1].tokens_seen == 6 * per_epoch
    assert [m.eta_seconds is None for m in metrics[:4]] == [True, True, True, False]
    assert metrics[-1].eta_seconds == 0
    assert all(m.grad_norm and m.tokens_per_second for m in metrics)
    assert metrics[-1].epoch == 6


def test_the_log_has_lines_for_people_and_no_data(sft_run: tiny.Ran) -> None:
    assert "step 1/12" in sft_run.log
    assert "step 12/12" in sft_run.log
    assert "\r" not in sft_run.log
    assert "it/s]" not in sft_run.log
    assert "river" not in sft_run.log


def test_the_weights_load_with_what_is_needed_to_chat(sft_run: tiny.Ran, tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    output = sft_run.folder / "output"

    model = AutoModelForCausalLM.from_pretrained(output)
    words = AutoTokenizer.from_pretrained(output)

    before = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert not torch.equal(model.lm_head.weight, before.lm_head.weight)
    assert model.config.use_cache is True
    assert words.get_chat_template() == tiny.CHATML
    assert words.convert_tokens_to_ids("<|im_end|>") in model.generation_config.eos_token_id
    assert sft_run.result.output_kind == "weights"


def test_the_adapter_loads_onto_the_base_model_it_names(lora_run: tiny.Ran, tiny_model: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    output = lora_run.folder / "output"

    named = json.loads((output / "adapter_config.json").read_text())["base_model_name_or_path"]
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(named), output)

    assert named == str(tiny_model)
    assert any(p.abs().sum() > 0 for name, p in model.named_parameters() if "lora_B" in name)
    assert AutoTokenizer.from_pretrained(output).get_chat_template() == tiny.CHATML
    assert (output / "generation_config.json").is_file()
    assert lora_run.result.output_kind == "adapter"


def test_other_users_may_read_the_result(sft_run: tiny.Ran) -> None:
    for path in (sft_run.folder / "output").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path


def test_only_the_newest_checkpoints_are_kept_and_each_was_announced(sft_run: tiny.Ran) -> None:
    kept = sorted(path.name for path in (sft_run.folder / "checkpoints").iterdir())

    assert kept == ["samples_32", "samples_48"]
    assert [event.path for event in sft_run.of(CheckpointSaved)] == [
        "checkpoints/samples_16",
        "checkpoints/samples_32",
        "checkpoints/samples_48",
    ]
    assert sft_run.result.checkpoint == "checkpoints/samples_48"


def test_the_trainer_alone_gives_the_same_run_again(
    sft_run: tiny.Ran, tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    alone = tmp_path / "opt" / "trainer_image"
    shutil.copytree(tiny.TRAIN.parent, alone, ignore=shutil.ignore_patterns("__pycache__"))
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import atexit, runpy, sys\n"
        "class No:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        assert name.split('.')[0] not in {'app', 'flet'}, name\n"
        f"sys.meta_path.insert(0, No())\nsys.argv[0] = {str(alone / 'train.py')!r}\n"
        f"runpy.run_path({str(alone / 'train.py')!r}, run_name='__main__')\n"
    )
    folder = tiny.make_run(tmp_path / "run", tiny_model)

    again = tiny.run(folder, train=spy)

    assert again.code == 0, again.log
    assert tiny.losses(again) == tiny.losses(sft_run)
    ours = load_file(folder / "output" / "model.safetensors")
    theirs = load_file(sft_run.folder / "output" / "model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_loss_of_a_step_is_the_mean_over_its_trained_tokens(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    whole_batch = {"per_device_batch_size": 3, "gradient_accumulation_steps": 3, "max_steps": 1}
    folder = tiny.make_run(tmp_path / "run", tiny_model, offline=False, **whole_batch)

    ran = train_here(folder)

    model, words = AutoModelForCausalLM.from_pretrained(tiny_model), tiny.tokenizer()
    total, count = 0.0, 0
    for row in tiny.rows():
        question, answer = row["messages"][0]["content"], row["messages"][1]["content"]
        prompt = words(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n").input_ids
        trained = words(f"{answer}<|im_end|>").input_ids
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *trained]])).logits[0, len(prompt) - 1 : -1]
        total += float(cross_entropy(logits, torch.tensor(trained), reduction="sum"))
        count += len(trained)
    assert math.isclose(tiny.losses(ran)[1], total / count, rel_tol=1e-5)


def test_lora_on_attention_leaves_the_other_layers_alone(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    method = {"kind": "lora", "lora_r": 2, "target_modules": "attention"}
    folder = tiny.make_run(tmp_path / "run", tiny_model, method=method, max_steps=1, offline=False)

    ran = train_here(folder)

    from safetensors.torch import load_file

    assert ran.code == 0
    names = load_file(folder / "output" / "adapter_model.safetensors")
    parts = {name.split(".")[-3] for name in names}
    assert parts == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_a_dataset_that_the_datasets_library_opens_is_trained_on(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    published = tmp_path / "published"
    published.mkdir()
    lines = [json.dumps(row) for row in [*tiny.rows(), {"messages": [{"role": "user", "content": "Hm?"}]}]]
    (published / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    dataset = {"kind": "hub", "repo": str(published), "split": "train"}
    folder = tiny.make_run(tmp_path / "run", tiny_model, dataset=dataset, max_steps=1, offline=False)

    ran = train_here(folder)

    (rows,) = ran.of(Rows)
    assert rows.buckets == {"trained": 8, "malformed": 1}
    assert rows.refused[0].line == 9


def test_bfloat16_and_gradient_checkpointing_train_to_nearly_the_same(
    sft_run: tiny.Ran, tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tiny.make_run(
        tmp_path / "run", tiny_model, precision="bfloat16", gradient_checkpointing=True, offline=False
    )

    ran = train_here(folder)

    exact, rough = tiny.losses(sft_run), tiny.losses(ran)
    assert all(math.isclose(rough[step], exact[step], rel_tol=0.05) for step in exact)
    assert json.loads((folder / "output" / "config.json").read_text())["use_cache"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_a_run_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    ran = tiny.finish(tiny.start(tmp_path, env=tiny.environment()), tmp_path)
    assert ran.code == 2
    nowhere = tmp_path / "nowhere"

    process = tiny.subprocess.run(
        [sys.executable, str(tiny.TRAIN), "--run-dir", str(nowhere)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )

    assert process.returncode == 2
    assert "cannot be written" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_checkpoint_at_each_epoch_is_written_once_where_it_is_asked_for(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    asked = {
        "num_epochs": 3,
        "save_steps": 100,
        "save_at_epoch": True,
        "keep_checkpoints": 9,
        "offline": False,
    }

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **asked))

    assert [event.step for event in ran.of(CheckpointSaved)] == [2, 4, 6]
