"""The same questions to two models."""

import csv
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import Output
from app.cli.parser import make_parser
from app.cli.talking_verbs import compare
from app.domain.chat import Sampling
from app.domain.comparing import Answered, Comparison, ComparisonFormat
from app.domain.errors import BusyError, EngineError, StudioError
from app.domain.talkers import ModelRef
from app.domain.word_differences import differences, likeness
from tests.services.talking import adapter_folder, comparing_of, model_folder, talkers_of


@pytest.fixture
def adapters(tmp_path):
    base = model_folder(tmp_path / "base")
    folders = (adapter_folder(tmp_path / name, str(base)) for name in ("first", "second"))
    return [ModelRef("folder", str(folder)) for folder in folders]


def test_both_get_the_same_seed_and_models_on_one_base_take_turns(world, adapters):
    service = comparing_of(world)
    plan = service.plan(*adapters, ["One", "", "Two "], Sampling())

    answers = [a for a in service.run(plan, *adapters) if a.facts]

    assert [(a.prompt, a.side) for a in answers] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    seeds = {sampling.seed for _, _, sampling in world.engine.asked}
    assert len(seeds) == 1
    assert None not in seeds
    assert len({model.base_model for model, _, _ in world.engine.asked}) == 1


def test_the_base_is_compared_to_the_tuned_model_without_loading_it_twice(world, adapters):
    service = comparing_of(world)
    pair = (adapters[0].as_base(), adapters[0])
    plan = service.plan(*pair, ["Hello"], Sampling())

    said = [a.text for a in service.run(plan, *pair) if a.facts]

    assert said == ["base: Hello", "tuned: Hello"]
    assert len({model.adapter for model, _, _ in world.engine.asked}) == 1


def test_models_of_their_own_are_each_loaded_once(world, tmp_path):
    pair = [ModelRef("folder", str(model_folder(tmp_path / name))) for name in ("a", "b")]
    service = comparing_of(world)
    plan = service.plan(*pair, ["One", "Two"], Sampling())

    order = [(a.prompt, a.side) for a in service.run(plan, *pair) if a.facts]

    assert order == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_closing_ends_it_in_the_middle(world, adapters):
    service = comparing_of(world)
    run = service.run(service.plan(*adapters, ["One", "Two"], Sampling()), *adapters)
    next(run)

    run.close()

    assert len(world.engine.asked) == 1


def busy_for(world, times, *, before, then=lambda: None):
    """The engine refuses so many times before the question of that number; `then` is called each time."""
    answer, left = world.engine.generate, [times]

    def generate(*args, **how):
        if len(world.engine.asked) == before and left[0]:
            left[0] -= 1
            then()
            raise BusyError("Another answer is being generated.")
        return answer(*args, **how)

    world.engine.generate = generate


def test_an_answer_for_somebody_else_between_two_is_waited_for(world, adapters):
    service = comparing_of(world)
    plan = service.plan(*adapters, ["One", "Two"], Sampling())
    busy_for(world, 3, before=2)

    answers = [a for a in service.run(plan, *adapters) if a.facts]

    assert [(a.prompt, a.side) for a in answers] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_batch_that_waits_for_somebody_else_can_be_stopped(world, adapters):
    service = comparing_of(world)
    plan = service.plan(*adapters, ["One", "Two"], Sampling())
    busy_for(world, -1, before=2, then=service.stop)

    answers = [a for a in service.run(plan, *adapters) if a.facts]

    assert [(a.prompt, a.side) for a in answers] == [(0, 0), (0, 1)]


def test_a_batch_that_is_not_wanted_any_more_is_not_begun(world, adapters):
    service = comparing_of(world)
    plan = service.plan(*adapters, ["One"], Sampling())

    assert list(service.run(plan, *adapters, is_wanted=lambda: False)) == []
    assert world.engine.asked == []


def test_a_batch_is_refused_while_another_answer_is_made(world, adapters):
    service = comparing_of(world)
    busy_for(world, 1, before=0)

    with pytest.raises(BusyError):
        list(service.run(service.plan(*adapters, ["One"], Sampling()), *adapters))


