"""A run's last words."""

from typing import Literal

from trainer_image import validation
from trainer_image.config import OUTPUT_DIR, RunConfig
from trainer_image.outcome import Outcome
from trainer_image.reporting import Reporter


def report(
    reporter: Reporter, outcome: Outcome, output_kind: Literal["adapter", "weights"] | None, config: RunConfig
) -> None:
    """The run's last words; `output_kind` is None if no result was saved."""
    if gained := validation.what_was_gained(outcome.baseline_loss, outcome.validation_loss):
        reporter.notice(gained)
    if not outcome.stopped:
        reporter.phase("done")
    reporter.close_listeners()
    reporter.finish(
        "stopped" if outcome.stopped else "finished",
        step=outcome.step,
        total_steps=outcome.total_steps,
        final_loss=outcome.loss,
        output=OUTPUT_DIR if output_kind else None,
        output_kind=output_kind,
        base_model=config.base_model,
        best_step=outcome.best_step,
        validation_loss=outcome.validation_loss,
        baseline_loss=outcome.baseline_loss,
        checkpoint=outcome.checkpoint,
    )
