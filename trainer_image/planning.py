"""What is said once the whole of a run is known: the plan, and what of it is seldom wise."""

from typing import Any

from trainer_image.cautions import cautions
from trainer_image.config import RunConfig
from trainer_image.demand import EngineName
from trainer_image.events import Plan
from trainer_image.models import count_parameters
from trainer_image.reporting import Reporter


def report_plan(loop: Any, config: RunConfig, reporter: Reporter, *, rows: int, engine: EngineName) -> None:
    """`rows` are those the loop is given: of documents, their blocks."""
    parameters, trainable = count_parameters(loop.model)
    plan = Plan(
        total_steps=loop.state.max_steps,
        num_rows=rows,
        unit="blocks" if config.is_pretraining else "rows",
        effective_batch_size=config.effective_batch_size * loop.args.world_size,
        parameters=parameters,
        trainable_parameters=trainable,
    )
    reporter.emit(plan)
    reporter.say(
        f"{plan.num_rows} {plan.unit}, {plan.total_steps} steps of {plan.effective_batch_size} examples; "
        f"{plan.trainable_parameters:,} of {plan.parameters:,} parameters are trained"
    )
    for sentence in cautions(config, rows=rows, parameters=parameters, engine=engine):
        reporter.notice(sentence, level="warning")