def test_what_cannot_be_compared_is_a_sentence(world, adapters):
    service = comparing_of(world)
    for prompts, pair, sentence in (
        ([" "], adapters, "nothing to ask"),
        (["Hi"], [adapters[0]] * 2, "Both models are the same"),
        (["Hi"] * 1001, adapters, "too many"),
    ):
        with pytest.raises(StudioError, match=sentence):
            service.plan(*pair, prompts, Sampling())


def test_prompts_come_from_any_session(world, session):
    assert comparing_of(world).prompts_of(session.id, 5) == ["Where is Sorrel?"]


def test_the_pairs_are_exported_in_each_format(world, adapters):
    service = comparing_of(world)
    plan = service.plan(*adapters, ['Say, "hi"\nplease'], Sampling(seed=4))
    done = type(plan)(
        plan.labels,
        plan.prompts,
        plan.system,
        plan.sampling,
        tuple(a for a in service.run(plan, *adapters) if a.facts),
    )

    files = {kind: service.export(done, kind) for kind in ComparisonFormat}

    row = json.loads(files[ComparisonFormat.JSONL].read_text())
    assert (row["models"], row["sampling"]["seed"]) == (["first", "second"], 4)
    with files[ComparisonFormat.CSV].open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["prompt", "first", "second", "likeness"]
    assert rows[1][0] == plan.prompts[0]
    assert "## Say" in files[ComparisonFormat.MARKDOWN].read_text()


def test_the_page_to_hand_on_marks_what_differs_and_runs_and_fetches_nothing():
    answers = (Answered(0, 0, "To <img src=x> the island"), Answered(0, 1, "To <img src=x> the shore"))
    plan = Comparison(("<base>", "tuned"), ("<script>alert(1)</script>",), "Be & kind", Sampling(), answers)

    page = plan.as_text(ComparisonFormat.HTML)

    assert "<h3>&lt;base&gt;</h3><p>To &lt;img src=x&gt; the<b> island</b></p>" in page
    assert "<h2>1. &lt;script&gt;alert(1)&lt;/script&gt;</h2>" in page
    assert "<p>System prompt: Be &amp; kind</p>" in page
    assert not any(word in page for word in ("<script", "<img", "http", 'src="'))


texts = st.text(alphabet="ab \n", max_size=30)


@given(texts, texts)
def test_stretches_together_are_the_texts_and_the_common_ones_are_equal(first, second):
    left, right = differences(first, second)

    assert "".join(one.text for one in left) == first
    assert "".join(one.text for one in right) == second
    common = [[one.text.split() for one in side if one.is_common] for side in (left, right)]
    assert common[0] == common[1]


def test_what_was_answered_before_a_comparison_broke_off_is_written(world, adapters, tmp_path):
    target = tmp_path / "answers.jsonl"
    services = SimpleNamespace(
        monitoring=world.monitoring, talkers=talkers_of(world), comparing=comparing_of(world)
    )
    answers = world.engine.generate

    def two_answers_then_none(model, messages, sampling, told=None, **how):
        if len(world.engine.asked) == 2:
            raise EngineError("Memory ran out.")
        return answers(model, messages, sampling, told)

    world.engine.generate = two_answers_then_none
    words = ["compare", *map(str, adapters), "--prompt", "One", "--prompt", "Two", "--to", str(target)]

    with pytest.raises(EngineError):
        compare(services, make_parser().parse_args(words), Output(as_json=False))

    assert [json.loads(line)["prompt"] for line in target.read_text().splitlines()] == ["One"]


def test_a_pair_on_the_screen_is_compared_once_however_often_it_is_drawn():
    assert differences("to the island", "to the shore") is differences("to the island", "to the shore")


def test_all_pairs_are_found_by_going_through_the_answers_once():
    class Counted(tuple):
        walks = 0

        def __iter__(self):
            Counted.walks += 1
            return super().__iter__()

    answers = Counted(Answered(prompt, side, "x") for prompt in range(9) for side in (0, 1))
    plan = Comparison(("a", "b"), ("?",) * 10, "", Sampling(), answers)

    assert len(plan.pairs()) == len(plan.pairs()) == 9
    assert Counted.walks == 1


def test_likeness_is_the_share_of_common_words():
    assert likeness("the ferry leaves at six", "the ferry leaves at nine") == 0.8
    assert likeness("", "") == 1
    assert likeness("a", "b") == 0
