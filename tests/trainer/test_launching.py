"""How many processes a run has and where they meet: config before environment before default."""

from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import Distributed, RunConfig
from trainer_image.launching import Spread, require_one_process_to_split, spread_in, spread_of
from trainer_image.problems import RunFailedError

from . import tiny


@pytest.mark.parametrize(
    ("asked", "environment", "spread"),
    [
        ({}, {}, Spread(1)),
        ({"nproc_per_node": 2}, {}, Spread(2)),
        ({}, {"PET_NPROC_PER_NODE": "3"}, Spread(3)),
        ({"nproc_per_node": 2}, {"PET_NPROC_PER_NODE": "3"}, Spread(2)),
        (
            {"nnodes": 2, "master_addr": "one"},
            {"PET_NODE_RANK": "1", "PET_MASTER_PORT": "29501", "PET_MASTER_ADDR": "other"},
            Spread(1, 2, 1, master_addr="one", master_port=29501),
        ),
        (
            {"nnodes": 2, "rdzv_endpoint": "one:29400"},
            {"PET_MASTER_ADDR": "other", "PET_RDZV_ID": "seven"},
            Spread(1, 2, 0, rdzv_id="seven", rdzv_endpoint="one:29400"),
        ),
        ({"enable_model_splitting": True}, {"PET_NPROC_PER_NODE": "8"}, Spread(1)),
    ],
)
def test_the_config_wins_over_the_environment_and_that_over_the_default(
    asked: dict[str, Any], environment: dict[str, str], spread: Spread
) -> None:
    assert spread_of(Distributed(**asked), environment) == spread


@pytest.mark.parametrize(
    ("asked", "environment", "words"),
    [
        ({"nnodes": 2}, {}, "not where they meet"),
        ({"node_rank": 1}, {}, "node_rank is 1, but there are only 1 computers"),
        ({}, {"PET_NPROC_PER_NODE": "none"}, "settings for several processes do not fit"),
        ({}, {"PET_RDZV_ENDPOINT": "a:1", "PET_MASTER_ADDR": "b"}, "exclude each other"),
        ({"strategy": "fsdp", "nproc_per_node": "gpu"}, {}, "no GPU that PyTorch can use"),
    ],
)
def test_what_cannot_be_is_said(asked: dict[str, Any], environment: dict[str, str], words: str) -> None:
    with pytest.raises(RunFailedError, match=words):
        spread_of(Distributed(**asked), environment)


def test_auto_is_one_process_where_there_is_no_gpu() -> None:
    assert spread_of(Distributed(nproc_per_node="auto"), {}) == Spread(1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rdzv_endpoint": "a:1", "master_addr": "b"}, "rdzv_endpoint and master_addr"),
        ({"rdzv_endpoint": "a:1", "master_port": 1}, "rdzv_endpoint and master_addr"),
        ({"enable_model_splitting": True, "nproc_per_node": 2}, "is for one process"),
        ({"enable_model_splitting": True, "nnodes": 2}, "is for one computer"),
        ({"enable_model_splitting": True, "strategy": "fsdp"}, "exclude each other"),
    ],
)
def test_what_excludes_each_other_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RunConfig(base_model="x", distributed=asked)


@pytest.mark.parametrize(
    ("spread", "options"),
    [
        (Spread(2), ["--nproc-per-node=2", "--nnodes=1", "--standalone"]),
        (
            Spread(2, 3, 1, rdzv_id="r", rdzv_endpoint="a:1"),
            ["--nproc-per-node=2", "--nnodes=3", "--rdzv-backend=c10d", "--node-rank=1", 
             "--rdzv-endpoint=a:1", "--rdzv-id=r"],
        ),
        (
            Spread(2, 3, 1, master_addr="a", master_port=9),
            ["--nproc-per-node=2", "--nnodes=3", "--node-rank=1", "--master-addr=a", "--master-port=9"],
        ),
    ],
)  # fmt: skip
def test_torchrun_is_told_in_its_own_words(spread: Spread, options: list[str]) -> None:
    assert spread.options() == options


def test_a_model_that_is_to_be_split_is_refused_under_somebodys_torchrun_of_several() -> None:
    splits = Distributed(enable_model_splitting=True)
    with pytest.raises(RunFailedError, match="torchrun started 2 processes"):
        require_one_process_to_split(splits, {"WORLD_SIZE": "2"})

    require_one_process_to_split(splits, {"WORLD_SIZE": "1"})
    require_one_process_to_split(Distributed(), {"WORLD_SIZE": "2"})


def test_a_config_of_one_process_or_none_starts_no_others(tmp_path: Path) -> None:
    one = tiny.make_run(tmp_path / "one", "x", distributed={"nproc_per_node": 1})
    wrong = tiny.make_run(tmp_path / "wrong", "x", distributed={"nproc_per_node": 0})

    assert spread_in(one / "config.json") is None
    assert spread_in(wrong / "config.json") is None
    assert spread_in(tmp_path / "nothing.json") is None
