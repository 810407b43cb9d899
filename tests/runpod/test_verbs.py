"""`tunewright runpod gpus|balance|volumes|templates`, on the emulator."""

import json

import pytest

from app.bootstrap import build_services
from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.verbs import VERBS
from app.domain.errors import StudioError
from app.paths import Paths
from tests.docker_engine import CHECKOUT
from tests.runpod.conftest import GPU

EXAMPLE = CHECKOUT / "docs/examples/lora.toml"


@pytest.fixture
def services(cloud, tmp_path):
    return build_services(Paths(tmp_path / "home"))


@pytest.fixture
def told(services, capsys):
    """What a verb prints as JSON; with `plainly`, for people."""

    def run(*words: str, plainly: bool = False):
        args = make_parser().parse_args(["runpod", *words])
        code = VERBS["runpod", args.noun](services, args, Output(as_json=not plainly))
        said = capsys.readouterr().out
        return (said if plainly else json.loads(said)), code

    return run


def test_gpus_come_cheapest_or_strongest_first_and_only_those_that_fit(told):
    def names(*words):
        return [gpu["name"] for gpu in told("gpus", *words)[0]["gpus"]]

    assert names()[0] == "RTX A4000"
    assert names("--order", "fastest")[0] == "H100 SXM"
    assert "H200 SXM" in names("--all")
    assert "H200 SXM" not in names()
    assert names("--needs", "40") == ["L40S", "A100 PCIe", "H100 SXM"]
    assert names("--region", "EU-CZ-1") == ["RTX 4090", "A100 PCIe"]
    assert told("gpus", "--needs", "500")[1] == 1


def test_a_setup_says_itself_how_much_memory_it_needs(told):
    found, _ = told("gpus", "--config", str(EXAMPLE))

    assert 0 < found["needed_bytes"] < 10e9
    assert found["gpus"][0]["name"] == "RTX A4000"


def test_gpus_for_people_say_memory_price_and_where(told):
    said, _ = told("gpus", "--needs", "20", plainly=True)

    assert "The run needs 20.0 GB" in said
    assert "RTX 4090" in said
    assert "$0.69/h" in said
    assert "EU-CZ-1 low" in said


def test_the_balance_is_told(told):
    assert told("balance")[0]["credit"] == pytest.approx(100)
    assert told("balance", plainly=True)[0] == "Balance: $100.00. Spending now: $0.00/h.\n"


def test_a_volume_is_made_on_a_word_listed_with_its_price_and_deleted_on_a_word(told, cloud, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert "There is no network volume" in told("volumes", plainly=True)[0]
    with pytest.raises(StudioError, match="Nothing was made"):
        told("volumes", "--ensure", "50", "--gpu", GPU)
    assert not cloud.account.volumes

    made, _ = told("volumes", "--ensure", "50", "--gpu", GPU, "--yes")
    again, _ = told("volumes", "--ensure", "50", "--gpu", GPU)
    assert made == again
    assert (made["volume"]["region"], made["monthly"], made["stock"]) == ("EU-RO-1", 3.5, "HIGH")
    assert told("volumes")[0]["monthly"] == 3.5
    listed = told("volumes", plainly=True)[0]
    assert "EU-RO-1  50 GB  about $3.50" in listed
    assert "About $3.50 a month for all volumes" in listed

    with pytest.raises(StudioError, match="Nothing was deleted"):
        told("volumes", "--delete", made["volume"]["id"])
    told("volumes", "--delete", made["volume"]["id"], "--yes")
    assert not cloud.account.volumes


def test_a_template_is_made_listed_and_deleted(told, cloud):
    assert "There is no template" in told("templates", plainly=True)[0]
    made, _ = told("templates", "--ensure", "a/trainer:1")

    assert (made["name"], made["disk_gb"]) == ("tunewright", 40)
    assert "trainer:1" in told("templates", plainly=True)[0]
    told("templates", "--delete", made["id"], "--yes")
    assert not cloud.account.templates
