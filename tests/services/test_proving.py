"""A report on what a run has learnt and forgotten, from its rows to the page."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.talking_verbs import prove
from app.domain.comparing import ComparisonFormat
from app.domain.errors import StudioError
from app.domain.proofs import GENERAL, Score
from app.domain.runs import Measurement
from app.domain.talkers import ModelRef
from tests.exporting.conftest import MODEL, add_run
from tests.services.talking import adapter_folder, comparing_of, model_folder, proving_of, talkers_of


@pytest.fixture
def run(world):
    """The tuned model answers as the echo does; two of its four rows want just that."""
    base = model_folder(world.home / "base")
    made = add_run(world, adapter_folder(world.home / "adapter", str(base)), base=base)
    wanted = {"One": "tuned: One", "Two": "tuned: Two", "Three": "base: Three", "Four": "Something else"}
    rows = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in wanted.items()]
    rows.append([{"role": "system", "content": "Be brief."}, *rows[0]])
    rows.append([*rows[0], *rows[1]])
    (made.folder / "data").mkdir()
    (made.folder / "data" / "train.jsonl").write_text(
        "".join(json.dumps({"messages": row}) + "\n" for row in rows)
    )
    return made


def proved(world, run, measurements=()):
    service = proving_of(world, measurements)
    plan, pair = service.plan(ModelRef("run", run.id))
    answers = tuple(a for a in comparing_of(world).run(plan, *pair) if a.facts)
    return replace(plan, answers=answers)


def test_base_and_tuned_are_scored_against_the_answers_of_the_data(world, run):
    whole = proved(world, run)

    found = whole.findings()
    assert whole.is_whole
    assert whole.prompts[:4] == ("One", "Two", "Three", "Four")
    assert whole.prompts[4:] == GENERAL
    assert found.compared == 4
    assert [score.exact for score in found.scores] == [1, 2]
    assert found.scores[1] == Score(2, pytest.approx((1 + 1 + 0.5 + 0) / 4))
    assert (found.general, found.changed) == (20, 20)
    assert 0.5 < found.likeness < 1.0
    assert {sampling.temperature for _, _, sampling in world.engine.asked} == {0.0}


def test_the_report_is_one_page_with_numbers_before_the_answers(world, run):
    measured = [Measurement(0, 2.5, False), Measurement(10, 1.25, True), Measurement(20, 1.5, False)]

    path = comparing_of(world).export(proved(world, run, measured), ComparisonFormat.HTML)

    page = path.read_text()
    assert "<th>Loss on rows kept aside</th><td>2.500</td><td>1.250</td>" in page
    assert "<th>Exact, of 4</th><td>1</td><td>2</td>" in page
    assert "20 of 20 general prompts" in page
    assert "<h2>4. Four</h2>\n<p>In the data: Something else</p>" in page
    assert page.count("In the data: ") == 4
    assert page.index("What may be forgotten") < page.index("<h2>1. One</h2>")
    assert "http" not in page


def test_a_loss_that_was_not_measured_is_not_claimed(world, run):
    whole = proved(world, run, [Measurement(10, 1.25, True)])

    assert whole.proof.loss is None
    assert "did not measure its base model" in whole.as_text(ComparisonFormat.HTML)


def test_a_model_without_rows_of_its_own_is_not_proved(world, run):
    with pytest.raises(StudioError, match="Only what a run has made"):
        proving_of(world).plan(ModelRef("folder", str(MODEL)))
    (run.folder / "data" / "train.jsonl").unlink()
    with pytest.raises(StudioError, match="None of the run's rows on this computer"):
        proving_of(world).plan(ModelRef("run", run.id))


def proved_in_the_terminal(world, run, *words, measurements=()):
    services = SimpleNamespace(
        monitoring=SimpleNamespace(refresh_all=lambda: None),
        talkers=talkers_of(world),
        comparing=comparing_of(world),
        proving=proving_of(world, measurements),
    )
    args = make_parser().parse_args(["prove", str(run.id), "--anyway", *words])
    return prove(services, args, Output(as_json=args.json))


def test_the_verb_says_the_numbers_and_writes_the_report(world, run, tmp_path, capsys):
    report = tmp_path / "proof.html"
    measured = [Measurement(0, 2.5, False), Measurement(10, 1.25, True)]

    code = proved_in_the_terminal(world, run, "--count", "3", "--to", str(report), measurements=measured)

    said = capsys.readouterr().out
    assert code == 0
    assert "[46/46]" in said
    assert "Loss on rows kept aside: 2.500 → 1.250\nExact: 1 → 2 of 3\n" in said
    assert "General prompts answered otherwise: 20 of 20\n" in said
    assert "<th>Exact, of 3</th><td>1</td><td>2</td>" in report.read_text()


def test_the_verb_writes_where_exports_go_and_gives_programs_the_numbers(world, run, capsys):
    proved_in_the_terminal(world, run, "--count", "1", "--json")

    *answers, numbers = map(json.loads, capsys.readouterr().out.splitlines())
    [report] = (world.home / "exports").glob("*.html")
    assert len(answers) == 2 * 21
    assert (numbers["loss"], numbers["findings"]["compared"]) == (None, 1)
    assert numbers["report"] == str(report)


@pytest.mark.parametrize("words", [("--to", "a.csv"), ("--count", "0")])
def test_the_verb_refuses_what_it_cannot_write_or_ask(world, run, words):
    with pytest.raises(StudioError):
        proved_in_the_terminal(world, run, *words)

    assert world.engine.asked == []
