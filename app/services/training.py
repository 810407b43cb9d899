"""Start, stop, resume and forget training runs."""

import secrets as dice
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.gpus import Gpus
from app.domain.ports import Launchers, OpenFolder, Processes, RunStore, Secrets
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, Length, Run, RunId, RunRequest, RunStatus, Target
from app.domain.sessions import Session
from app.domain.setups import Setup
from app.domain.typed_paths import expanded, nearest_folder
from app.services.extending import note_extension, of_length
from app.services.launching import Launching
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
from app.services.run_data import make_run_folder, remove_folder
from app.services.run_requests import (
    config_of_run,
    data_label,
    file_problem,
    is_name,
    made_up_name,
    model_problem,
    place_problem,
    session_of,
    setup_of_run,
)
from app.services.steering import Steering
from trainer_image.config import HubDataset, RunConfig


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
        self._runs = runs
        self._launchers = launchers
        self._library = library
        self._monitoring = monitoring
        self._processes = processes
        self._data_dir = data_dir
        self._bundled_model = bundled_model
        self._clock = clock
        self._open_folder = open_folder
        self._offline = offline
        self._launching = Launching(
            runs, launchers, secrets, clock=clock, offline=offline, gpus=gpus, make_room=make_room
        )
        self._steering = Steering(runs, launchers, monitoring, processes, clock)

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
        self._open_folder(nearest_folder(folder))

    def start(self, request: RunRequest) -> Run:
        """Record a run, give it its folder and data, and launch it.

        The run is in the store before anything starts, so that a crash in between leaves a visible failed
        run rather than a job nobody knows about. Raises StudioError if it did not start; it is then
        recorded as failed, unless something was missing from the start.
        """
        run = self._runs.update(self.prepare(request).id, self._launching.placed)
        return self._launching.launch_or_fail(run, resume=False)

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
            self._launching.fail(run, error.message, error.hint)
            raise

    def launch_claimed(self, run: Run, hindrance: Callable[[Run], StudioError | None]) -> Run:
        """As `Launching.launch_claimed`."""
        return self._launching.launch_claimed(run, hindrance)

    def stop(self, run_id: RunId, *, save: bool) -> Run:
        """As `Steering.stop`."""
        return self._steering.stop(run_id, save=save)

    def save_now(self, run_id: RunId) -> Run:
        """As `Steering.save_now`."""
        return self._steering.save_now(run_id)

    def sample_now(self, run_id: RunId) -> Run:
        """As `Steering.sample_now`."""
        return self._steering.sample_now(run_id)

    def finish_now(self, run_id: RunId) -> Run:
        """As `Steering.finish_now`."""
        return self._steering.finish_now(run_id)

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
            return self._launching.placed(replace(on_ground(place.applied(again)), config=config))

        run = self._runs.update(run_id, claim)
        if chosen is not None:
            self._runs.go_back(run_id, chosen.step)
        return self._launching.launch_or_fail(
            run, resume=True, extend=extend is not None, resume_from=checkpoint
        )

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
            return self._launching.placed(
                place.applied(run.begun_again(self._processes.me(), attempt=run.attempt))
            )

        return self._launching.launch_or_fail(self._runs.update(run_id, claim), resume=False)

    def setup_of(self, run: Run, config: RunConfig | None = None) -> Setup:
        """As `run_requests.setup_of_run`, whose config may be another."""
        return setup_of_run(self._library, self._bundled_model, run, config or run.config)

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
        """As `resuming.resume_blocked`."""
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

    def _folder(self, request: RunRequest, name: str) -> Path:
        chosen = request.docker.data_dir if request.target is Target.DOCKER else None
        return expanded(chosen or self._data_dir).absolute() / "outputs" / name
