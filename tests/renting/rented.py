"""What the tests of renting ask of a run on a rented pod."""

from collections.abc import Callable

from app.domain.rentals import Rental
from app.domain.runs import JobHandle, Run
from app.services.renting.keeping import Keeper
from tests.emulators.runpod.pods import WITHOUT_AGENT, Wish
from tests.launchers.places import wait_until
from tests.launchers.rented_place import RentedPlace

NewRun = Callable[..., Run]
CHEAPEST, NEXT = "NVIDIA RTX A4000", "NVIDIA L4"


def launched(place: RentedPlace, run: Run) -> JobHandle:
    return place.launcher().launch(run, resume=False, secrets={})


def rental_of(place: RentedPlace, run: Run) -> Rental:
    found = place.renting.rentals.find(run.id, run.attempt)
    assert found is not None
    return found


def gone(place: RentedPlace, run: Run) -> Rental:
    wait_until(lambda: rental_of(place, run).is_over)
    return rental_of(place, run)


def living(place: RentedPlace) -> list[str]:
    return [pod.id for pod in place.emulator.account.living]


def like(place: RentedPlace, *, name: str):
    return Wish(name=name, image="any", gpu=CHEAPEST, ports=["8080/http"], cmd=WITHOUT_AGENT)


class Hanging(Keeper):
    """A keeper that does nothing any more."""

    def advance(self) -> Rental:
        return self._renting.rentals.get(self._name)
