"""The training loop: TRL's `SFTTrainer` on rows that are tokens already, with our reports and checkpoints.

The mathematics of a step is TRL's. What is ours costs no extra wait for the device: everything reported
is read where the loop has to wait for the loss anyway.
"""

import math
from contextlib import nullcontext
from typing import Any

import torch
from transformers import PrinterCallback, Trainer
from trl import SFTTrainer

from trainer_image import agreement, beginning_again, computers, in_parts, ranks, resuming, schedule, sharding
from trainer_image.arguments import training_arguments
from trainer_image.batches import (
    LongestFirst,
    Padding,
    as_dataset,
    can_pack,
    longest,
    parts_of,
    samples_in,
    tokens_in,
)
from trainer_image.checkpoints import Checkpoint, Checkpoints, Progress, has_new_length, identity
from trainer_image.clock import Clock
from trainer_image.commands import Commands
from trainer_image.config import CHECKPOINTS_DIR, RunConfig
from trainer_image.data import TrainingRows
from trainer_image.demand import EngineName
from trainer_image.events import CheckpointSaved
from trainer_image.following import Follow
from trainer_image.models import Device
from trainer_image.optimizing import withstand_full_memory
from trainer_image.outcome import Outcome
from trainer_image.overfitting import OverfitWatch
from trainer_image.planning import report_plan
from trainer_image.probe import Probe
from trainer_image.problems import RunFailedError
from trainer_image.publishing import PushAtEverySave
from trainer_image.reporting import Reporter
from trainer_image.sampling import Samples
from trainer_image.stopping import StopRequest
from trainer_image.token_bound import splitter
from trainer_image.trials import Trials
from trainer_image.validation import Validation


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
        commands: Commands,
        engine: EngineName = "transformers",
        probe: Probe | None = None,
        ends_after: int | None = None,
        base_print: str | None = None,
    ) -> None:
        """`ends_after` so many steps it ends, and saves nothing: a probe without a run."""
        self._engine = engine

        self._total_train_tokens = 0
        self._config = config
        self._device = device
        self._reporter = reporter
        self._checkpoints = checkpoints
        self._resume_from = resume_from
        self._data_sha256 = rows.sha256()
        self._base_print = base_print
        before = resume_from.progress if resume_from else None
        self._has_new_length = before is not None and has_new_length(before, config)
        self.clock = Clock(before)
        is_in_parts = sharding.is_on(config)
        found = beginning_again.told() or (before.memory if before else None)
        self._recovery = in_parts.recovery_for(model, config, reporter, found)
        measured = found.measured if found else None
        self._validation = Validation(rows.validation, config, before, reporter, at_once=measured)
        self._samples = Samples(rows, tokenizer, config, reporter)
        self._checkpoints.best_step = self._validation.best_step
        self._lengths = rows.lengths
        self._padding = Padding(tokenizer.pad_token_id or 0)
        is_packed = config.packing and can_pack(model, rows, reporter)
        self._splits = splitter(config, self._padding, max(rows.lengths), is_packed=is_packed)
        self._overfit = OverfitWatch(reporter)
        each = config.push and config.push.every_save
        self._push_each = PushAtEverySave(config.push, reporter) if config.push and each else None
        self.saves_at_epoch = config.save_at_epoch
        self.ends_after = ends_after
        self.keeps_next = False
        """Whether the next checkpoint stays for good: somebody asked for it."""
        super().__init__(
            model=model,
            args=ranks.on_plain_cpu(
                training_arguments(
                    config,
                    device,
                    checkpoints.folder,
                    whole_batches=self._splits is not None,
                    recomputes=is_in_parts and found is not None and found.recompute,
                )
            ),
            data_collator=self._splits or self._padding,
            train_dataset=as_dataset(rows),
            processing_class=tokenizer,
            callbacks=[Follow(self, stop, commands)],
        )
        self.remove_callback(PrinterCallback)
        self.trials = Trials(
            self,
            lengths=self._lengths,
            recovery=self._recovery,
            clock=self.clock,
            reporter=reporter,
            bounded=self._splits if config.max_tokens_per_gpu == "auto" else None,
            probe=probe,
        )

    def create_accelerator_and_postprocess(self) -> None:
        sharding.allow_on_cpu(self._config, self._device)
        super().create_accelerator_and_postprocess()

    def run(self) -> Outcome:
        """Train from the beginning or the checkpoint. Raises RunFailedError if the loss is not a number."""
        resumed = self._resume_from
        computers.meet(self._checkpoints.folder.parent, resumed, self._data_sha256, self._reporter)
        done = resumed and resumed.progress.step >= resumed.progress.total_steps and not self._has_new_length
        if resumed and (done or self._validation.is_hopeless):
            self._load_from_checkpoint(str(resumed.folder))  # nothing left but to save the result
            self.state.global_step, self.state.max_steps = resumed.progress.step, resumed.progress.total_steps
        else:
            self.train(resume_from_checkpoint=str(resumed.folder) if resumed else None)
        newest = self._checkpoints.newest()
        stopped = self.state.global_step < self.state.max_steps and not self._validation.is_hopeless
        if self._push_each and not stopped:  # somebody who stops a run does not wait for the network
            self._push_each.wait()
        best_step, loss = (None, None) if stopped else self._take_best()
        return Outcome(
            step=self.state.global_step,
            total_steps=self.state.max_steps,
            loss=self.clock.loss,
            checkpoint=self._checkpoints.path_of(newest) if newest else None,
            stopped=stopped,
            best_step=best_step,
            validation_loss=loss,
            baseline_loss=self._validation.baseline_loss,
        )

    def _take_best(self) -> tuple[int | None, float | None]:
        """Leave the model measured best in memory; its step, if so, and the loss of the model left there."""
        validation, step = self._validation, self.state.global_step
        if validation.best_step is None or not self._config.load_best:
            return None, validation.last_loss
        if validation.best_step != step:
            best = self._checkpoints.at(validation.best_step)
            is_gone = best is None or resuming.damage(best) is not None
            if agreement.any_of(is_gone) or best is None:
                self._reporter.notice(
                    "The best checkpoint is gone or damaged; the result is the last model.", level="warning"
                )
                return None, validation.last_loss
            self._load_from_checkpoint(str(best.folder))
        self._reporter.notice(
            f"The result is the model of step {validation.best_step}: its validation loss, "
            f"{validation.best_loss:.4f}, is the lowest."
        )
        return validation.best_step, validation.best_loss

    def _get_train_sampler(self, train_dataset: Any = None) -> LongestFirst:
        """Called when the epochs' order is set up."""
        first = longest(self._lengths, self._config.effective_batch_size * self.args.world_size)
        at_once = self.args.per_device_train_batch_size * self.args.world_size
        multiple = at_once if self.args.world_size > 1 else 1
        rows, seed = len(self._lengths), self._config.seed
        self._order = LongestFirst(rows, seed=seed, first=first, multiple=multiple)
        return self._order

    def begin_epoch(self) -> None:
        """Called first thing in an epoch: with several processes accelerate 1.15 does not tell the
        sampler of the epoch that a resumed run begins in the middle of."""
        self._order.set_epoch(math.floor(self.state.epoch + 1e-6))

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Forward and backward for each part of the batch; the sum of their losses is the batch's mean.

        When memory runs out, of smaller parts. Of several processes with a whole model each, every one does
        this by itself, past DDP, and they bring their gradients together once all have done it.
        """
        if sharding.is_on(self._config):
            return in_parts.step(self, model, parts_of([inputs]), num_items_in_batch, self._recovery)
        loss: Any = 0.0
        for part in parts_of([inputs]):
            loss = loss + self._recovery.run(part, num_items_in_batch, self.forward_and_backward)
        if self.accelerator.sync_gradients:
            agreement.average_gradients(self.model.parameters())
        return loss

    def forward_and_backward(self, part: Any, tokens: Any) -> Any:
        """Of one microbatch, in this process alone."""
        return super().training_step(self.model, part, tokens)

    def one_pass(self, model: Any, part: Any, tokens: Any) -> Any:
        """Of one microbatch, in all processes that hold a part of the model."""
        return super().training_step(model, part, tokens)

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """TRL's brings numbers together that nobody reads: here a process may compute more often than
        others."""
        if not agreement.is_several():
            return super().compute_loss(model, inputs, *args, **kwargs)
        return Trainer.compute_loss(self, model, {**inputs, "use_cache": False}, *args, **kwargs)

    def agree_on_memory(self) -> None:
        """Called between two steps: where one process had to compute in smaller parts, all do."""
        self._recovery.agree()

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        optimizer = super().create_optimizer(*args, **kwargs)
        withstand_full_memory(optimizer, self._reporter)
        return optimizer

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        return super()._get_num_items_in_batch(parts_of(batch_samples), device)

    def measure_first(self) -> None:
        """Called before the first step: how the base model does, and what it answers."""
        validation = self._validation
        if validation.baseline_is_due(self.state.global_step):
            validation.record_baseline(self._measure())
            self.sample()

    def evaluation_is_due(self) -> bool:
        samples_a_step = self._config.effective_batch_size * self.args.world_size
        return self._validation.is_due(self.state.global_step, self.state.max_steps, samples_a_step)

    def epoch_is_measured(self) -> bool:
        """Called at its end."""
        return self._validation.is_due_after_epoch(self.state.global_step)

    def _evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Called after a step whose callback asked for it, before the checkpoint is written."""
        validation, step = self._validation, self.state.global_step
        loss = self._measure()
        is_best = validation.record(step, loss)
        self._overfit.look(step, loss, best_step=validation.best_step, best_loss=validation.best_loss)
        self.sample()
        self.control.should_evaluate = False  # else it is asked again at the end of the epoch
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

    def _measure(self) -> float:
        """What the first process measured: everything that follows from it must be decided alike."""
        validation = self._validation
        try:
            own = validation.measure(self.model, self._padding, self.compute_loss_context_manager())
        except Exception as error:
            if sharding.is_on(self._config):
                in_parts.begin_again_if_full(
                    error, lambda: self._recovery.measuring_fewer(validation.fewer())
                )
            raise
        return agreement.of_first(own)

    def finish_here(self) -> None:
        """Between two steps: train no further and go on to the result, because somebody asked for it."""
        step, best = self.state.global_step, self._validation.best_step
        self._validation.is_ended = True
        self.control.should_training_stop = self.control.should_save = True
        found = f"the best one, of step {best}" if best and self._config.load_best else "the one at hand"
        self._reporter.notice(f"Finished at step {step}, as asked; the result is {found}.")

    def sample(self, *, is_asked: bool = False) -> None:
        """Let the model answer, in all processes: its weights may be spread over them, and none is to wait
        long for another."""
        if is_asked:
            self._samples.explain_none()
        self._samples.take(self.model, self.state.global_step, self.compute_loss_context_manager())

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
        report_plan(self, self._config, self._reporter, rows=len(self._lengths), engine=self._engine)

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """Called once a step, first thing."""
        self.clock.start_step()
        batches, num_items = super().get_batch_samples(*args, **kwargs)
        self._count(batches)
        self._recovery.start_step(parts_of(batches))
        return batches, num_items

    def _count(self, batches: list[dict[str, Any]]) -> None:
        """Samples and tokens of the step in all processes, without what an epoch is filled up with."""
        given, tokens = samples_in(batches) * self.args.world_size, tokens_in(batches)
        left_in_epoch = len(self._lengths) - self.clock.samples_seen % len(self._lengths)
        samples = min(given, left_in_epoch)
        if self.args.world_size > 1:
            total = torch.as_tensor(tokens, device=self.args.device)
            tokens = self.accelerator.reduce(total) - (given - samples)  # each filling has one token
        self.clock.count(samples, tokens)

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
        self.clock.end_step(loss)
        self._overfit.note(loss)
        self._report_step(logs["learning_rate"], grad_norm)

    def _report_step(self, learning_rate: float, grad_norm: float | None) -> None:
        clock, step, total = self.clock, self.state.global_step, self.state.max_steps
        metrics = clock.metrics(
            step, total, epoch=self.state.epoch, learning_rate=learning_rate, grad_norm=grad_norm
        )
        self._reporter.emit(metrics)
        if clock.line_is_due() or step == total:
            self._reporter.say(
                f"step {step}/{total}  loss {metrics.loss:.4f}  learning rate {learning_rate:.2e}  "
                f"{clock.tokens_per_second:.0f} tokens/s"
            )

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._checkpoints.partial)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        clock, step = self.clock, self.state.global_step
        progress = Progress(
            step=step,
            total_steps=self.state.max_steps,
            samples_seen=clock.samples_seen,
            tokens_seen=clock.tokens_seen,
            elapsed_seconds=clock.elapsed_seconds,
            loss=clock.loss,
            identity=identity(self._config),
            data_sha256=self._data_sha256,
            base_print=self._base_print,
            best_step=self._validation.best_step,
            best_loss=self._validation.best_loss,
            without_gain=self._validation.without_gain,
            baseline_loss=self._validation.baseline_loss,
            full_state=self._config.save_full_state,
            kept=self.keeps_next,
            memory=self._recovery.found,
        )
        self.keeps_next = False
        with self._checkpoints.writing(progress) if self.is_world_process_zero() else nullcontext():
            self.accelerator.wait_for_everyone()  # several processes write into the folder the first has made
            Trainer._save_checkpoint(self, model, trial)  # past TRL's, which adds a model card to each
            self.accelerator.wait_for_everyone()
        self.accelerator.wait_for_everyone()
        path = f"{CHECKPOINTS_DIR}/{progress.name}"
        self._reporter.emit(CheckpointSaved(step=step, path=path))
        self._reporter.say(f"Checkpoint saved: {path}")
        if self._push_each and self.is_world_process_zero():
            self._push_each.push(self._checkpoints.folder / progress.name)
