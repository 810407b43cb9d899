"""The previews on the screen, over the real process."""

import random
import re
import threading

import flet as ft
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reading import Preview
from app.domain.runs import RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.services.everything import Services
from app.ui.data.model_view.ledger_view import sentence
from app.ui.data.model_view.scale import Scale, bars, scale_of
from app.ui.data.model_view.view import ModelView
from tests.ui.harness import Screen, mounted
from trainer_image.config import HubDataset, RunConfig

CONFIG = RunConfig(base_model=BUNDLED_MODEL, max_seq_len=64, offline=True)
PATIENCE = 60


async def show(screen: Screen, view: str) -> None:
    """Press one of the buttons that switch the view."""
    [button] = [b for b in screen.controls(ft.SegmentedButton) if "rows" in {s.value for s in b.segments}]
    screen.page.session.apply_patch(button._i, {"selected": [view]})
    await screen.fire(button, "change", [view])


def view_of(services: Services, sample: Session, used: list[int], config: RunConfig = CONFIG):
    return mounted(ModelView, services.previews, services.previews.of_session(sample), config, used.append)


@pytest.fixture
def warm(services: Services, sample: Session) -> None:
    """The process has started, so that a screen need not wait for it longer than it is patient."""
    services.previews.survey(services.previews.of_session(sample), CONFIG, lambda _: None)


@pytest.mark.usefixtures("warm")
async def test_a_hub_that_does_not_answer_is_not_waited_for_and_can_be_asked_again(
    services, tmp_path, monkeypatch
):
    answer = threading.Event()
    rows = [{"prompt": f"Hm {n}?", "completion": "Ah."} for n in range(3)]

    def preview_hub(*_: object) -> Preview:
        answer.wait(PATIENCE)
        return Preview("a dataset", ("prompt", "completion"), rows, None)

    monkeypatch.setattr(services.library, "preview_hub", preview_hub)
    monkeypatch.setattr(services.library, "why_no_hub", lambda: "")
    config = CONFIG.model_copy(update={"dataset": HubDataset(repo="owner/talk"), "offline": False})
    source = services.previews.source_of(RunRequest(config, Target.LOCAL))

    async with mounted(ModelView, services.previews, source, CONFIG) as screen:
        await screen.wait_for_text("Reading owner/talk [train] from the Hub…")
        await screen.click("Cancel")
        await screen.wait_for_text("Looking was cancelled.")
        answer.set()
        screen.start(screen.click("Look again"))

        await screen.wait_for_text("These are the first 3 rows of owner/talk [train], streamed from the Hub")
        await screen.wait_for_text("The first rows: 3 in → 3 trained.")


@pytest.mark.usefixtures("warm")
async def test_every_bucket_of_the_ledger_leads_to_its_rows_and_each_row_to_its_tokens(services, sample):
    async with view_of(services, sample, []) as screen:
        await screen.wait_for_text("344 in → 306 trained: 22 too long, 16 kept aside for validation")
        assert "6.4 % of the rows are lost; a run stops above 30 %." in screen.identified("lost-share")

        await screen.click("22 too long")
        await screen.wait_for_text("66 tokens, more than max_seq_len 64")
        assert "1 to 20 of 22" in screen.text()
        await screen.click("Next page")
        await screen.wait_for_text("21 to 22 of 22")
        await screen.click("Previous page")
        await screen.wait_for(lambda: screen.has_button("Row 13"))
        await screen.click("Row 13")

        await screen.wait_for_text("66 tokens · ")
        assert "This row is left out, too long" in screen.text()


@pytest.mark.usefixtures("warm")
async def test_tokens_are_marked_as_learnt_without_colour_alone_and_rows_can_be_stepped(services, sample):
    async with view_of(services, sample, []) as screen:
        await show(screen, "tokens")
        await screen.wait_for_text("32 tokens · 15 learnt · 4 special")

        [text] = [t for t in screen.controls(ft.Text) if t.spans and len(t.spans) > 20]
        underlined = [s.text for s in text.spans if s.style.decoration == ft.TextDecoration.UNDERLINE]
        assert "".join(underlined).endswith("Fair winds!<|im_end|>")
        assert " end of turn " in [s.text for s in text.spans]
        [told] = [s for s in screen.controls(ft.Semantics) if s.identifier == "tokens"]
        assert "«Ahoy! The ferry" in told.label

        await screen.click("Next row")
        await screen.wait_for(
            lambda: "32 tokens · 15 learnt" not in screen.text() and "learnt" in screen.text()
        )
        assert screen.find(ft.TextField, "Row number").value == "2"


@pytest.mark.usefixtures("warm")
async def test_a_number_that_there_is_not_gives_way_to_the_one_that_is_shown(services, sample):
    async def entered(screen, label: str, typed: str, event: str) -> str:
        await screen.set_value(screen.find(ft.TextField, label), typed, event=event)
        return screen.find(ft.TextField, label).value

    async with view_of(services, sample, []) as screen:
        await show(screen, "tokens")
        await screen.wait_for_text("32 tokens · 15 learnt · 4 special")

        last = await entered(screen, "Row number", "999999", "submit")
        assert int(last) < 999999
        assert await entered(screen, "Row number", "888888", "blur") == last
        assert await entered(screen, "Row number", "no number", "submit") == last

        await show(screen, "lengths")
        await screen.wait_for_text("half have at most 33")
        line = screen.find(ft.TextField, "Longest row").value
        assert await entered(screen, "Longest row", "0", "submit") == line
        assert await entered(screen, "Longest row", "none", "blur") == line


