"""The training loop: TRL's `SFTTrainer` on rows that are tokens already, with our reports and checkpoints.

The mathematics of a step is TRL's. What is ours costs no extra wait for the device: everything reported
is read where the loop has to wait for the loss anyway.
"""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from datasets import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from trainer_image import ranks, schedule, sharding
from trainer_image.batches import (
    MICROBATCHES,
    LongestFirst,
    Packing,
    keeps_rows_apart,
    longest,
    parts_of,
    samples_in,
    tokens_in,
)
from trainer_image.checkpoints import Checkpoint, Checkpoints, Progress, has_new_length, identity
from trainer_image.config import RunConfig
from trainer_image.data import IGNORED, TrainingRows
from trainer_image.events import CheckpointSaved, Evaluation, Metrics, Plan
from trainer_image.models import Device, count_parameters
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.stopping import StopRequest
from trainer_image.validation import Validation

_ETA_AFTER_STEPS: Final = 3
_LOG_EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Outcome:
    """Where training ended."""

    step: int
    total_steps: int
    loss: float | None
    checkpoint: str | None
    stopped: bool
    best_step: int | None = None
    validation_loss: float | None = None


class Loop(SFTTrainer):  # type: ignore[misc]
    """`SFTTrainer` that reports every step, writes whole checkpoints and stops when asked."""

    def __init__(
        self,
        *,
        model: Any,
        tokenizer: Any,
        rows: TrainingRows,
        config: RunConfig,
        device: Device,
        checkpoints: Checkpoints,
        resume_from: Checkpoint | None,
        reporter: Reporter,
        stop: StopRequest,
    ) -> None:
        self._config = config
        self._device = device
        self._reporter = reporter
        self._checkpoints = checkpoints
        self._resume_from = resume_from
        self._data_sha256 = rows.sha256()
        before = resume_from.progress if resume_from else None
        self._has_new_length = before is not None and has_new_length(before, config)
        self._clock = _Clock(before)
        self._validation = Validation(rows.validation, config, before)
        self._checkpoints.best_step = self._validation.best_step
        self._lengths = [len(ids) for ids in rows.input_ids]
        self._packing = config.packing and self._can_pack(model, rows)
        self._padding = Padding(tokenizer.pad_token_id or 0)
        super().__init__(
            model=model,
            args=ranks.on_plain_cpu(
                training_arguments(config, device, checkpoints.folder, packing=self._packing)
            ),
            data_collator=Packing(config.max_seq_len) if self._packing else self._padding,
            train_dataset=as_dataset(rows),
            processing_class=tokenizer,
            callbacks=[_Follow(self, stop)],
        )
        self.remove_callback(PrinterCallback)

    def create_accelerator_and_postprocess(self) -> None:
        sharding.allow_on_cpu(self._config, self._device)
        super().create_accelerator_and_postprocess()

    def run(self) -> Outcome:
        """Train from the beginning or the checkpoint. Raises RunFailedError if the loss is not a number."""
        resumed = self._resume_from
        done = resumed and resumed.progress.step >= resumed.progress.total_steps and not self._has_new_length
        if resumed and (done or self._validation.is_hopeless):
            self._load_from_checkpoint(str(resumed.folder))  # nothing left but to save the result
            self.state.global_step, self.state.max_steps = resumed.progress.step, resumed.progress.total_steps
        else:
            self.train(resume_from_checkpoint=str(resumed.folder) if resumed else None)
        newest = self._checkpoints.newest()
        stopped = self.state.global_step < self.state.max_steps and not self._validation.is_hopeless
        best_step, loss = (None, None) if stopped else self._take_best()
        return Outcome(
            step=self.state.global_step,
            total_steps=self.state.max_steps,
            loss=self._clock.loss,
            checkpoint=self._checkpoints.relative_path(newest.progress.step) if newest else None,
            stopped=stopped,
            best_step=best_step,
            validation_loss=loss,
        )

    def _take_best(self) -> tuple[int | None, float | None]:
        """Leave the model measured best in memory; its step, if so, and the loss of the model left there."""
        validation, step = self._validation, self.state.global_step
        if validation.best_step is None or not self._config.load_best:
            return None, validation.last_loss
        if validation.best_step != step:
            best = self._checkpoints.at(validation.best_step)
            if best is None:
                self._reporter.notice(
                    "The best checkpoint is gone; the result is the last model.", level="warning"
                )
                return None, validation.last_loss
            self._load_from_checkpoint(str(best.folder))
        self._reporter.notice(
            f"The result is the model of step {validation.best_step}: its validation loss, "
            f"{validation.best_loss:.4f}, is the lowest."
        )
        return validation.best_step, validation.best_loss

    def _can_pack(self, model: Any, rows: TrainingRows) -> bool:
        """Whether packed rows stay unseen by each other in this model; if not, a notice says so."""
        one, other = rows.input_ids[0][:64], rows.input_ids[-1][:64]
        if keeps_rows_apart(model, one, other):
            return True
        self._reporter.notice(
            "This model would let packed examples see each other, so they are not packed.", level="warning"
        )
        return False

    def _get_train_sampler(self, train_dataset: Any = None) -> LongestFirst:
        """Called when the epochs' order is set up."""
        first = longest(self._lengths, self._config.effective_batch_size * self.args.world_size)
        self._order = LongestFirst(len(self._lengths), seed=self._config.seed, first=first)
        return self._order

    def begin_epoch(self) -> None:
        """Called first thing in an epoch: with several processes accelerate 1.15 does not tell the
        sampler of the epoch that a resumed run begins in the middle of."""
        self._order.set_epoch(math.floor(self.state.epoch + 1e-6))

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Forward and backward for each part of the batch; the sum of their losses is the batch's mean."""
        loss: Any = 0.0
        parts = inputs.get(MICROBATCHES, [inputs])
        for at, part in enumerate(parts):
            waits = nullcontext() if at + 1 == len(parts) else self.accelerator.no_sync(model)
            with waits:
                loss = loss + super().training_step(model, part, num_items_in_batch)
        return loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        return super()._get_num_items_in_batch(parts_of(batch_samples), device)

    def evaluation_is_due(self) -> bool:
        return self._validation.is_due(self.state.global_step, self.state.max_steps)

    def _evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Called after a step whose callback asked for it, before the checkpoint is written."""
        validation, step = self._validation, self.state.global_step
        batch_size, precision = self._config.per_device_batch_size, self.compute_loss_context_manager()
        loss = validation.measure(self.model, self._padding, batch_size, precision)
        is_best = validation.record(step, loss)
        self.control.should_evaluate = False  # else it is asked again at the end of the epoch
        self._reporter.emit(Evaluation(step=step, loss=loss, best=is_best))
        self._reporter.say(
            f"step {step}  validation loss {loss:.4f}{' (the best so far)' if is_best else ''}"
        )
        if is_best and self._config.load_best:
            self._checkpoints.best_step = step
            self.control.should_save = True
        if validation.is_hopeless and step < self.state.max_steps:
            self._reporter.notice(
                f"Stopped early at step {step}: none of the last {validation.without_gain} measurements was "
                f"better than the one at step {validation.best_step}."
            )
            self.control.should_training_stop = self.control.should_save = True
        return {"eval_loss": loss}

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Called once the number of steps is known."""
        self.args.warmup_steps = schedule.warmup_steps(self._config, num_training_steps)
        return super().create_scheduler(num_training_steps, optimizer)

    def follow_new_length(self) -> None:
        """Called before the first step: put a run whose length was changed on its new schedule."""
        if not self._has_new_length or self._resume_from is None:
            return
        before = self._resume_from.progress
        schedule.require_longer_than(before.step, self.state.max_steps)
        schedule.catch_up(self.lr_scheduler)
        self._reporter.notice(
            f"The run was to have {before.total_steps} steps and now has {self.state.max_steps}; from step "
            f"{before.step + 1} on the learning rate follows the new schedule.",
            level="warning",
        )

    def report_plan(self) -> None:
        parameters, trainable = count_parameters(self.model)
        plan = Plan(
            total_steps=self.state.max_steps,
            num_rows=len(self.train_dataset),
            effective_batch_size=self._config.effective_batch_size * self.args.world_size,
            parameters=parameters,
            trainable_parameters=trainable,
        )
        self._reporter.emit(plan)
        self._reporter.say(
            f"{plan.num_rows} rows, {plan.total_steps} steps of {plan.effective_batch_size} examples; "
            f"{plan.trainable_parameters:,} of {plan.parameters:,} parameters are trained"
        )

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """Called once a step, first thing."""
        self._clock.start_step()
        batches, num_items = super().get_batch_samples(*args, **kwargs)
        self._clock.count(batches, processes=self.args.world_size)
        return batches, num_items

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Called once a step, when the loss is known; the last call, a summary, has none."""
        self._metrics["train"].clear()
        if "loss" not in logs:
            return
        loss, grad_norm = logs["loss"], logs.get("grad_norm")
        if not math.isfinite(loss) or not math.isfinite(grad_norm or 0.0):
            raise RunFailedError(
                f"Training went wrong at step {self.state.global_step}: the loss is no longer a number.",
                "Lower the learning rate, or add warm-up steps. If it happens at the first step, the base "
                "model may be damaged.",
            )
        self._clock.end_step(loss)
        self._report_step(logs["learning_rate"], grad_norm)

    def _report_step(self, learning_rate: float, grad_norm: float | None) -> None:
        clock, step, total = self._clock, self.state.global_step, self.state.max_steps
        assert clock.loss is not None
        metrics = Metrics(
            step=step,
            total_steps=total,
            epoch=round(self.state.epoch, 6),
            loss=clock.loss,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            tokens_per_second=round(clock.tokens_per_second, 1),
            samples_seen=clock.samples_seen,
            tokens_seen=clock.tokens_seen,
            elapsed_seconds=round(clock.elapsed_seconds, 3),
            eta_seconds=clock.eta_seconds(total - step),
            gpu_memory_gb=_gpu_memory_gb(),
        )
        self._reporter.emit(metrics)
        if clock.line_is_due() or step == total:
            self._reporter.say(
                f"step {step}/{total}  loss {clock.loss:.4f}  learning rate {learning_rate:.2e}  "
                f"{clock.tokens_per_second:.0f} tokens/s"
            )

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._checkpoints.partial)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        clock, step = self._clock, self.state.global_step
        progress = Progress(
            step=step,
            total_steps=self.state.max_steps,
            samples_seen=clock.samples_seen,
            tokens_seen=clock.tokens_seen,
            elapsed_seconds=clock.elapsed_seconds,
            loss=clock.loss,
            identity=identity(self._config),
            data_sha256=self._data_sha256,
            best_step=self._validation.best_step,
            best_loss=self._validation.best_loss,
            without_gain=self._validation.without_gain,
        )
        with self._checkpoints.writing(progress) if self.is_world_process_zero() else nullcontext():
            self.accelerator.wait_for_everyone()  # several processes write into the folder the first has made
            Trainer._save_checkpoint(self, model, trial)  # past TRL's, which adds a model card to each
            self.accelerator.wait_for_everyone()
        self.accelerator.wait_for_everyone()
        path = self._checkpoints.relative_path(step)
        self._reporter.emit(CheckpointSaved(step=step, path=path))
        self._reporter.say(f"Checkpoint saved: {path}")


class _Follow(TrainerCallback):  # type: ignore[misc]
    """Announces the plan once it is known, and passes a wish to stop on to the loop."""

    def __init__(self, loop: Loop, stop: StopRequest) -> None:
        self._loop = loop
        self._stop = stop

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._loop.report_plan()
        self._loop.follow_new_length()
        self._stop.defer()

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._loop.begin_epoch()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        wish = ranks.agree(self._stop)
        if wish:
            control.should_training_stop = True
            control.should_save = wish == "save"
        elif self._loop.evaluation_is_due():
            control.should_evaluate = True


class _Clock:
    """Counts samples, tokens and time, over all attempts of the run."""

    def __init__(self, before: Progress | None) -> None:
        self.samples_seen = before.samples_seen if before else 0
        self.tokens_seen = before.tokens_seen if before else 0
        self.elapsed_seconds = before.elapsed_seconds if before else 0.0
        self.loss: float | None = before.loss if before else None
        self.tokens_per_second = 0.0
        self._pending_tokens: Any = 0
        self._step_started = 0.0
        self._line_at = 0.0
        self._steps = 0
        self._steady_seconds = 0.0

    def start_step(self) -> None:
        self._step_started = time.perf_counter()

    def count(self, batches: list[Any], *, processes: int = 1) -> None:
        """Add up a step's batches; other processes have as many samples, and about as many tokens."""
        self.samples_seen += samples_in(batches) * processes
        # Stays on the device: reading it here would make the CPU wait before every step.
        self._pending_tokens = tokens_in(batches) * processes

    def end_step(self, loss: float) -> None:
        tokens = int(self._pending_tokens)
        seconds = max(time.perf_counter() - self._step_started, 1e-9)
        self.tokens_seen += tokens
        self.elapsed_seconds += seconds
        self.tokens_per_second = tokens / seconds
        self.loss = loss
        self._steps += 1
        if self._steps > 1:  # the first one warms up
            self._steady_seconds += seconds

    def eta_seconds(self, remaining_steps: int) -> float | None:
        if self._steps <= _ETA_AFTER_STEPS:
            return None
        return round(self._steady_seconds / (self._steps - 1) * remaining_steps, 1)

    def line_is_due(self) -> bool:
        now = time.perf_counter()
        if self._steps > 1 and now - self._line_at < _LOG_EVERY_SECONDS:
            return False
        self._line_at = now
        return True


