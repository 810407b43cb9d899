"""What each verb does, in terms of the services."""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from app.cli import export_verbs, recipe_verbs, session_verbs, setup_verbs
from app.cli.auto_setting import automatic
from app.cli.bundle import install_bundle, make_bundle, show_bundle
from app.cli.checking import check, probe, require_ready, setup_of
from app.cli.collecting import collect, list_collects
from app.cli.demo import demo
from app.cli.docker import (
    docker_abilities,
    docker_build,
    docker_clean,
    docker_pull,
    docker_status,
    docker_test,
)
from app.cli.following import follow, say_ground
from app.cli.history_verbs import HISTORY_VERBS
from app.cli.importing import import_session
from app.cli.jobs import write_job_script
from app.cli.merge_verbs import delete_merge, list_merges, preview_merge, run_merge, show_merge
from app.cli.offline import offline
from app.cli.output import Output, counted_rows
from app.cli.pod_storage import VERBS as POD_STORAGE_VERBS
from app.cli.pod_words import with_pod_options
from app.cli.pods import VERBS as POD_VERBS
from app.cli.pods import require_consent, say_until_it_trains
from app.cli.previewing import lengths, look, quality
from app.cli.queue_verbs import QUEUE_VERBS
from app.cli.run_help import check_job, diagnose_run, export_curve, finish_run
from app.cli.talking_verbs import TALKING_VERBS
from app.cli.tokens import delete_token, keep_token, list_tokens, test_token
from app.domain.errors import StudioError
from app.domain.finding import is_wanted
from app.domain.runs import Run, Target
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.loss_files import read_losses, smoothed
from app.services.run_requests import request_of_run
from app.services.setup_files import read_setup

Verb = Callable[[Services, argparse.Namespace, Output], int]


