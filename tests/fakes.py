"""Stand-ins with memory for what lies outside the app.

They pass the same contract tests as the real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run
from trainer_image import network
from trainer_image.events import EXIT_STOPPED


@dataclass
class FakeJob:
    """One attempt of a run at a fake target."""

    run: Run
    resume: bool
    secrets: Mapping[str, str]
    state: JobState = field(default_factory=lambda: JobState(JobPhase.RUNNING))
    log: list[str] = field(default_factory=list)
    stops: list[bool] = field(default_factory=list)
    """`save` of every stop that reached it."""
    stubborn: bool = False
    """Leaves only by force."""
    cleaned_up: bool = False
    extend: bool = False
    resume_from: str = ""


class FakeLauncher:
    """A target in memory. Hand `jobs` to a second one to play an app that was started again."""

    def __init__(self, jobs: dict[JobHandle, FakeJob] | None = None) -> None:
        self.jobs = {} if jobs is None else jobs
        self.problems_found: list[str] = []
        self.refusal: TargetError | None = None
        """Raised by every launch."""
        self.unreachable: TargetError | None = None
        """Raised by every question."""

    def job(self, run: Run) -> FakeJob:
        """The newest attempt of a run."""
        return [job for job in self.jobs.values() if job.run.id == run.id][-1]

    def end(self, run: Run, exit_code: int = 0, *, out_of_memory: bool = False) -> None:
        """The job ends by itself."""
        self.job(run).state = JobState(JobPhase.EXITED, exit_code, out_of_memory)

    def vanish(self, run: Run) -> None:
        """Somebody removes the job, or the computer restarts."""
        self.job(run).state = JobState(JobPhase.GONE)

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        return list(self.problems_found)

    def launch(
        self,
        run: Run,
        *,
        resume: bool,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> JobHandle:
        if self.refusal:
            raise self.refusal
        if any(job.run.id == run.id and job.state.phase is JobPhase.RUNNING for job in self.jobs.values()):
            raise TargetError("This run is still going.", "Stop it first.")
        run.config_path.write_text(run.config.model_dump_json(), encoding="utf-8")
        handle = JobHandle(f"{run.id}/{run.attempt}")
        self.jobs[handle] = FakeJob(run, resume, dict(secrets), extend=extend, resume_from=resume_from)
        return handle

    def find(self, run: Run) -> JobHandle | None:
        self._ask()
        handle = JobHandle(f"{run.id}/{run.attempt}")
        return handle if handle in self.jobs else None

    def state(self, handle: JobHandle) -> JobState:
        self._ask()
        return self.jobs[handle].state

    def stop(self, handle: JobHandle, *, save: bool, passed_on: Callable[[], None] = lambda: None) -> None:
        self._ask()
        job = self.jobs[handle]
        if job.state.phase is not JobPhase.RUNNING:
            return
        job.stops.append(save)
        job.state = JobState(JobPhase.EXITED, -9 if job.stubborn else EXIT_STOPPED)
        passed_on()

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        self._ask()
        lines = [line for job in self.jobs.values() if job.run.id == run.id for line in job.log]
        run.log_path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def clean_up(self, handle: JobHandle) -> None:
        self._ask()
        self.jobs[handle].cleaned_up = True

    def _ask(self) -> None:
        if self.unreachable:
            raise self.unreachable


class FakeNetwork:
    """Network of a process whose environment is the one given; remembers why it is closed."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = environment or {}
        self.closed = ""

    def said_by_environment(self) -> tuple[bool, str] | None:
        verdict = network.said_by(self.environment)
        return (verdict.offline, verdict.variable) if verdict else None

    def close(self, why: str) -> None:
        self.closed = why

    def open(self) -> None:
        self.closed = ""

    def go_through(self, proxy: str) -> None:
        self.proxy = proxy