@pytest.mark.usefixtures("warm")
async def test_moving_the_line_changes_every_number_and_a_percentile_can_be_used(services, sample):
    used: list[int] = []
    async with view_of(services, sample, used) as screen:
        await show(screen, "lengths")
        await screen.wait_for_text("half have at most 33, 95 % 66, 99 % 69, the longest 71")
        assert "22 (6.4 %)" in screen.identified("length-numbers")

        field = screen.find(ft.TextField, "Longest row")
        await screen.set_value(field, "40", event="submit")
        before = screen.identified("length-numbers")
        assert "22 (6.4 %)" not in before
        await screen.click("Longer longest row")
        assert screen.find(ft.TextField, "Longest row").value == "41"

        [canvas] = screen.controls(ft.GestureDetector)
        await screen.fire(canvas, "tap_down", {"k": "mouse", "l": {"x": 600, "y": 5}, "g": {"x": 0, "y": 0}})
        assert "0 (0.0 %)" in screen.identified("length-numbers")
        await screen.click("Use p95 (66)")

        assert used == [66]


async def test_a_model_that_is_not_there_is_said_with_a_way_to_try_again(services, sample):
    nowhere = CONFIG.model_copy(update={"base_model": "/nowhere/model"})
    async with view_of(services, sample, [], nowhere) as screen:
        await screen.wait_for_text("The model folder /nowhere/model is not there.")

        assert screen.has_button("Try again")


@pytest.mark.usefixtures("warm")
async def test_the_quality_of_the_rows_is_looked_at_when_asked_for(services, sample):
    services.previews.quality.check(services.previews.of_session(sample), lambda _: None)
    async with view_of(services, sample, []) as screen:
        await screen.wait_for_text("344 in")
        await show(screen, "quality")
        await screen.wait_for_text("344 rows: nothing wrong was found.")

        await screen.click("322 en")
        await screen.wait_for_text("1 to 20 of 322")


lengths = st.dictionaries(st.integers(1, 5000), st.integers(1, 50), min_size=1, max_size=40)


@given(lengths, st.integers(1, 5000))
def test_every_row_stands_in_one_bar_and_a_place_on_the_axis_leads_back_to_its_length(found, line):
    scale = scale_of(found, sorted(found)[len(found) // 2], line)

    assert sum(bars(found, scale)) == sum(found.values())
    for length in found:
        assert abs(scale.length(scale.place(length)) - length) <= 1
    assert scale.place(max(found)) < 1


def test_a_few_rows_that_are_very_much_longer_do_not_squeeze_the_others_together():
    scale = scale_of({50: 1000, 60: 900, 8000: 1}, 55, 2048)

    assert scale.is_log
    assert scale.place(60) - scale.place(50) > 0.02
    assert Scale(0, 100).place(50) == 0.5


def test_the_ledger_is_one_sentence():
    buckets = {"trained": 962, "empty_answer": 21, "too_long": 12, "duplicate": 5}

    assert sentence(buckets, is_sample=False) == (
        "1,000 in → 962 trained: 21 with an empty answer, 12 too long, 5 seen before"
    )
    assert sentence({"trained": 1}, is_sample=True).startswith("A sample of the rows: ")


@pytest.mark.usefixtures("warm")
async def test_who_asked_is_told_once_when_all_rows_were_looked_at(services, sample):
    told: list[bool] = []
    source = services.previews.of_session(sample)

    async with mounted(
        ModelView, services.previews, source, CONFIG, None, lambda: told.append(True)
    ) as screen:
        await screen.wait_for(lambda: told)
        await show(screen, "lengths")

    assert told == [True]


def share_lost_in_pairs(lengths: dict[int, int]) -> float:
    """In percent, when rows meet in pairs by chance."""
    rows = [length for length, count in lengths.items() for _ in range(count)]
    chance = random.Random(7)
    kept = filled = 0
    for _ in range(200):
        chance.shuffle(rows)
        pairs = list(zip(rows[::2], rows[1::2], strict=False))
        kept += sum(sum(pair) for pair in pairs)
        filled += sum(2 * max(pair) for pair in pairs)
    return 100 * (1 - kept / filled)


@pytest.mark.usefixtures("warm")
async def test_what_packing_saves_of_these_very_rows_is_told(services, sample):
    survey = services.previews.survey(services.previews.of_session(sample), CONFIG, lambda _: None)
    kept = {length: count for length, count in survey.table.lengths().items() if length <= 64}
    said = {}
    for packing in (False, True):
        config = CONFIG.model_copy(update={"packing": packing, "per_device_batch_size": 2})
        async with view_of(services, sample, [], config) as screen:
            await show(screen, "lengths")
            await screen.wait_for(lambda screen=screen: screen.identified("length-numbers"))
            said[packing] = next(s for s in screen.identified("length-numbers") if "packing" in s)

    share = round(share_lost_in_pairs(kept))
    assert said[True].startswith("none: packing saves about ")
    assert int(re.search(r"(\d+) %", said[True])[1]) == pytest.approx(share, abs=1)
    assert said[False].startswith(said[True].removeprefix("none: packing saves ").partition(" of")[0])
    assert said[False].endswith("packing would save them")
