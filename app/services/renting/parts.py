"""What all of renting works with: the stores, the account, the agents, and how patient to be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from app.domain.errors import TargetError
from app.domain.ports import Processes, SettingsStore
from app.domain.rental_ports import Agents, PodAgent, PodTokens, RentalStore
from app.domain.rentals import CONFIRMED_AFTER, Rental, spent
from app.domain.runs import RunId
from app.services.renting.account import Account
from trainer_image.config import RunConfig

INSTALL_SETTING: Final = "install.id"


@dataclass(frozen=True)
class Patience:
    """How long to wait for what. The defaults suit Runpod; tests are in a hurry."""

    boot: timedelta = timedelta(minutes=20)
    """An image of some gigabytes has to be fetched first."""
    look: timedelta = timedelta(seconds=5)
    """Between two questions to Runpod: it takes sixty a minute."""
    listen_seconds: float = 2.0
    """For news of a training, in one go."""
    outputs: timedelta = timedelta(seconds=10)
    """Between two looks for new checkpoints."""
    confirm: timedelta = CONFIRMED_AFTER
    unseen: timedelta = timedelta(seconds=45)
    """Before an order without an answer counts as never obeyed."""
    silence: timedelta = timedelta(minutes=1)
    """Of an agent, before the log of its pod is asked instead."""
    leave: timedelta = timedelta(seconds=60)
    """After a stop; the pod itself ends the trainer by force after 15 seconds."""
    save: timedelta = timedelta(minutes=6)
    """After a stop that saves; the pod itself waits five minutes."""
    stopped: timedelta = timedelta(minutes=30)
    """What a stop waits for in all: saving, fetching, and the pod's end."""
    retry_seconds: float = 1.0


PATIENCE: Final = Patience()


@dataclass(frozen=True)
class Renting:
    """The parts. `agent_port` is where a pod's agent listens."""

    rentals: RentalStore
    account: Account
    agents: Agents
    tokens: PodTokens
    processes: Processes
    settings: SettingsStore
    clock: Callable[[], datetime]
    hub_token: Callable[[], str | None]
    write_config: Callable[[Path, RunConfig], None]
    patience: Patience = PATIENCE
    agent_port: int = 8080

    def install(self) -> str:
        """Of this copy of the app, made once: in the name of each of its pods."""
        import secrets  # noqa: PLC0415 - only the first time

        return self.settings.get(INSTALL_SETTING) or self.settings.claim(
            INSTALL_SETTING, secrets.token_hex(4)
        )

    def spent(self, run_id: RunId) -> float:
        """Dollars that a run has cost so far, on all its pods."""
        return spent(self.rentals.of(run_id), run_id, self.clock())

    def has_spent_all(self, rental: Rental) -> bool:
        """Whether the whole run has used up its budget, whatever this pod was told of it."""
        return rental.is_spent(self.spent(rental.run_id))

    def agent(self, rental: Rental) -> PodAgent:
        """Raises TargetError if its token is lost: then only the pod's end is left."""
        token = self.tokens.get(rental.name)
        if token is None:
            raise TargetError(
                "The token of this pod is no longer on this computer.",
                "Its results cannot be fetched from here. Stop the run to end the pod.",
            )
        return self.agents(self.account.cloud().address(rental.pod_id, self.agent_port), token)
