"""How many rows are kept aside, and which."""

from pathlib import Path

import pytest

from trainer_image.aside import validation_count
from trainer_image.config import RunConfig

from .prepared import Prepared, pairs

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    ("rows", "aside"),
    [(0, 0), (31, 0), (32, 16), (320, 16), (344, 17), (1000, 50), (2560, 128), (1_000_000, 128)],
)
def test_the_automatic_share_has_a_least_and_a_most(rows: int, aside: int) -> None:
    assert validation_count(RunConfig(base_model="x"), rows) == aside


@pytest.mark.parametrize(("share", "rows", "aside"), [(0.1, 50, 5), (0.01, 10, 1), (0.9, 2, 1), (0.5, 1, 0)])
def test_a_chosen_share_leaves_something_on_both_sides(share: float, rows: int, aside: int) -> None:
    config = RunConfig(base_model="x", validation="share", validation_share=share)

    assert validation_count(config, rows) == aside


def test_the_rows_kept_aside_are_drawn_by_the_seed_and_are_not_trained_on(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> tuple[list[bytes], list[bytes]]:
        rows = Prepared(tmp_path / name, pairs(40), seed=seed).rows
        assert rows.validation
        return [bytes(ids) for ids in rows.validation.input_ids], [bytes(ids) for ids in rows.input_ids]

    (aside, kept), again, other = drawn("a", 1), drawn("b", 1), drawn("c", 2)

    assert (aside, kept) == again
    assert aside != other[0]
    assert len(set(aside) | set(kept)) == 40
    assert aside != [bytes(ids) for ids in Prepared(tmp_path / "d", pairs(16)).rows.input_ids]


def test_rows_kept_aside_belong_to_what_a_checkpoint_is_compared_by(tmp_path: Path) -> None:
    with_them = Prepared(tmp_path / "a", pairs(40)).rows
    before = with_them.sha256()
    with_them.validation = None

    assert with_them.sha256() != before


def test_nothing_is_kept_aside_where_it_is_off(tmp_path: Path) -> None:
    assert Prepared(tmp_path, pairs(40), validation="off").ledger.buckets == {"trained": 40}
