"""Runs as Hugging Face Jobs."""

import argparse

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.setup_files import read_setup


def write_job_script(services: Services, args: argparse.Namespace, output: Output) -> int:
    path, target = expanded(args.config), expanded(args.to)
    if target.exists() and not args.force:
        raise StudioError(f"{target} is there already.", "Give another name, or --force to replace it.")
    request = services.training.request_of(read_setup(path), path.absolute().parent)
    command = services.job_scripts.write(request, target, flavor=args.flavor, timeout=args.timeout)
    output.give({"script": str(target), "command": command})
    output.say(f"{target} holds the trainer, the settings and the rows. Nothing was started. To start it:")
    output.say(command)
    output.say("The token is taken from your login; whoever starts a job pays for it by the minute.")
    return 0
