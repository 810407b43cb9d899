"""Start, stop, resume and forget training runs."""

import logging
import secrets as dice
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.domain.errors import StudioError, TargetError
from app.domain.gpus import Gpus, freest
from app.domain.ports import Launchers, OpenFolder, Processes, RunStore, Secrets
from app.domain.queue import spreads
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, JobHandle, Length, Run, RunId, RunRequest, RunStatus, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL, Setup
from app.domain.typed_paths import expanded
from app.services.extending import note_extension, of_length
from app.services.library import LibraryService
from app.services.monitoring import MonitoringService
from app.services.resuming import (
    Ground,
    Place,
    checkpoint_of,
    ground_of,
    never_began,
    on_ground,
    resume_blocked,
)
from app.services.run_data import leave_wish, make_run_folder, remove_folder
from app.services.run_requests import (
    config_of_run,
    data_label,
    file_problem,
    is_name,
    made_up_name,
    model_problem,
    place_problem,
    session_of,
)
from trainer_image.config import (
    DATA_FILE,
    FINISH_COMMAND,
    SAMPLE_COMMAND,
    SAVE_COMMAND,
    HubDataset,
    RunConfig,
)

log = logging.getLogger(__name__)


class TrainingService:
    """What the Training tab can ask for. Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        runs: RunStore,
        launchers: Launchers,
        library: LibraryService,
        monitoring: MonitoringService,
        processes: Processes,
        secrets: Secrets,
        *,
        data_dir: Path,
        bundled_model: Path,
        clock: Callable[[], datetime],
        open_folder: OpenFolder,
        offline: Callable[[], str] = lambda: "",
        gpus: Gpus = tuple,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`offline` says why the network is not used, as a sentence; empty if it is. `make_room` is called
        before a run takes this computer's memory, `gpus` to give it one of several."""
        self._gpus = gpus
        self._make_room = make_room
        self._runs = runs
        self._launchers = launchers
        self._library = library
        self._monitoring = monitoring
        self._processes = processes
        self._secrets = secrets
        self._data_dir = data_dir
        self._bundled_model = bundled_model
        self._clock = clock
        self._open_folder = open_folder
        self._offline = offline

    def request_of(self, setup: Setup, folder: Path) -> RunRequest:
        """What a setup asks for; its relative paths start at `folder`. Raises UnknownSessionError."""
        session = session_of(self._library, setup)
        return RunRequest(
            setup.config,
            setup.target,
            session_id=session.id if session else None,
            data_file=folder / expanded(setup.file) if setup.file else None,
            output_name=setup.output_name,
            docker=setup.docker,
            pod=setup.pod,
        )

    def missing(self, request: RunRequest) -> str:
        """The one thing still missing before a run can start, as an order to the person; empty if ready.

        Quick: asks no target. `target_problems` does.
        """
        config = request.config
        if not request.session_id and not request.data_file and not isinstance(config.dataset, HubDataset):
            return "Choose a dataset"
        if problem := file_problem(request.data_file) or model_problem(config.base_model):
            return problem
        if problem := place_problem(request, is_offline=bool(self._offline())):
            return problem
        if request.output_name and not is_name(request.output_name):
            return "Choose an output name of letters, digits, dots, dashes and underscores"
        if request.output_name and self._folder(request, request.output_name).exists():
            return f"Choose another output name: {request.output_name} is taken"
        return ""

    def target_problems(self, request: RunRequest) -> list[str]:
        """What the target itself would refuse, as sentences. May take a second."""
        if request.target.is_by_script:
            return [f"{place_problem(request, is_offline=False)}."]
        return list(self._launchers[request.target].problems(request.docker))

    def launch_problems(self, run: Run) -> list[str]:
        """As `target_problems`, of a run that is to be launched now."""
        return list(self._launchers[run.target].problems(run.docker))

    def output_folder(self, request: RunRequest) -> Path:
        """Where the run would lie on this computer; "…" stands for a name that is made at the start."""
        return self._folder(request, request.output_name or "…")

    def show_folder(self, folder: Path) -> None:
        """Open it in the file manager; the nearest one above it where it is not there yet. Raises
        StudioError."""
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        self._open_folder(folder)

    def start(self, request: RunRequest) -> Run:
        """Record a run, give it its folder and data, and launch it.

        The run is in the store before anything starts, so that a crash in between leaves a visible failed
        run rather than a job nobody knows about. Raises StudioError if it did not start; it is then
        recorded as failed, unless something was missing from the start.
        """
        return self._launch_or_fail(self._runs.update(self.prepare(request).id, self._placed), resume=False)

    def prepare(self, request: RunRequest) -> Run:
        """Record a run that is starting, and give it its folder and its rows, which no later edit changes.

        Raises StudioError if that cannot be done; the run is then recorded as failed, unless something was
        missing from the start.
        """
        if missing := self.missing(request):
            raise StudioError(f"The run cannot start yet. {missing}.", "Then start it again.")
        session = self._library.get(request.session_id) if request.session_id else None
        self._runs.add(run := self._new_run(request, session))
        try:
            make_run_folder(self._library, run.folder, request, session)
            return run
        except StudioError as error:
            self._fail(run, error.message, error.hint)
            raise
        except OSError as error:
            message = f"The run's folder could not be written: {error.strerror or error}."
            hint = "Make room, or make the folder writable, then start again."
            self._fail(run, message, hint)
            raise StudioError(message, hint) from error

    def launch_claimed(self, run: Run, hindrance: Callable[[Run], StudioError | None]) -> Run:
        """Launch a prepared run that this process has claimed; a later attempt goes on from its checkpoint.

        `hindrance`: what keeps it from being launched now; asked only if it is not going yet. Raises
        StudioError if it did not start. It is then recorded as failed or, if that may pass, waits again in
        its place.
        """
        try:
            # An app that was killed at just this point may have got as far as starting it.
            if handle := self._found(run):
                return self._runs.update(run.id, lambda r: r.launched(handle, self._clock()))
            if error := hindrance(run):
                raise error
            return self._launch(run, resume=run.attempt > 1)
        except StudioError as error:
            if error.may_pass:
                self._runs.update(run.id, lambda r: _waiting_again(r, error))
            else:
                self._fail(run, error.message, error.hint)
            raise

    def _found(self, run: Run) -> JobHandle | None:
        """Raises StudioError that may pass: while nobody can look, nobody knows that it is not going."""
        try:
            return self._launchers[run.target].find(run)
        except StudioError as error:
            error.may_pass = True
            raise

    def stop(self, run_id: RunId, *, save: bool) -> Run:
        """End a run and return it as it then truly is. With `save` it writes a checkpoint first.

        Raises TargetError if the target cannot be reached: the run may then still be going, and can be asked
        to stop again.
        """
        run = self._monitoring.refresh(run_id)
        if run.status.is_final:
            return run
        launcher = self._launchers[run.target]
        handle = None if run.status is RunStatus.QUEUED else run.handle or launcher.find(run)
        if handle is None:
            return self._runs.update(
                run_id, lambda r: r if r.status.is_final else r.ended(RunStatus.STOPPED, now=self._clock())
            )
        self._pass_on_stop(run, lambda: launcher.stop(handle, save=save))
        log.info("Run %s was stopped (save=%s)", run_id, save)
        return self._monitoring.refresh(run_id)

    def _pass_on_stop(self, run: Run, ask: Callable[[], None]) -> None:
        """The wish stands only if it was passed on, or an earlier one was: else a crash to come would count
        as the stop that was asked for. While it is passed on the run names this process, so that whoever
        finds the process gone takes the wish back (`MonitoringService.refresh`)."""
        me, was_passed_on = self._processes.me(), run.stop_requested
        self._runs.update(run.id, lambda r: r.stopping(me))
        try:
            ask()
            was_passed_on = True
        finally:
            self._runs.update(run.id, lambda r: r.stop_told(was_passed_on, by=me, attempt=run.attempt))

    def save_now(self, run_id: RunId) -> Run:
        """Ask a run for a checkpoint after the step at hand; it goes on. Its timeline tells when it is there.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, SAVE_COMMAND)

    def sample_now(self, run_id: RunId) -> Run:
        """Ask a run to answer questions of its data after the step at hand; it goes on.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, SAMPLE_COMMAND)

    def finish_now(self, run_id: RunId) -> Run:
        """Ask a run to end after the step at hand and finish: its result is the model measured best.

        Raises StudioError if the run isn't going, or its folder can't be written.
        """
        return self._ask(run_id, FINISH_COMMAND)

    def _ask(self, run_id: RunId, command: str) -> Run:
        run = self._monitoring.refresh(run_id)
        if run.status is not RunStatus.RUNNING:
            raise StudioError("This run is not going, so it cannot be asked.", "Its results are kept.")
        leave_wish(run, command)
        return run

    def resume(
        self,
        run_id: RunId,
        *,
        extend: Length | None = None,
        checkpoint: str = "",
        target: Target | None = None,
        pod: PodOptions | None = None,
        docker: DockerOptions | None = None,
    ) -> Run:
        """Launch a stopped or failed run again from its newest whole checkpoint (see `ground`), or from the
        named one, after which everything measured is then forgotten. With `target`, there from now on; a
        rented one needs `pod`, which is what a person said yes to.

        With `extend`, a finished one too: it goes on to the new length, by the learning rates of that length.
        Raises StudioError if it cannot be resumed, with what blocks it.
        """
        before = self._monitoring.refresh(run_id)
        if reason := self.resume_blocked(before, extend=extend is not None):
            hint = "Start a new run instead." if before.status.is_final else "Let it go on, or stop it."
            raise StudioError(f"This run cannot be resumed: {reason}.", hint)
        place = Place.of(before, target, docker, pod)
        chosen = checkpoint_of(before, checkpoint) if checkpoint else None
        config = before.config
        if extend:
            config = of_length(config, extend)
            note_extension(before, config)

        def claim(run: Run) -> Run:
            if not (run.can_extend if extend else run.can_resume):
                raise StudioError("This run is already going again.", "Follow it in the run view.")
            again = run.begun_again(self._processes.me(), attempt=run.attempt + 1)
            return self._placed(replace(on_ground(place.applied(again)), config=config))

        run = self._runs.update(run_id, claim)
        if chosen is not None:
            self._runs.go_back(run_id, chosen.step)
        return self._launch_or_fail(run, resume=True, extend=extend is not None, resume_from=checkpoint)

    def order_again(
        self,
        run_id: RunId,
        *,
        target: Target | None = None,
        pod: PodOptions | None = None,
        docker: DockerOptions | None = None,
    ) -> Run:
        """Launch a run that never began, because its order was turned down. Raises StudioError."""
        before = self._monitoring.refresh(run_id)
        place = Place.of(before, target, docker, pod)

        def claim(run: Run) -> Run:
            if not never_began(run):
                raise StudioError("This run has begun.", "Resume it, or start a new one.")
            return self._placed(place.applied(run.begun_again(self._processes.me(), attempt=run.attempt)))

        return self._launch_or_fail(self._runs.update(run_id, claim), resume=False)

    def setup_of(self, run: Run, config: RunConfig | None = None) -> Setup:
        """The setup that makes a run like this one, with `config` in the place of its own.

        Its rows are those of the session as it is now; if that is gone, the copy in the run's folder. Raises
        StudioError for an imported run, whose settings nobody knows.
        """
        if run.is_imported:
            raise StudioError("The settings of an imported run are not known.", "Fill in the form by hand.")
        config = config or run.config
        if config.base_model == str(self._bundled_model.resolve()):
            config = config.model_copy(update={"base_model": BUNDLED_MODEL})
        is_hub = isinstance(config.dataset, HubDataset)
        session = None if is_hub else self._session_left(run)
        return Setup(
            target=run.target,
            session=session,
            file=None if is_hub or session else run.folder / DATA_FILE,
            docker=replace(run.docker, container_name=""),
            pod=run.pod,
            config=config,
        )

    def _session_left(self, run: Run) -> str | None:
        return next((str(s.id) for s in self._library.sessions() if s.id == run.session_id), None)

    def retry(self, run_id: RunId, config: RunConfig) -> Run:
        """Start a new run like an earlier one, with other settings. Raises StudioError; of a rented one too:
        its price is seen first, in the form."""
        before = self._runs.get(run_id)
        if before.target.needs_network:
            raise StudioError(
                f"A new run on {before.target.label} costs money, and its price was not seen.",
                "Open it in the form: it says the price.",
            )
        setup = self.setup_of(before, config)
        return self.start(replace(self.request_of(setup, Path.home()), cloned_from=run_id))

    def resume_blocked(self, run: Run, *, extend: bool = False) -> str:
        """Why a run cannot be resumed (with `extend`: for another length), in half a sentence; empty if it
        can."""
        return resume_blocked(run, extend=extend)

    def ground(self, run: Run) -> Ground | None:
        """The checkpoint it would go on from; None if there is none."""
        return ground_of(run)

    def delete(self, run_id: RunId, *, files: bool) -> None:
        """Forget an ended run; with `files` its folder goes too. Raises StudioError if it is still going."""
        run = self._runs.get(run_id)
        if not run.status.is_final:
            raise StudioError("This run is still going.", "Stop it first, then delete it.")
        if files and run.is_imported:
            raise StudioError("These files are another trainer's.", "Delete the run without its files.")
        if files:
            remove_folder(run)
        self._runs.delete(run_id)

    def _new_run(self, request: RunRequest, session: Session | None) -> Run:
        run_id = RunId(dice.token_hex(6))
        label = data_label(request, session)
        name = request.output_name or made_up_name(label, request.config.method.kind, run_id)
        return Run(
            id=run_id,
            name=name,
            target=request.target,
            config=config_of_run(request, self._bundled_model, is_offline=bool(self._offline())),
            docker=request.docker,
            pod=request.pod,
            folder=self._folder(request, name),
            data_label=label,
            session_id=request.session_id,
            session_version=session.version if session else None,
            content_hash=session.content_hash if session else "",
            status=RunStatus.STARTING,
            created_at=self._clock(),
            owner=self._processes.me(),
            cloned_from=request.cloned_from,
        )

    def _placed(self, run: Run) -> Run:
        """On the GPU with the most free memory, as Auto Set and the checks count on it."""
        is_here = run.target is Target.LOCAL or (run.target is Target.DOCKER and run.docker.use_gpu)
        gpus = self._gpus() if is_here and not spreads(run.config) else ()
        return replace(run, gpu=freest(gpus) if len(gpus) > 1 else None)

    def _folder(self, request: RunRequest, name: str) -> Path:
        chosen = request.docker.data_dir if request.target is Target.DOCKER else None
        return expanded(chosen or self._data_dir).absolute() / "outputs" / name

    def _launch_or_fail(self, run: Run, *, resume: bool, extend: bool = False, resume_from: str = "") -> Run:
        """What cannot be launched is recorded as failed."""
        try:
            return self._launch(run, resume=resume, extend=extend, resume_from=resume_from)
        except StudioError as error:
            self._fail(run, error.message, error.hint)
            raise

    def _launch(self, run: Run, *, resume: bool, extend: bool = False, resume_from: str = "") -> Run:
        run = self._within_reach(run) if resume else self._as_the_switch_is(run)
        token = None if run.config.offline else self._secrets.hf_token()
        if not run.target.needs_network:
            self._make_room()
        try:
            handle = self._launchers[run.target].launch(
                run,
                resume=resume,
                extend=extend,
                resume_from=resume_from,
                secrets={"HF_TOKEN": token} if token else {},
            )
        except StudioError:
            raise
        except Exception as error:
            log.exception("Launching run %s failed", run.id)
            raise TargetError(
                "The run could not be launched because of an error inside the app.",
                "The app's log has the details.",
            ) from error
        log.info("Run %s started on %s", run.id, run.target)
        stored = self._runs.update(run.id, lambda r: r.launched(handle, self._clock()))
        if stored.status is RunStatus.STOPPED:  # somebody stopped it before there was anything to stop
            self._launchers[run.target].stop(handle, save=False)
        return stored

    def _as_the_switch_is(self, run: Run) -> Run:
        """Offline, if offline mode was switched on since the run was described: it may have waited for hours.

        Raises TargetError where it cannot be had without the network.
        """
        reason = self._offline()
        if reason and run.target.needs_network:
            raise TargetError(
                f"{run.target.label} needs the network. {reason}",
                "Leave offline mode, then start it again.",
                may_pass=True,
            )
        if not reason or run.config.offline:
            return run
        offline = run.config.model_copy(update={"offline": True})
        return self._runs.update(run.id, lambda r: replace(r, config=offline))

    def _within_reach(self, run: Run) -> Run:
        """As it goes on while the app is offline; what is stored stays, for when it is online again."""
        if not self._offline():
            return run
        return replace(run, config=run.config.model_copy(update={"offline": True, "push": None}))

    def _fail(self, run: Run, message: str, hint: str) -> None:
        self._runs.update(run.id, lambda r: r.ended(RunStatus.FAILED, message, hint, now=self._clock()))


def _waiting_again(run: Run, error: StudioError) -> Run:
    """In its place of the queue, unless somebody stopped it meanwhile."""
    if run.status is not RunStatus.STARTING:
        return run
    return replace(run, status=RunStatus.QUEUED, owner=None, message=error.message, hint=error.hint)
