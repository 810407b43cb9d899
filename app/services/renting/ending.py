"""Ends a pod, and believes it only when two looks, some seconds apart, find none."""

import logging
from contextlib import closing

from app.domain.errors import TargetError
from app.domain.rental_ports import AgentRefusedError
from app.domain.rentals import Rental
from app.services.renting.parts import Renting

log = logging.getLogger(__name__)


def end_pod(renting: Renting, rental: Rental) -> Rental:
    """One look, and an order to end if there still is one. Raises TargetError if Runpod cannot be asked."""
    cloud, asked = renting.account.cloud(), renting.clock()
    pod_id = rental.pod_id or next((pod.id for pod in cloud.pods() if pod.name == rental.name), "")
    if pod_id and not rental.pod_id:
        rental = renting.rentals.update(rental.name, lambda r: r.made(pod_id, 0.0, asked))
    if pod_id and cloud.pod(pod_id) is not None:
        cloud.terminate_pod(pod_id)
        return renting.rentals.update(rental.name, Rental.seen)
    if rental.is_started and _answers(renting, rental):
        return _contradicted(renting, rental)
    apart = renting.patience.confirm if pod_id else renting.patience.unseen
    answered = renting.clock()
    after = renting.rentals.update(rental.name, lambda r: r.missed(answered, asked=asked, apart=apart))
    if after.is_over:
        renting.tokens.forget(rental.name)
        log.info("Rental %s is surely gone", rental.name)
    return after


def _answers(renting: Renting, rental: Rental) -> bool:
    """Whether its agent is still there, whatever Runpod says: the key may be another account's by now."""
    try:
        with closing(renting.agent(rental)) as agent:
            agent.health()
    except AgentRefusedError:
        return True
    except TargetError:
        return False
    return True


def _contradicted(renting: Renting, rental: Rental) -> Rental:
    """Raises TargetError, unless its end was asked for just now: that may take it some seconds."""
    rental = renting.rentals.update(rental.name, Rental.seen)
    if rental.state_since and renting.clock() - rental.state_since <= renting.patience.leave:
        return rental
    raise TargetError(
        f"Runpod knows no pod {rental.pod_id}, and yet it answers.",
        "If the Runpod key was changed, use the one it was started with, or end it in the Runpod console.",
    )
