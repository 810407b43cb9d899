"""Runs as Hugging Face Jobs."""

import argparse

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.job_costs import JobCost, job_cost
from app.domain.runs import RunRequest
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.setup_files import read_setup


def write_job_script(services: Services, args: argparse.Namespace, output: Output) -> int:
    path, target = expanded(args.config), expanded(args.to)
    if target.exists() and not args.force:
        raise StudioError(f"{target} is there already.", "Give another name, or --force to replace it.")
    request = services.training.request_of(read_setup(path), path.absolute().parent)
    made = services.job_scripts.write(request, target, flavor=args.flavor, timeout=args.timeout)
    cost = _cost(services, request, args)
    output.give({"script": str(target), "command": made.command, "cost": cost, "caution": made.caution})
    output.say(f"{target} holds the trainer, the settings and the rows. Nothing was started. To start it:")
    output.say(made.command)
    output.say(cost.sentence if cost else f"What {args.flavor} costs for these rows is not known here.")
    if made.caution:
        output.say(made.caution)
    output.say("The token is taken from your login; whoever starts a job pays for it by the minute.")
    return 0


def _cost(services: Services, request: RunRequest, args: argparse.Namespace) -> JobCost | None:
    """Rows of a file or on the Hub are not counted for this."""
    if not request.session_id or request.config.max_steps is not None:
        return None
    rows = services.library.get(request.session_id).row_count
    return job_cost(args.flavor, rows=rows, epochs=request.config.num_epochs, dollars_an_hour=args.price)
