"""Runpod at the emulator, as an app with a home of its own rents there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.runs import Run, Target
from app.services.renting.reaper import Reaper
from tests.launchers.places import make_run
from tests.launchers.rented_place import POD, RentedPlace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RentedPlace]:
    made = RentedPlace(tmp_path / "rented")
    for name, value in made.emulator.environment().items():  # Runpod's SDK asks nobody else
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    def make(run_id: str = "0123456789ab", **options: object) -> Run:
        run = make_run(tmp_path / "outputs" / run_id, run_id, target=Target.RUNPOD)
        return replace(run, pod=replace(POD, **options))

    return make


@pytest.fixture
def reaper(place: RentedPlace) -> Reaper:
    return Reaper(place.renting, place.keepers)
