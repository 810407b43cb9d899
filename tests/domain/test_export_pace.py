"""What is said of the time an export takes: by what was measured here, and nothing where nothing was."""

import pytest

from app.domain.export_pace import ExportPace, Pacer, Step, expected_steps, seconds_of
from app.domain.exports import Told
from tests.services.conftest import NOON


def pace(kind: str = "q8_0", parameters: int = 1_000, prompts: int = 20, seconds: float = 10.0) -> ExportPace:
    return ExportPace(kind, parameters, prompts, (Step("Load", seconds), Step("Write", 2 * seconds)), NOON)


def test_an_export_like_one_before_takes_as_long_for_its_size() -> None:
    kept = [pace(seconds=1.0, kind="merged"), pace(), pace(seconds=99.0)]

    found = expected_steps(kept, kind="q8_0", parameters=2_000, prompts=20)

    assert found == (Step("Load", 20.0), Step("Write", 40.0))
    assert seconds_of(found) == 60.0


@pytest.mark.parametrize(
    ("kind", "parameters", "prompts"),
    [("f16", 1_000, 20), ("q8_0", 5_000, 20), ("q8_0", 200, 20), ("q8_0", 1_000, 2), ("q8_0", None, 20)],
)
def test_of_an_export_unlike_those_before_nothing_is_known(kind, parameters, prompts) -> None:
    found = expected_steps([pace()], kind=kind, parameters=parameters, prompts=prompts)

    assert found == ()
    assert seconds_of(found) is None


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_measurement_only_the_rest_of_the_step_is_said_once_it_has_a_speed() -> None:
    clock = Clock()
    pacer = Pacer((), clock)
    first = pacer.hear(Told("Write", 0.0))
    clock.now += 6.0

    later = pacer.hear(Told("Write", 0.25))

    assert first == Told("Write", 0.0)
    assert (later.left_seconds, later.left_of_all) == (18.0, False)
    assert pacer.hear(Told("Load anew")) == Told("Load anew")


def test_with_a_measurement_the_rest_of_all_is_said_from_the_beginning() -> None:
    clock = Clock()
    pacer = Pacer((Step("Load", 10.0), Step("Write", 20.0), Step("Try", 5.0)), clock)

    lefts = []
    for seconds, told in (
        (0.0, Told("Load")), (4.0, Told("Load")), (8.0, Told("Load")), (0.0, Told("Write", 0.0)),
        (8.0, Told("Write", 0.5)), (8.0, Told("Try")),
    ):  # fmt: skip
        clock.now += seconds
        heard = pacer.hear(told)
        assert heard.left_of_all
        lefts.append(heard.left_seconds)

    assert lefts == [35.0, 31.0, 25.0, 25.0, 13.0, 5.0]
    assert pacer.steps() == (Step("Load", 12.0), Step("Write", 16.0), Step("Try", 0.0))
