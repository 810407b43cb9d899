"""Takes a rental on, one step at a time, from wherever it stands: whoever comes next goes on from the row.

Every step may be taken twice, by another process too, and may be cut short anywhere.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from app.domain.errors import TargetError
from app.domain.rental_ports import AgentRefusedError, AgentSilentError, PodAgent, PodHealth, PodStart
from app.domain.rentals import Rental, RentalState, Wish
from app.domain.runpod_ports import Pod, PodStatus
from app.domain.sizes import sized_of
from app.services.renting.carrying import (
    Dropped,
    as_there,
    checkpoint_to_send,
    leaving,
    newest_checkpoint,
)
from app.services.renting.ending import end_pod
from app.services.renting.log_copy import LogCopy
from app.services.renting.parts import Renting
from app.services.renting.words import RESUME, gone_words, money_is_up, stopped_there, time_is_up
from trainer_image.config import (
    CONFIG_FILE,
    FINISH_COMMAND,
    SAMPLE_COMMAND,
    SAVE_COMMAND,
    RunConfig,
)

log = logging.getLogger(__name__)

_MAYBE_BILLED: Final = "Start the run again. Its cost counts as if there had been one for that long."
_BEGUN: Final = frozenset({"running", "stopping", "ended"})
_DEAD: Final = frozenset({PodStatus.EXITED, PodStatus.ERROR})


class _InterruptedError(Exception):
    """A wish came while files were on their way."""


class Keeper:
    """Looks after one rental. Its memory only saves work: a new one goes on as well."""

    def __init__(self, renting: Renting, name: str) -> None:
        self._renting = renting
        self._name = name
        self._dropped: Dropped | None = None
        self._looked_at: datetime | None = None
        """At Runpod."""
        self._outputs_at: datetime | None = None
        self._silent_since: datetime | None = None
        self._wish_since: datetime | None = None
        self._known_agent: tuple[str, PodAgent] | None = None
        self._asked: Wish = ""
        """What the trainer was told last."""
        self._copy: LogCopy | None = None

    def advance(self) -> Rental:
        """One step, of at most a long poll or one transfer; returns what is then true. What goes wrong is
        noted in `trouble` and tried again at the next call."""
        rental = self._renting.rentals.get(self._name)
        try:
            rental = self._step(rental)
        except AgentSilentError as error:
            return self._silent(rental, error)
        except AgentRefusedError as error:
            return self._refused(rental, error)
        except TargetError as error:
            return self._note(f"{error.message} {error.hint}".strip())
        return self._note("") if rental.trouble and not rental.is_over else rental

    def close(self) -> None:
        """Let go of the connection."""
        if self._known_agent is not None:
            self._known_agent[1].close()
            self._known_agent = None

    def _step(self, rental: Rental) -> Rental:
        now = self._renting.clock()
        if rental.is_wanted and rental.is_overdue(now):
            return self._end(*time_is_up(rental))
        if rental.is_wanted and self._renting.has_spent_all(rental):
            return self._end(*money_is_up(rental))
        match rental.state:
            case RentalState.CREATING:
                return self._find(rental)
            case RentalState.BOOTING:
                return self._boot(rental)
            case RentalState.UPLOADING:
                return self._feed(rental)
            case RentalState.TRAINING:
                return self._watch(rental)
            case RentalState.RETRIEVING:
                return self._bring_home(rental)
            case RentalState.ENDING:
                rental = end_pod(self._renting, rental)
                if rental.is_over:
                    self._copy_of(rental).keep()
                return rental
            case RentalState.GONE:
                return rental

    def _find(self, rental: Rental) -> Rental:
        """An order without an answer: by its name it is known."""
        now = self._renting.clock()
        if not self._is_time_to_look(now):
            return rental
        cloud = self._renting.account.cloud()
        pod = next((pod for pod in cloud.pods() if pod.name == rental.name), None)
        if pod is not None:
            return self._change(lambda r: r.made(pod.id, pod.cost_per_hour, now))
        message = "Runpod did not say whether it started a pod, and there is none."
        return self._missed(rental, now, self._renting.patience.unseen, (message, _MAYBE_BILLED))

    def _boot(self, rental: Rental) -> Rental:
        if rental.wish:
            return self._end("", "")
        patience = self._renting.patience.boot
        if self._renting.clock() - (rental.state_since or rental.created_at) > patience:
            return self._end(
                f"The pod's agent did not answer within {patience.total_seconds() / 60:.0f} minutes.",
                "The image may be wrong or too large. The pod is being ended; try another GPU or region.",
            )
        health = self._agent(rental).health()
        self._heard()
        if health.can_end_itself is False:
            return self._end(
                f"The pod could not end itself if this computer was away: {health.why_not or 'unknown why'}.",
                "It was ended before anything was sent. Start again, on another GPU if it stays so.",
            )
        if health.can_end_itself is None:
            return self._say("the pod is starting")
        return self._go(RentalState.UPLOADING)

    def _feed(self, rental: Rental) -> Rental:
        """Send what is not there yet, then start."""
        if rental.wish:
            return self._end("", "")
        agent, config = self._agent(rental), self._config(rental)
        health = agent.health()
        if health.attempt != rental.attempt or health.phase not in _BEGUN:  # else by a keeper before this one
            if not self._send_all(agent, rental, config):
                return self._renting.rentals.get(self._name)
            self._change(lambda r: replace(r, is_started=True))  # before: the answer may be lost
            self._start(agent, rental, config)
        self._change(lambda r: replace(r, is_started=True))
        return self._go(RentalState.TRAINING)

    def _send_all(self, agent: PodAgent, rental: Rental, config: RunConfig) -> bool:
        """False if a wish came meanwhile."""
        files = list(leaving(rental.folder, config, checkpoint=checkpoint_to_send(rental)))
        whole, sent = sum(path.stat().st_size for path, _ in files), 0
        try:
            for path, name in files:
                agent.send(path, name, partial(self._sent, sent, whole))
                sent += path.stat().st_size
        except _InterruptedError:
            return False
        return True

    def _start(self, agent: PodAgent, rental: Rental, config: RunConfig) -> None:
        token = self._renting.hub_token() if rental.passes_token and not config.offline else None
        agent.start(
            PodStart(
                rental.attempt,
                as_there(config),
                resume=rental.is_resumed,
                extend=rental.is_extended,
                resume_from=rental.resume_from,
                secrets={"HF_TOKEN": token} if token else {},
            )
        )

    def _watch(self, rental: Rental) -> Rental:
        agent = self._agent(rental)
        self._mirror(agent, rental, self._renting.patience.listen_seconds)
        health = agent.health()
        self._heard()
        if health.phase == "ended":
            return self._ended(rental, health)
        if health.phase in ("interrupted", "waiting"):
            return self._again(agent, rental)
        self._pass_on_commands(agent, rental)
        if rental.wish and not self._ask_to_leave(agent, rental, health).is_wanted:
            return self._renting.rentals.get(self._name)
        if self._is_time_for_outputs():
            with suppress(_InterruptedError):
                self._fetch(agent, rental)
        return self._say("saving, then leaving" if rental.wish == "save" else "")

    def _pass_on_commands(self, agent: PodAgent, rental: Rental) -> None:
        """What a person asks of a run lies in its folder here; the trainer looks into the one there."""
        for command in (SAVE_COMMAND, SAMPLE_COMMAND, FINISH_COMMAND):
            wish = rental.folder / command
            if wish.exists():
                agent.ask(wish.name)
                wish.unlink(missing_ok=True)

    def _ask_to_leave(self, agent: PodAgent, rental: Rental, health: PodHealth) -> Rental:
        """Once: told twice, the trainer leaves without saving."""
        now = self._renting.clock()
        if self._asked != rental.wish:
            is_told = health.phase == "stopping" and rental.wish == "save"  # by a keeper before this one
            self._asked, self._wish_since = rental.wish, now
            if not is_told:
                agent.stop(save=rental.wish == "save")
        patience = self._renting.patience
        longest = patience.save if rental.wish == "save" else patience.leave
        if now - (self._wish_since or now) <= longest:
            return rental
        return self._end("The training did not leave when it was asked to, and its pod was ended.", RESUME)

    def _ended(self, rental: Rental, health: PodHealth) -> Rental:
        now = self._renting.clock()
        message, hint = "", ""
        if health.outcome == "lost":
            message, hint = health.message or "The training died in its pod without a word.", RESUME
        elif health.outcome == "stopped" and not rental.wish:
            message, hint = stopped_there(rental, now), RESUME
        self._change(lambda r: replace(r, exit_code=health.exit_code, message=message, hint=hint))
        return self._go(RentalState.RETRIEVING)

    def _again(self, agent: PodAgent, rental: Rental) -> Rental:
        """The container began anew under the training; what it had is there still, or is sent once more."""
        if rental.wish:
            return self._end("", "")
        config = self._config(rental)
        newest = newest_checkpoint(rental)
        for path, name in leaving(rental.folder, config, checkpoint=newest):
            agent.send(path, name, lambda _: None)
        self._start(agent, replace(rental, is_resumed=bool(newest), resume_from=""), config)
        return self._say("going on after a restart of the pod")

    def _fetch(self, agent: PodAgent, rental: Rental) -> bool:
        """Whether all that there is now is here."""
        brought = agent.bring(rental.folder, self._fetched)
        self._dropped = self._dropped or Dropped(rental.folder)
        self._dropped.follow(brought.paths)
        self._outputs_at = self._renting.clock()
        return brought.is_complete

    def _mirror(self, agent: PodAgent, rental: Rental, wait_seconds: float) -> None:
        """Log and events as they are there, in the place of whatever was only a copy."""
        copy = self._copy_of(rental)
        if copy.is_there:
            agent.health()
            copy.drop()
        agent.mirror(rental.folder, wait_seconds=wait_seconds)

    def _copy_of(self, rental: Rental) -> LogCopy:
        self._copy = self._copy or LogCopy(rental.folder)
        return self._copy

    def _bring_home(self, rental: Rental) -> Rental:
        agent = self._agent(rental)
        self._mirror(agent, rental, 0)
        is_complete = self._fetch(agent, rental)
        self._heard()
        if not is_complete:
            return self._renting.rentals.get(self._name)
        agent.mirror(rental.folder, wait_seconds=0)
        self._change(lambda r: replace(r, is_retrieved=True))
        rental = self._go(RentalState.ENDING)
        try:
            agent.retrieved()
        except (AgentSilentError, AgentRefusedError) as error:  # its end is asked for at Runpod anyway
            log.info("Rental %s: %s", rental.name, error.message)
        return rental

    def _silent(self, rental: Rental, error: AgentSilentError) -> Rental:
        """The agent does not answer: Runpod is asked what became of the pod."""
        now = self._renting.clock()
        self._silent_since = self._silent_since or now
        if rental.wish and rental.state is not RentalState.RETRIEVING:
            self._wish_since = self._wish_since or now
            if now - self._wish_since > self._renting.patience.leave:
                return self._end("The pod did not answer when it was to stop, and was ended.", RESUME)
        if not self._is_time_to_look(now):
            return self._renting.rentals.get(rental.name)
        try:
            pod = self._renting.account.cloud().pod(rental.pod_id)
        except TargetError as worse:
            return self._note(f"{worse.message} {worse.hint}".strip())
        if pod is None:
            return self._missed(rental, now, self._renting.patience.confirm, gone_words(rental, now))
        rental = self._change(Rental.seen)
        if pod.status in _DEAD:
            return self._dead(rental, pod)
        if rental.state is RentalState.BOOTING:
            return self._say(f"the pod is {pod.status.value.lower()}")
        if now - self._silent_since > self._renting.patience.silence:
            self._listen_elsewhere(rental)
        return self._note(f"{error.message} {error.hint}".strip())

    def _refused(self, rental: Rental, error: AgentRefusedError) -> Rental:
        """What the agent will never take ends a pod on which nothing trains yet: nobody else would."""
        if error.is_final and rental.state in (RentalState.BOOTING, RentalState.UPLOADING):
            hint = error.hint or "The pod is being ended. If it happens again, report it."
            return self._end(error.message, hint)
        return self._note(f"{error.message} {error.hint}".strip())

    def _missed(self, rental: Rental, asked: datetime, apart: timedelta, words: tuple[str, str]) -> Rental:
        """With the reason at once: whoever sees it gone says why."""
        answered = self._renting.clock()

        def missed(stored: Rental) -> Rental:
            after = stored.missed(answered, asked=asked, apart=apart)
            if not after.is_over or after.message:
                return after
            return replace(after, message=words[0], hint=words[1])

        after = self._change(missed)
        if after.is_over:
            self._renting.tokens.forget(rental.name)
            self._copy_of(rental).keep()
        return after

    def _dead(self, rental: Rental, pod: Pod) -> Rental:
        self._listen_elsewhere(rental)
        return self._end(f"The pod stopped working: Runpod calls it {pod.status.value}.", RESUME)

    def _listen_elsewhere(self, rental: Rental) -> None:
        """The pod's log at Runpod is an independent copy: its lines, and how the training ended."""
        if rental.exit_code is not None or not rental.is_started:
            return
        code = self._copy_of(rental).read(self._renting.account.cloud(), rental)
        if code is not None:
            self._change(lambda r: replace(r, exit_code=code))

    def _sent(self, before: int, whole: int, count: int) -> None:
        rental = self._say(f"sending {sized_of(before + count, whole)}")
        if rental.wish or not rental.is_wanted:
            raise _InterruptedError

    def _fetched(self, done: int, whole: int) -> None:
        """A training that is to leave is told so before more of it is fetched."""
        if not whole:
            return
        rental = self._say(f"fetching {sized_of(done, whole)}")
        if rental.state is RentalState.TRAINING and rental.wish != self._asked:
            raise _InterruptedError

    def _agent(self, rental: Rental) -> PodAgent:
        if self._known_agent is None or self._known_agent[0] != rental.pod_id:
            self.close()
            self._known_agent = (rental.pod_id, self._renting.agent(rental))
        return self._known_agent[1]

    def _config(self, rental: Rental) -> RunConfig:
        try:
            return RunConfig.model_validate_json((rental.folder / CONFIG_FILE).read_bytes())
        except (OSError, ValueError) as error:
            message, hint = "The run's config can no longer be read.", "Start a new run."
            self._end(message, hint)
            raise TargetError(message, hint) from error

    def _heard(self) -> None:
        """Whoever answers lives, whatever a look said before."""
        self._silent_since = None
        if self._renting.rentals.get(self._name).missed_at is not None:
            self._change(Rental.seen)

    def _is_time_to_look(self, now: datetime) -> bool:
        if self._looked_at is not None and now - self._looked_at < self._renting.patience.look:
            return False
        self._looked_at = now
        return True

    def _is_time_for_outputs(self) -> bool:
        now = self._renting.clock()
        return self._outputs_at is None or now - self._outputs_at >= self._renting.patience.outputs

    def _change(self, change: Callable[[Rental], Rental]) -> Rental:
        return self._renting.rentals.update(self._name, change)

    def _go(self, state: RentalState) -> Rental:
        now = self._renting.clock()
        log.info("Rental %s: %s", self._name, state)
        return self._change(lambda r: r.to(state, now))

    def _end(self, message: str, hint: str) -> Rental:
        now = self._renting.clock()
        log.info("Rental %s is to end. %s", self._name, message)
        return self._change(lambda r: r.failed(message or r.message, hint or r.hint, now))

    def _say(self, progress: str) -> Rental:
        return self._change(lambda r: replace(r, progress=progress, trouble=""))

    def _note(self, trouble: str) -> Rental:
        return self._change(lambda r: r if r.is_over else replace(r, trouble=trouble))
