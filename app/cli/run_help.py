"""What helps with runs: end one well, say why one failed, its numbers as a file, and pasted job commands."""

import argparse
import sys

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.hf_jobs import lint_command
from app.domain.typed_paths import expanded
from app.services.curve_files import curve_csv
from app.services.everything import Services


def finish_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.training.finish_now(services.monitoring.find(args.run).id)
    output.give(run)
    output.say(f"{run.name} ends after the step at hand; its result is the model measured best.")
    return 0


def diagnose_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    trouble = services.diagnostics.trouble(run)
    text = services.diagnostics.text(run)
    saved = services.diagnostics.save(run) if args.zip else None
    output.give({"trouble": trouble, "diagnostics": text, "file": saved})
    if trouble:
        output.say(trouble.title)
        for number, step in enumerate(trouble.steps, start=1):
            output.say(f"  {number}. {step}")
        if trouble.knob:
            output.say(f"Next: {trouble.knob.label}. {trouble.knob.cost}")
    output.say(f"Saved to {saved}." if saved else text)
    return 0


def export_curve(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    path = expanded(args.file)
    if path.exists() and not args.force:
        raise StudioError(f"{path} is there already.", "Give --force to replace it, or another name.")
    text = curve_csv(services.monitoring.metrics(run.id), services.monitoring.measurements(run.id))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudioError(
            f"{path} could not be written: {error.strerror or error}.", "Choose another place."
        ) from error
    output.give({"file": path, "steps": text.count("\n") - 1})
    output.say(f"{text.count(chr(10)) - 1} steps written to {path}.")
    return 0


def check_job(services: Services, args: argparse.Namespace, output: Output) -> int:
    text = sys.stdin.read() if args.command == "-" else args.command
    linted = lint_command(text)
    output.give(linted)
    for finding in linted.findings:
        output.say(f"- {finding.message}")
    output.say(f"{'Better' if linted.findings else 'Nothing to say about'}: {linted.command}")
    return 1 if linted.findings else 0
