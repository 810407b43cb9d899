"""Ends a pod, and believes it only when two looks, some seconds apart, find none."""

import logging

from app.domain.rentals import Rental
from app.services.renting.parts import Renting

log = logging.getLogger(__name__)


def end_pod(renting: Renting, rental: Rental) -> Rental:
    """One look, and an order to end if there still is one. Raises TargetError if Runpod cannot be asked."""
    cloud = renting.account.cloud()
    now = renting.clock()
    pod_id = rental.pod_id or next((pod.id for pod in cloud.pods() if pod.name == rental.name), "")
    if pod_id and not rental.pod_id:
        rental = renting.rentals.update(rental.name, lambda r: r.made(pod_id, 0.0, now))
    if pod_id and cloud.pod(pod_id) is not None:
        cloud.terminate_pod(pod_id)
        return renting.rentals.update(rental.name, Rental.seen)
    apart = renting.patience.confirm if pod_id else renting.patience.unseen
    after = renting.rentals.update(rental.name, lambda r: r.missed(now, apart=apart))
    if after.is_over:
        renting.tokens.forget(rental.name)
        log.info("Rental %s is surely gone", rental.name)
    return after
