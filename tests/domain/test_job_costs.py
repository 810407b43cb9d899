import pytest

from app.domain.job_costs import job_cost


@pytest.mark.parametrize(
    ("flavor", "dollars", "hours"), [("a10g-large", (4, 5), (2, 3)), ("a100-large", (12, 16), (3, 4))]
)
def test_a_thousand_rows_three_times_cost_what_the_guide_says(flavor, dollars, hours):
    cost = job_cost(flavor, rows=1000, epochs=3)

    assert (cost.dollars, cost.hours) == (dollars, hours)


def test_it_grows_with_rows_passes_and_price():
    cost = job_cost("a10g-small", rows=5000, epochs=1.5, dollars_an_hour=3)

    assert cost.dollars == (4 * 2.5 * 2, 5 * 2.5 * 2)
    assert cost.hours == (5, 7.5)
    assert "$20.00 to $25.00, 5.0 to 7.5 hours at $3.00 an hour" in cost.sentence


def test_of_other_machines_nothing_is_made_up():
    assert job_cost("h200x8", rows=1000, epochs=3) is None
