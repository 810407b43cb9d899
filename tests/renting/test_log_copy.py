"""Runpod's own log of a pod: read while the pod cannot be asked, marked as a copy, and never doubled."""

import pytest

from app.services.renting.log_copy import KEPT, behind
from tests.launchers.places import wait_until
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import NewRun, gone, launched, living, rental_of


@pytest.mark.parametrize(
    ("lines", "known", "new"),
    [
        ("abcd", "ab", "cd"),
        ("abab", "ab", ""),
        ("xabyab c", "yab", " c"),
        ("abc", "", "abc"),
        ("def", "abc", "def"),
        ("abc", "xyzc", ""),
    ],
)
def test_of_a_copy_only_what_the_log_has_not_yet_is_shown(lines: str, known: str, new: str):
    assert "".join(behind(list(lines), list(known))) == new


def test_lines_come_from_runpod_while_the_pod_does_not_answer_and_none_is_there_twice_after(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    launched(place, run)
    place.wait_until_trained(run)
    wait_until(lambda: rental_of(place, run).is_started and run.log_path.exists())
    copy = run.folder / "log-copy.txt"

    place.emulator.faults.proxy = "502"
    wait_until(lambda: copy.exists() and len(copy.read_text().splitlines()) > 3)
    log, copied = run.log_path.read_text().splitlines(), copy.read_text().splitlines()
    place.emulator.faults.proxy = ""
    wait_until(lambda: not copy.exists())
    place.finish(run, 0)
    gone(place, run)

    whole = run.log_path.read_text().splitlines()
    assert whole[: len(log) + len(copied)] == log + copied
    assert (place.folder_there(run) / "log.txt").read_text().splitlines() == whole


def test_of_a_pod_that_is_gone_the_copy_becomes_the_end_of_the_log_and_says_so(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    launched(place, run)
    place.wait_until_trained(run)
    wait_until(lambda: rental_of(place, run).is_started and run.log_path.exists())
    place.emulator.faults.proxy = "502"
    copy = run.folder / "log-copy.txt"
    wait_until(lambda: copy.exists() and copy.read_text())

    place.emulator.account.lose(living(place)[0])
    gone(place, run)

    wait_until(lambda: not copy.exists())
    before, _, after = run.log_path.read_text().partition(KEPT)
    assert after.strip()
    assert not set(before.splitlines()) & set(after.splitlines()[1:])


def test_how_it_ended_is_known_from_the_log_while_the_pod_does_not_answer(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    launched(place, run)
    place.wait_until_trained(run)

    place.emulator.faults.proxy = "502"
    place.finish(run, 7)
    wait_until(lambda: rental_of(place, run).exit_code == 7)
    assert not rental_of(place, run).is_over
    place.emulator.faults.proxy = ""

    assert gone(place, run).is_retrieved
