"""Watch a run from the terminal until it ends."""

import time
from collections.abc import Iterator

from app.cli.output import Output
from app.domain.runs import Metric, Run, RunEvent, RunStatus
from app.services.everything import Services
from trainer_image.events import EXIT_FAILED, EXIT_FINISHED, EXIT_STOPPED

_POLL_SECONDS = 0.3
_ALL = 100_000


def follow(services: Services, run: Run, output: Output) -> int:
    """Print what happens; return the exit code that stands for the outcome.

    Ctrl+C leaves the run going and says how to come back to it.
    """
    try:
        for current in _until_ended(services, run, output):
            run = current
    except KeyboardInterrupt:
        output.say(f"\nThe run goes on without this terminal. `tunewright runs show {run.id}` follows up.")
        return 130
    return report_end(services, run, output)


def report_end(services: Services, run: Run, output: Output) -> int:
    output.give({"type": "run", "run": run})
    output.say(f"{run.name}: {run.status}" + (f". {run.message} {run.hint}".rstrip() if run.message else "."))
    if run.output_dir:
        output.say(f"Result: {run.output_dir}")
    say_ground(services, run, output)
    return {RunStatus.FINISHED: EXIT_FINISHED, RunStatus.STOPPED: EXIT_STOPPED}.get(run.status, EXIT_FAILED)


def say_ground(services: Services, run: Run, output: Output) -> None:
    """From where an ended run would go on, if it can."""
    ground = services.training.ground(run)
    if ground is None or not run.can_resume or services.training.resume_blocked(run):
        return
    lost = f"; {ground.lost} is damaged or gone" if ground.lost else ""
    where = f"step {ground.state.step} ({ground.state.name}{lost})"
    output.say(f"`tunewright runs resume {run.id}` goes on from {where}.")


def _until_ended(services: Services, run: Run, output: Output) -> Iterator[Run]:
    """Every newer state of the run; the last one is final. Prints steps and timeline on the way."""
    step = run.step if run.attempt > 1 else -1
    seen = len(services.monitoring.events(run.id, last=_ALL))
    while True:
        run = services.monitoring.refresh(run.id)
        events = services.monitoring.events(run.id, last=_ALL)[seen:]
        metrics = services.monitoring.metrics(run.id, after_step=step)
        seen, step = seen + len(events), metrics[-1].step if metrics else step
        news: list[RunEvent | Metric] = [*events, *metrics]
        for item in sorted(news, key=lambda item: item.time):
            _tell(item, output)
        yield run
        if run.status.is_final:
            return
        time.sleep(_POLL_SECONDS)


def _tell(news: RunEvent | Metric, output: Output) -> None:
    if isinstance(news, RunEvent):
        output.give({"type": news.type, "text": news.text, "level": news.level, "time": news.time})
        output.say(f"  {news.text}")
        return
    output.give({"type": "metrics", **vars(news)})
    if news.step == 1 or news.step % max(1, news.total_steps // 10) == 0:
        output.say(f"  step {news.step}/{news.total_steps}  loss {news.loss:.3f}")
