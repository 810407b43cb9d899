"""What follows from lengths alone is what the trainer's own ledger says, whatever the limits."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer_image.aside import validation_count
from trainer_image.config import RunConfig
from trainer_image.data import tokenise
from trainer_image.encoding import limits_of
from trainer_image.lengths import Group, Late, Table, padding, percentile, steps, steps_of_epoch
from trainer_image.masking import Encoded, Masking
from trainer_image.rows import Refused, Row
from trainer_image.splitting import set_aside

counts = st.dictionaries(st.integers(0, 500), st.integers(1, 40), min_size=1, max_size=30)


@given(counts, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_numpys(found: dict[int, int], share: float) -> None:
    lengths = [length for length, rows in found.items() for _ in range(rows)]

    assert percentile(found, share) == int(np.quantile(lengths, share, method="inverted_cdf"))


class _NoTokenizer:
    """What `tokenise` asks of one."""

    all_special_ids = ()
    added_tokens_decoder: dict[int, Any] = {}  # noqa: RUF012


def _encode(messages: list[dict[str, Any]]) -> Encoded:
    ids, first = messages[0]["content"]
    return Encoded(list(ids), [at >= first for at in range(len(ids))])


drawn_rows = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=9), st.integers(0, 10)),
    ),
    max_size=60,
)
limits = st.fixed_dictionaries(
    {
        "max_seq_len": st.integers(1, 9),
        "min_seq_len": st.integers(1, 4),
        "over_long": st.sampled_from(["drop", "truncate"]),
        "drop_duplicates": st.booleans(),
        "validation": st.sampled_from(["auto", "off", "share"]),
        "validation_share": st.sampled_from([0.05, 0.5]),
    }
)


def _rows(drawn: list[Any]) -> list[Row | Refused]:
    return [
        Refused(line, "malformed", "no row")
        if each is None
        else Row(line, ({"role": "user", "content": (tuple(each[0]), each[1])},))
        for line, each in enumerate(drawn, start=1)
    ]


def _table(drawn: list[Any]) -> Table:
    groups: Counter[tuple[str, int]] = Counter()
    late: Counter[tuple[str, int]] = Counter()
    seen: set[Any] = set()
    for each in filter(None, drawn):
        ids, first = tuple(each[0]), each[1]
        kind = "nothing" if first >= len(ids) else "again" if ids in seen else "new"
        groups[kind, len(ids)] += 1
        if kind != "nothing":
            seen.add(ids)
            late[kind, first] += 1
    return Table(
        [Group(kind, length, rows) for (kind, length), rows in groups.items()],  # type: ignore[arg-type]
        {"malformed": drawn.count(None)},
        [Late(kind, first, rows) for (kind, first), rows in late.items()],  # type: ignore[arg-type]
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_rows, limits)
def test_the_ledger_that_follows_from_lengths_is_the_trainers(drawn: list[Any], chosen: Any) -> None:
    config = RunConfig(base_model="x", **chosen)

    outlook = _table(drawn).outlook(config)

    rows = tokenise(
        _rows(drawn), _NoTokenizer(), Masking(_encode, []), max_seq_len=9, limits=limits_of(config)
    )
    kept = Counter(rows.lengths)
    set_aside(rows, validation_count(config, len(rows.input_ids)), seed=1)
    assert outlook.total == len(drawn)
    if outlook.is_exact:
        assert dict(outlook.buckets) == {bucket: n for bucket, n in rows.ledger.buckets.items() if n}
        assert outlook.cut == rows.ledger.truncated
        assert Counter(outlook.kept) == kept


def test_rows_that_meet_by_chance_are_filled_up_to_the_longest_of_them() -> None:
    dice, lengths = np.random.default_rng(1), [10] * 300 + [20] * 200 + [90] * 100
    batches = dice.permutation(lengths * 20).reshape(-1, 4)
    wasted = (batches.max(axis=1, keepdims=True) - batches).sum() / 20

    guess = padding(Counter(lengths), 4)

    assert guess == pytest.approx(wasted, rel=0.05)
    assert padding(Counter(lengths), 1) == 0
    assert padding({}, 4) == 0


@pytest.mark.parametrize(
    ("settings_", "of_epoch", "of_run"),
    [
        ({"num_epochs": 3}, 13, 39),
        ({"gradient_accumulation_steps": 8}, 7, 7),
        ({"max_steps": 5, "num_epochs": 3}, 13, 5),
    ],
)
def test_steps_are_whole_effective_batches(settings_: Any, of_epoch: int, of_run: int) -> None:
    config = RunConfig(base_model="x", validation="off", **settings_)

    outlook = Table([Group("new", 10, 100)], {}).outlook(config)

    assert (steps_of_epoch(config, outlook), steps(config, outlook)) == (of_epoch, of_run)
