"""Rented pods, and their tokens."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.adapters.pod_tokens import PodTokenFiles
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.adapters.sqlite.runs import SqliteRunStore
from app.domain.errors import StoreError
from app.domain.rentals import Rental, RentalState
from app.domain.runs import RunId
from tests.domain.test_rentals import NOON, rental
from tests.store import examples


def full() -> Rental:
    """Every field away from its default."""
    return rental(
        state=RentalState.TRAINING,
        pod_id="7h9k2m4n6p",
        keeper="17:1.0",
        wish="save",
        is_started=True,
        exit_code=3,
        is_retrieved=True,
        message="It was lost 🚢.",
        hint="Resume it.",
        progress="sending 3 of 9 MB",
        missed_at=NOON,
        ended_at=NOON + timedelta(hours=1),
        state_since=NOON,
        trouble="Runpod is silent.",
        is_resumed=True,
        is_extended=True,
        resume_from="samples_48",
        passes_token=True,
    )


def test_a_rental_comes_back_as_it_was_put_in(engine: Engine):
    one = full()

    SqliteRentalStore(engine).add(one)

    again = SqliteRentalStore(engine)
    assert again.get(one.name) == one
    assert again.find(one.run_id, 1) == one
    assert again.find(one.run_id, 2) is None
    assert again.all() == again.living() == [one]


def test_a_name_is_given_once(engine: Engine):
    rentals = SqliteRentalStore(engine)
    rentals.add(full())

    with pytest.raises(StoreError, match="already is a rental"):
        rentals.add(full())


def test_what_was_spent_outlives_the_run(engine: Engine, runs: SqliteRunStore):
    rentals = SqliteRentalStore(engine)
    runs.add(examples.run("0123456789ab"))
    rentals.add(full())

    runs.delete(RunId("0123456789ab"))

    assert len(rentals.all()) == 1


def test_one_that_is_gone_lives_no_more(engine: Engine):
    rentals = SqliteRentalStore(engine)
    rentals.add(full())

    after = rentals.update(full().name, lambda r: r.missed(NOON + timedelta(minutes=1)))

    assert after == rentals.get(full().name) == replace(after, state=RentalState.GONE)
    assert rentals.living() == []
    assert len(rentals.all()) == 1


def test_a_pods_token_is_for_its_owner_only_and_goes_with_the_pod(tmp_path: Path):
    tokens = PodTokenFiles(tmp_path / "pods")

    made = tokens.make("studio-1")

    [file] = (tmp_path / "pods").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PodTokenFiles(tmp_path / "pods").get("studio-1") == made
    assert tokens.make("studio-1") != made
    tokens.forget("studio-1")
    assert tokens.get("studio-1") is None
    assert list((tmp_path / "pods").iterdir()) == []
