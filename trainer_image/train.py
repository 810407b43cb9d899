"""Train one run: read its folder's `config.json`, report in `events.jsonl`, leave `output/`, `result.json`.

    python train.py --run-dir DIR [--resume [--extend] [--resume-from NAME]] [--attempt N]
    python train.py --run-dir DIR --estimate          print the memory it would take, and change nothing
    python train.py --run-dir DIR --probe             measure memory and step time, and train nothing
    python train.py --doctor                          print what can be trained here, and what can't and why

Exit codes: 0 finished, 1 failed, 2 the config is no good, 3 stopped on request. SIGTERM saves a checkpoint
and the result so far and leaves after the step at hand; SIGINT leaves without saving; a second one leaves
at once. The first second loads no training library, so that mistakes show at once.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:  # started as a file: import by package name, never the neighbours by theirs
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p or ".").resolve() != _HERE)]

from trainer_image import (
    backends,
    beginning_again,
    doctor,
    holding,
    importing,
    launching,
    network,
    options,
    places,
    plugins,
    probing,
    ranks,
    resuming,
    schedule,
    sharding,
    sinks,
)
from trainer_image.base_print import print_of
from trainer_image.checkpoints import (
    Checkpoint,
    Checkpoints,
    is_extension,
    note_extension,
    require_full_state,
    require_same_base,
    require_same_data,
    require_same_run,
)
from trainer_image.commands import Commands
from trainer_image.config import CONFIG_FILE, RunConfig
from trainer_image.decoders import require_decoder
from trainer_image.estimating import checkpoint_space, estimate_run, report_memory
from trainer_image.events import (
    EXIT_BAD_CONFIG,
    EXIT_FAILED,
    EXIT_FINISHED,
    EXIT_STOPPED,
    Started,
)
from trainer_image.given import read_config
from trainer_image.giving_way import wait_asleep
from trainer_image.machine import likely_device, versions
from trainer_image.models import config_of, find_model, require_reachable
from trainer_image.problems import RunFailedError, explain
from trainer_image.publishing import push_result, require_push_possible
from trainer_image.reporting import Reporter, SilentReporter
from trainer_image.stopping import StopRequest, exit_at_once
from trainer_image.variants import base_model_hint


@dataclass(frozen=True)
class Run:
    """One launch of a run, before any training library is loaded."""

    folder: Path
    config: RunConfig
    model: str
    """Folder, or name on the Hub."""
    checkpoints: Checkpoints
    resume_from: Checkpoint | None
    reporter: Reporter
    stop: StopRequest
    commands: Commands
    is_probe: bool = False
    """Only measures, and leaves nothing."""


def main(argv: list[str]) -> int:
    network.obey_environment()
    wait_asleep()
    args = options.parse(argv)
    if args.doctor:
        print(json.dumps(doctor.examine(), indent=1))  # noqa: T201
        return EXIT_FINISHED
    run_dir = args.run_dir.resolve()
    if args.estimate:
        return print_estimate(run_dir)
    is_rank = launching.is_started_by_torchrun()
    if args.attended and not is_rank:
        probing.end_with_stdin()
    spread = None if is_rank else launching.spread_in(run_dir / CONFIG_FILE)
    try:
        if args.probe and not is_rank:
            probing.require_own_folder(run_dir)
        with nullcontext() if spread or not ranks.is_first() else holding.alone_in(run_dir):
            return launch(args, argv, run_dir, spread)
    except RunFailedError as refusal:
        print(f"{refusal.message} {refusal.hint}", file=sys.stderr)  # noqa: T201
        return refusal.exit_code


def launch(args: argparse.Namespace, argv: list[str], run_dir: Path, spread: launching.Spread | None) -> int:
    """One attempt of the run, in this process or in several. Every end of it is on record."""
    try:
        reporter = Reporter(run_dir, attempt=args.attempt) if ranks.is_first() else SilentReporter()
    except OSError as error:
        print(f"{error.filename or run_dir} cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        print("Check its permissions and what stands in its place.", file=sys.stderr)  # noqa: T201
        return EXIT_BAD_CONFIG
    if spread:
        again = [*argv, "--attempt", str(reporter.attempt)]
        return launching.start(spread, Path(__file__).resolve(), again, run_dir, attempt=reporter.attempt)
    checkpoints = Checkpoints(run_dir, keep=1)
    commands = Commands(run_dir)
    stop = StopRequest(lambda: leave_now(reporter, checkpoints), commands.ask_to_save)
    stop.listen()
    ranks.announce()
    try:
        code = train(
            prepare(
                run_dir,
                reporter,
                stop,
                commands,
                resume=args.resume,
                extend=args.extend,
                resume_from=args.resume_from,
                probe=args.probe,
            )
        )
        return reporter.code(code)
    except Exception as error:  # the last resort: no run ends without a word
        if beginning_again.is_asked_for(error):
            reporter.close_listeners()
            return beginning_again.AGAIN
        problem = explain(error)
        if problem is None or problem.__cause__:
            reporter.say(traceback.format_exc())
        if problem:
            ranks.note_problem(problem)
        problem = (
            problem
            or ranks.problem_of_another(error)
            or RunFailedError(
                "The trainer stopped because of an error it did not expect.",
                "The log has the details; resuming continues from the last checkpoint.",
            )
        )
        reporter.close_listeners()
        reporter.finish("failed", message=problem.message, hint=problem.hint, checkpoint=newest(checkpoints))
        return problem.exit_code


def prepare(
    run_dir: Path,
    reporter: Reporter,
    stop: StopRequest,
    commands: Commands,
    *,
    resume: bool,
    extend: bool,
    resume_from: str | None,
    probe: bool = False,
) -> Run:
    """Check everything that can be checked in a second. Raises RunFailedError."""
    places.require_free(run_dir)
    checkpoints = Checkpoints(run_dir, keep=1)
    checkpoints.clear_partial()
    if resume:
        reporter.say("Comparing the checkpoint with its checksums")
    ground = resuming.ground(checkpoints, resume_from) if resume else resuming.Ground(None)
    checkpoint = ground.checkpoint
    reporter.emit(
        Started(
            attempt=reporter.attempt,
            device=likely_device(),
            versions=versions(),
            resumed_from_step=checkpoint.progress.step if checkpoint else None,
        )
    )
    ground.tell(reporter)
    config = read_config(run_dir / CONFIG_FILE)
    if probe:
        backends.require_own_loop(config)
        config = probing.without_traces(config)
    if checkpoint:
        extend = extend or is_extension(run_dir, config)
        require_same_run(checkpoint.progress, config, extend=extend)
        require_full_state(checkpoint.progress)
        if extend and ranks.is_first():
            note_extension(run_dir, config)
    backends.require_possible(config, device=likely_device(), resume=resume)
    require_spread(config)
    set_environment(config)
    require_push_possible(config)
    if not config.is_pretraining and (hint := base_model_hint(config.base_model)):
        reporter.notice(hint, level="warning")
    model = find_model(config.base_model, run_dir)
    require_reachable(model, offline=config.offline)
    require_decoder(config.base_model, config_of(model, offline=config.offline))
    if ranks.is_first() and not probe:
        sinks.follow(reporter, config, run_dir)
    checkpoints = Checkpoints(run_dir, keep=config.keep_checkpoints)
    return Run(run_dir, config, model, checkpoints, checkpoint, reporter, stop, commands, probe)


def train(run: Run) -> int:
    """Data → model → training → result. Raises RunFailedError."""
    config, reporter = run.config, run.reporter

    reporter.phase("load_data")
    with importing.at_once():
        from trainer_image import disk, downloading, engines, models, preparing  # noqa: PLC0415 seconds of imports from here on

    sharding.require_gpus_to_split(config)
    engine = engines.choose(config)  # before transformers is imported
    tokenizer = models.load_tokenizer(run.model, offline=config.offline)
    rows = preparing.rows_of_run(config, run.folder, tokenizer, reporter)
    require_same_data(run.resume_from, rows.sha256())
    if backends.of(config):
        from trainer_image.backends import running  # noqa: PLC0415

        return running.train(config, run.model, run.folder, rows, reporter, run.stop)

    from trainer_image import methods  # noqa: PLC0415 not before Unsloth

    method = methods.of(config)
    if not run.is_probe:
        disk.require_space(
            run.folder,
            *checkpoint_space(run.model, config),
            keep=config.keep_checkpoints,
            reporter=reporter,
        )
    downloading.fetch_model(run.model, reporter, offline=config.offline)
    require_same_base(run.resume_from, print_of(run.model))
    reporter.phase("load_model")
    with importing.at_once():
        from trainer_image import ending, fitting, loop, output, peak, probe  # noqa: PLC0415

    models.quieten_and_seed(config.seed)  # before the model: adapters start from random numbers
    device = models.find_device(config)
    models.describe_device(device, config, reporter)
    if engine.why:
        reporter.notice(engine.why)
    meter = peak.PeakMeter(device.kind)
    outlook = report_memory(
        run.model,
        config,
        reporter,
        run_dir=run.folder,
        engine=engine.name,
        device=device,
        lengths=rows.lengths,
        available=peak.available_bytes(device.kind),
    )
    loading = sharding.loading_device(device, config)
    model = engines.load(engine, run.model, config, device=loading, float32=method.FLOAT32_WEIGHTS)
    use_cache = getattr(model.config, "use_cache", True)

    reporter.phase("prepare")
    fitting.require_fit(model, tokenizer, rows, reporter)
    output.stop_at(model, rows.stop_ids)
    model = engines.prepare(engine, method, model, config)
    describe_method(method, model, config, reporter)
    training = loop.Loop(
        model=model,
        tokenizer=tokenizer,
        rows=rows,
        config=config,
        device=device,
        checkpoints=run.checkpoints,
        resume_from=run.resume_from,
        base_print=print_of(run.model),
        reporter=reporter,
        stop=run.stop,
        commands=run.commands,
        engine=engine.name,
        ends_after=probing.STEPS if run.is_probe else None,
        probe=probe.Probe(meter, outlook, reporter, is_resumed=run.resume_from is not None)
        if config.probe_memory
        else None,
    )
    method.attach(training)

    reporter.phase("train")
    outcome = training.run()

    if run.is_probe:
        return probing.end(training, meter.peak(), reporter, is_stopped=run.stop.wish is not None)
    saved = not outcome.stopped or run.stop.wish == "save"
    if saved and sharding.is_on(config):
        model = sharding.in_one_piece(training, run.model, config, engine, method)
    if saved and ranks.is_first():
        reporter.phase("save")
        output.save_output(
            run.folder,
            model,
            tokenizer,
            method,
            base_model=config.base_model,
            dtype=models.stored_dtype(run.model),
            use_cache=use_cache,
        )
        if config.push:
            push_result(run.folder, config, config.push, reporter, best_step=outcome.best_step)
    ending.report(reporter, outcome, method.OUTPUT_KIND if saved else None, config)
    return EXIT_STOPPED if outcome.stopped else EXIT_FINISHED


def describe_method(method: Any, model: Any, config: RunConfig, reporter: Reporter) -> None:
    """Say whose method it is, and what of the prepared model learns."""
    if config.method_plugin:
        reporter.notice(f"The method is {plugins.find('method', config.method_plugin).title}.")
    for sentence in method.describe(model, config.method):
        reporter.notice(sentence)


def print_estimate(run_dir: Path) -> int:
    """Memory the run would take at its peak, as JSON on stdout; needs the model's `config.json` only."""
    try:
        config = read_config(run_dir / CONFIG_FILE)
        set_environment(config)
        found = estimate_run(run_dir, config, device=likely_device())
    except RunFailedError as problem:
        print(f"{problem.message} {problem.hint}", file=sys.stderr)  # noqa: T201
        return problem.exit_code
    print(json.dumps(found, indent=1))  # noqa: T201
    return EXIT_FINISHED