class Padding:
    """Collator: rows of tokens → `[batch, longest]` tensors, padded on the right."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in rows)
        shape = (len(rows), longest)
        input_ids = torch.full(shape, self._pad_id)
        labels = torch.full(shape, IGNORED)
        attention_mask = torch.zeros(shape, dtype=torch.long)
        for at, row in enumerate(rows):
            length = len(row["input_ids"])
            input_ids[at, :length] = torch.tensor(row["input_ids"])
            labels[at, :length] = torch.tensor(row["labels"])
            attention_mask[at, :length] = 1
        return {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask}


def as_dataset(rows: TrainingRows) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [np.asarray(ids, dtype=np.int32) for ids in rows.input_ids],
            "labels": [np.asarray(labels, dtype=np.int32) for labels in rows.labels],
        }
    )


def training_arguments(
    config: RunConfig, device: Device, folder: Path, *, packing: bool = False
) -> SFTConfig:
    """Our settings in TRL's words; what is not named here is TRL's default.

    With packing the loader hands out whole effective batches, which the collator splits.
    """
    warmed_constant = config.lr_scheduler == "constant" and (config.warmup_steps or config.warmup_ratio)
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=config.num_epochs,
        max_steps=config.max_steps or -1,
        learning_rate=config.learning_rate,
        per_device_train_batch_size=config.effective_batch_size if packing else config.per_device_batch_size,
        gradient_accumulation_steps=1 if packing else config.gradient_accumulation_steps,
        lr_scheduler_type="constant_with_warmup" if warmed_constant else config.lr_scheduler,
        warmup_steps=config.warmup_steps,
        optim=schedule.OPTIMIZERS[config.optimizer],
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        data_seed=config.seed,
        bf16=device.bfloat16,
        use_cpu=device.kind == "cpu",
        gradient_checkpointing=config.gradient_checkpointing and not sharding.is_on(config),
        save_strategy="steps",
        save_steps=config.save_steps,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it replaces a loss that is not a number by an older one
        max_length=None,  # longer rows were left out, with their line numbers
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_pin_memory=device.kind == "cuda",
        report_to="none",
        disable_tqdm=True,
        **sharding.arguments(config),
    )


def _gpu_memory_gb() -> float | None:
    if not torch.cuda.is_initialized():
        return None
    return round(float(torch.cuda.max_memory_allocated()) / 2**30, 3)