def list_sessions(services: Services, args: argparse.Namespace, output: Output) -> int:
    every = services.library.deleted() if args.deleted else services.library.sessions()
    sessions = [s for s in every if is_wanted(s, args.search, args.tag)]
    output.give(sessions)
    if not sessions and every:
        output.say("No session is like that.")
        return 0
    if not sessions and args.deleted:
        output.say("No session was deleted within the last week.")
        return 0
    if not sessions:
        output.say("No sessions yet. `tunewright sessions import FILE` makes one.")
        return 0
    output.table(
        ["id", "name", "rows", "version", "tags", "source", "created"],
        [
            (
                s.id,
                s.name,
                s.row_count,
                s.version,
                ", ".join(s.tags),
                s.source,
                f"{s.created_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for s in sessions
        ],
    )
    return 0


def show_session(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = services.library.find(args.session)
    rows = services.library.rows(session.id, start=args.start, limit=args.limit, version=args.number)
    output.give({"session": session, "rows": rows})
    count, version = session.row_count, ""
    if args.number is not None:
        found = services.library.editing.versions(session.id)
        count = next(v.row_count for v in found if v.version == args.number)
        version = f", version {args.number}"
    output.say(f"{session.name} ({session.id}{version}): {counted_rows(count)} from {session.source}")
    for row in rows:
        session_verbs.show_row(row, output)
    return 0


def train(services: Services, args: argparse.Namespace, output: Output) -> int:
    name = args.config or args.setup or args.recipe
    setup, folder = setup_of(services, args, name, is_file=bool(args.config))
    if args.preview and not args.auto:
        raise StudioError("--preview shows what --auto would choose.", "Give --auto too.")
    request = services.training.request_of(setup, folder)
    if args.auto:
        request = automatic(services, request, output)
    if args.preview:
        return 0
    found = require_ready(services, request, output)
    require_consent(found, output, is_given=args.yes)
    if found.plan is not None:
        request = replace(request, pod=found.plan.agreed(request.pod))
    return started(services, services.training.start(request), output, watch=args.follow)


def started(services: Services, run: Run, output: Output, *, watch: bool) -> int:
    output.say(f"Started {run.name} ({run.id}) on {run.target.label}. Its folder: {run.folder}")
    if run.target is Target.RUNPOD:
        say_until_it_trains(services, run, output)
    if watch:
        return follow(services, run, output)
    output.give({"type": "run", "run": run})
    return 0


def list_runs(services: Services, args: argparse.Namespace, output: Output) -> int:
    runs = services.monitoring.refresh_all()
    output.give(runs)
    if not runs:
        output.say("No runs yet. `tunewright demo` makes a first one.")
        return 0
    output.table(
        ["id", "name", "status", "target", "step", "loss", "created"],
        [
            (
                r.id,
                r.name,
                r.status.value,
                r.target.value,
                f"{r.step}/{r.total_steps}",
                "" if r.loss is None else f"{r.loss:.3f}",
                f"{r.created_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for r in runs
        ],
    )
    return 0


def show_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    events = services.monitoring.events(run.id)
    output.give({"run": run, "events": events})
    card = "" if run.gpu is None else f", GPU {run.gpu}"
    output.say(
        f"{run.name} ({run.id}): {run.status} on {run.target.label}{card}, step {run.step}/{run.total_steps}"
    )
    if run.message:
        output.say(f"{run.message} {run.hint}".rstrip())
    output.say(
        f"Data: {run.data_label}{_version_of(run)}\nBase model: {run.config.base_model}\nFolder: {run.folder}"
    )
    for event in events:
        output.say(f"  {event.time.astimezone():%H:%M:%S}  {event.text}")
    return 0


def stop_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.training.stop(services.monitoring.find(args.run).id, save=args.save)
    output.give(run)
    output.say(f"{run.name}: {run.status}.")
    say_ground(services, run, output)
    return 0


def checkpoint_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.training.save_now(services.monitoring.find(args.run).id)
    output.give(run)
    output.say(f"{run.name} saves a checkpoint after the step at hand and goes on.")
    return 0


def sample_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.training.sample_now(services.monitoring.find(args.run).id)
    output.give(run)
    output.say(f"{run.name} answers after the step at hand and goes on; `runs show` has what it said.")
    return 0


def show_losses(services: Services, args: argparse.Namespace, output: Output) -> int:
    path = expanded(args.path)
    try:
        curve = read_losses(path)
    except OSError as error:
        raise StudioError(f"{path} cannot be read: {error.strerror or error}.", "Check the path.") from error
    if curve is None:
        raise StudioError(
            f"There is no loss curve in {path}.",
            "Give the output folder of training_hub, instructlab, mini-trainer or transformers.",
        )
    means = smoothed([point.loss for point in curve.points])
    output.give(curve)
    output.say(f"{len(curve.points)} steps from {curve.file}")
    rows = zip(curve.points, means, strict=True)
    output.table(["step", "loss", "smoothed"], [(p.step, f"{p.loss:.4f}", f"{m:.4f}") for p, m in rows])
    return 0


def resume_run(services: Services, args: argparse.Namespace, output: Output) -> int:
    before = services.monitoring.find(args.run)
    target = Target(args.target) if args.target else before.target
    setup = with_pod_options(services.training.setup_of(before), args)
    if target is Target.RUNPOD:
        request = request_of_run(before, target=target, pod=setup.pod, checkpoint=args.checkpoint or "")
        found = require_ready(services, request, output)
        require_consent(found, output, is_given=args.yes)
        if found.plan is not None:
            setup = setup.model_copy(update={"pod": found.plan.agreed(request.pod)})
    run = services.training.resume(
        before.id, extend=args.extend, checkpoint=args.checkpoint, target=target, pod=setup.pod
    )
    return started(services, run, output, watch=args.follow)


def print_log(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.find(args.run)
    position = 0
    while True:
        run = services.monitoring.refresh(run.id)  # before reading, so that an ended run's log is complete
        while (found := services.monitoring.log_text(run, start=position))[1] != position:
            text, position = found
            output.piece(text)
            for line in text.splitlines():
                output.give({"line": line})
        if run.status.is_final or not args.follow:
            _say_copy(services.monitoring.log_copy(run), output)
            return 0
        time.sleep(0.3)


def _say_copy(text: str, output: Output) -> None:
    """What the target kept of the log, while the trainer cannot be asked for it."""
    if text:
        output.say("A copy from the target's own log, while the pod does not answer:")
        for line in text.splitlines():
            output.give({"line": line, "copy": True})
            output.say(line)


def print_metrics(services: Services, args: argparse.Namespace, output: Output) -> int:
    run = services.monitoring.refresh(services.monitoring.find(args.run).id)
    metrics = services.monitoring.metrics(run.id, after_step=args.after)
    output.give(metrics)
    output.table(
        ["step", "epoch", "loss", "learning rate", "tokens/s"],
        [
            (m.step, f"{m.epoch:.2f}", f"{m.loss:.4f}", f"{m.learning_rate:.2e}", _speed(m.tokens_per_second))
            for m in metrics
        ],
    )
    return 0


def doctor(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.offline:
        setup = read_setup(expanded(args.config)) if args.config else services.settings.last_setup()
        findings = list(services.offline_doctor.findings(setup))
    else:
        findings = services.doctor.findings()
    output.give(findings)
    for finding in findings:
        output.say(f"[{finding.state:>7}] {finding.name}: {finding.text}")
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def _version_of(run: Run) -> str:
    return f", version {run.session_version} (content hash {run.content_hash})" if run.content_hash else ""


def _speed(tokens_per_second: float | None) -> str:
    return "" if tokens_per_second is None else f"{tokens_per_second:,.0f}"


VERBS: Mapping[tuple[str, str | None], Verb] = {
    ("sessions", "import"): import_session,
    ("sessions", "collect"): collect,
    ("sessions", "collects"): list_collects,
    ("sessions", "list"): list_sessions,
    ("sessions", "show"): show_session,
    ("sessions", "export"): session_verbs.export,
    ("sessions", "rename"): session_verbs.rename,
    ("sessions", "tag"): session_verbs.tag,
    ("sessions", "delete"): session_verbs.delete,
    ("sessions", "undelete"): session_verbs.undelete,
    ("sessions", "duplicate"): session_verbs.duplicate,
    ("sessions", "append"): session_verbs.append,
    ("sessions", "versions"): session_verbs.versions,
    ("sessions", "restore"): session_verbs.restore,
    ("sessions", "replace"): session_verbs.replace,
    ("sessions", "find"): session_verbs.find,
    ("sessions", "check"): session_verbs.check,
    ("sessions", "publish"): session_verbs.publish,
    ("sessions", "look"): look,
    ("sessions", "lengths"): lengths,
    ("sessions", "quality"): quality,
    ("merge", "run"): run_merge,
    ("merge", "preview"): preview_merge,
    ("merge", "list"): list_merges,
    ("merge", "show"): show_merge,
    ("merge", "delete"): delete_merge,
    ("check", None): check,
    ("probe", None): probe,
    **{("setups", noun): verb for noun, verb in setup_verbs.VERBS.items()},
    **{("recipes", noun): verb for noun, verb in recipe_verbs.VERBS.items()},
    ("train", None): train,
    ("jobs", "script"): write_job_script,
    ("runs", "list"): list_runs,
    ("runs", "show"): show_run,
    ("runs", "stop"): stop_run,
    ("runs", "checkpoint"): checkpoint_run,
    ("runs", "sample"): sample_run,
    ("runs", "finish"): finish_run,
    ("runs", "diagnose"): diagnose_run,
    ("runs", "curve"): export_curve,
    ("runs", "resume"): resume_run,
    ("jobs", "check"): check_job,
    ("losses", None): show_losses,
    ("runs", "log"): print_log,
    ("runs", "metrics"): print_metrics,
    **{("runs", name): verb for name, verb in HISTORY_VERBS.items()},
    **{("queue", name): verb for name, verb in QUEUE_VERBS.items()},
    **export_verbs.VERBS,
    **TALKING_VERBS,
    ("doctor", None): doctor,
    ("offline", None): offline,
    ("bundle", "make"): make_bundle,
    ("bundle", "show"): show_bundle,
    ("bundle", "install"): install_bundle,
    ("docker", "status"): docker_status,
    ("docker", "build"): docker_build,
    ("docker", "pull"): docker_pull,
    ("docker", "test"): docker_test,
    ("docker", "abilities"): docker_abilities,
    ("docker", "clean"): docker_clean,
    ("tokens", "list"): list_tokens,
    ("tokens", "keep"): keep_token,
    ("tokens", "delete"): delete_token,
    ("tokens", "test"): test_token,
    ("demo", None): demo,
    **POD_VERBS,
    **POD_STORAGE_VERBS,
}