def leave_now(reporter: Reporter, checkpoints: Checkpoints) -> None:
    """End the process at once, on record, from whatever thread."""
    if reporter.finish("stopped", message="Stopped at once.", checkpoint=newest(checkpoints)):
        exit_at_once(ranks.note_exit(reporter.code(EXIT_STOPPED)))


def newest(checkpoints: Checkpoints) -> str | None:
    checkpoint = checkpoints.newest()
    return checkpoints.path_of(checkpoint) if checkpoint else None


def require_spread(config: RunConfig) -> None:
    """Raise RunFailedError if the config's several processes, or its model in parts, cannot be."""
    sharding.require_possible(config)
    schedule.require_optimizer(config)
    if launching.is_started_by_torchrun():
        launching.require_one_process_to_split(config.distributed, os.environ)
    else:
        launching.spread_of(config.distributed, os.environ)


def set_environment(config: RunConfig) -> None:
    """What the libraries read when they are imported."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # warns of an optional kernel nobody needs
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"
    os.environ.update(network.NO_TELEMETRY)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    needs_all = config.distributed.enable_model_splitting or backends.of(config) is not None
    if "LOCAL_RANK" not in os.environ and not needs_all:
        # With several GPUs in sight the library would split each batch over them and change its size.
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    if config.offline:
        network.close("This run is offline.")


def run_as_program(act: Callable[[list[str]], int]) -> None:
    """End without the interpreter's teardown: a crash of a GPU library there would belie the exit code."""
    try:
        code = act(sys.argv[1:])
    except SystemExit as ended:  # --help, or arguments it doesn't know
        code = ended.code if isinstance(ended.code, int) else EXIT_FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    exit_at_once(ranks.note_exit(code))


if __name__ == "__main__":
    run_as_program(main)
