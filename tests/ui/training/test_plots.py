"""What a chart shows, before anything is drawn."""

import csv
import io
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from PIL import Image

from app.domain.coach import Advice
from app.domain.runs import Measurement
from app.services.curve_files import curve_csv
from app.services.loss_files import smoothed
from app.ui.training.run.plots import POINTS_SHOWN, ChartSettings, CurveData, kinds_of, plot_of
from app.ui.training.run.png import dashes, png_of
from app.ui.training.run.points import Points
from app.ui.training.run.svg import svg_of
from tests.domain.curves_by_hand import CONFIG, falling, metrics
from trainer_image.config import RunConfig, Sft

WHOLE = RunConfig(base_model="Qwen/Qwen3-0.6B-Base", method=Sft(), unmask_messages=True, num_epochs=3)
SPACE = "{http://www.w3.org/2000/svg}"
INK, SECOND = (11, 90, 94), (147, 80, 28)
"""Of the first line, and of the second."""


def data(losses, config=CONFIG, **more) -> CurveData:
    return CurveData(
        config, tuple(metrics(losses, epochs=more.pop("epochs", 1.0))), **{"measurements": (), **more}
    )


def test_a_long_curve_is_thinned_and_its_newest_steps_can_be_looked_at_alone():
    whole = plot_of(data(falling(5000)), ChartSettings())
    newest = plot_of(data(falling(5000)), ChartSettings(window=50))

    assert whole is not None
    assert newest is not None
    assert max(len(line.points) for line in whole.lines) <= POINTS_SHOWN
    assert (whole.first, whole.last) == (1, 5000)
    assert (newest.first, newest.last) == (4951, 5000)


def test_the_measurement_before_training_stands_left_of_the_first_step():
    measured = (Measurement(0, 4.0, False), Measurement(50, 2.0, True))
    whole = plot_of(data(falling(60), measurements=measured), ChartSettings())
    newest = plot_of(data(falling(60), measurements=measured), ChartSettings(window=50))

    assert whole is not None
    assert newest is not None
    assert whole.first == 0
    assert whole.lines[-1].points == ((0, 4.0), (50, 2.0))
    assert newest.lines[-1].points == ((50, 2.0),)


def test_a_span_of_one_smooths_nothing_and_a_longer_one_lags_behind():
    losses = [2.0] * 50 + [1.0] * 50
    raw = plot_of(data(losses), ChartSettings(span=1))
    calm = plot_of(data(losses), ChartSettings(span=100))

    assert raw is not None
    assert calm is not None
    assert [line.role for line in raw.lines] == ["smooth"]
    assert raw.lines[0].points[-1] == (100, 1.0)
    assert [line.role for line in calm.lines] == ["raw", "smooth"]
    kept = (1 - 2 / 101) ** 50
    assert calm.lines[1].points[-1][1] == pytest.approx((1 + 2 * kept) / (1 + kept))


def test_a_logarithmic_axis_is_labelled_with_the_values_themselves():
    plot = plot_of(data([10.0, 1.0, 0.1, 0.01]), ChartSettings(is_log=True, span=1))

    assert plot is not None
    assert [y for _, y in plot.lines[0].points] == pytest.approx([1, 0, -1, -2])
    assert dict(plot.marks)[-2] == "0.01"


def test_clipped_outliers_are_counted_and_drawn_at_the_edge():
    losses = [1.0 + n / 1000 for n in range(100)]
    losses[50] = 1000.0

    plot = plot_of(data(losses), ChartSettings(clips=True, span=1))

    assert plot is not None
    assert plot.high < 2
    assert max(y for _, y in plot.lines[0].points) == plot.high
    assert "lie beyond the edge" in plot.note


def test_the_guides_range_is_shaded_an_epoch_at_a_time_and_only_where_it_holds():
    plot = plot_of(data([*[2.8] * 30, *[0.5] * 60], WHOLE, epochs=2.9), ChartSettings())
    masked = plot_of(data([2.8] * 30), ChartSettings())

    assert plot is not None
    assert masked is not None
    assert [(shade.low, shade.high) for shade in plot.shades] == [(2.0, 3.0), (1.5, 2.0), (1.0, 1.5)]
    assert masked.shades == ()


def test_what_advice_is_about_is_marked_by_its_steps_and_its_name():
    advice = Advice("flat", "The loss does not fall", "…", 10, 20)

    plot = plot_of(data(falling(30), advice=(advice,)), ChartSettings())

    assert plot is not None
    [shade] = plot.shades
    assert (shade.first, shade.last, shade.name) == (10, 20, "The loss does not fall")
    assert (shade.low, shade.high) == (plot.low, plot.high)


def test_charts_are_offered_for_what_is_known():
    assert [kind for kind, _ in kinds_of(metrics([1.0]))] == ["loss", "rate", "gradient", "speed"]
    assert plot_of(data([1.0]), ChartSettings(kind="gpu")) is None
    assert plot_of(data([math.nan]), ChartSettings()) is None


def test_a_gpu_that_tells_only_how_warm_it_is_is_not_drawn_as_busy():
    steps = tuple(metrics([1.0, 1.0, 1.0], gpu_temperature=lambda step: 60.0 + step))

    plot = plot_of(CurveData(CONFIG, steps, ()), ChartSettings(kind="gpu"))

    assert plot is not None
    [line] = plot.lines
    assert (line.name, line.role, line.points[-1]) == ("Temperature, °C", "second", (3, 63.0))
    assert plot.description == "Temperature, °C: 61.000 at step 1, 63.000 at step 3"


def test_the_gpus_chart_has_both_lines_from_the_first_step_either_is_told_at():
    steps = metrics([1.0] * 9, gpu_temperature=70.0, gpu_utilisation=lambda step: None if step < 4 else 90.0)

    plot = plot_of(CurveData(CONFIG, tuple(steps), ()), ChartSettings(kind="gpu"))

    assert plot is not None
    assert [(line.name, line.role) for line in plot.lines] == [
        ("Busy, %", "smooth"), ("Temperature, °C", "second"),
    ]  # fmt: skip
    assert (plot.first, plot.last, plot.lines[0].points[0]) == (1, 9, (4, 90.0))


@pytest.mark.parametrize("count", [10, 10_000])
def test_values_that_cannot_be_read_for_a_while_hide_no_chart(count):
    steps = metrics([1.0] * count, gpu_utilisation=lambda step: None if step > count // 2 else 90.0)

    assert "gpu" in dict(kinds_of(steps))


def test_a_saved_chart_of_one_step_shows_it(paths):
    plot = plot_of(data([2.0]), ChartSettings(span=1))

    assert plot is not None
    assert len(ET.fromstring(svg_of(plot, "one")).findall(f"{SPACE}circle")) == 1
    image = Image.open(io.BytesIO(png_of(plot, "one", paths.assets)))
    assert any(image.getpixel((x, y)) == INK for x in range(136, 145) for y in range(84, 760))


def test_in_saved_charts_a_second_line_is_dashed_and_so_is_its_place_in_the_legend(paths):
    steps = metrics([1.0] * 50, gpu_utilisation=90.0, gpu_temperature=70.0)
    plot = plot_of(CurveData(CONFIG, tuple(steps), ()), ChartSettings(kind="gpu"))

    assert plot is not None
    tree = ET.fromstring(svg_of(plot, "both"))
    dashed = [shape for shape in tree if shape.get("stroke-dasharray") == "6 3"]
    assert [shape.tag for shape in dashed] == [f"{SPACE}polyline", f"{SPACE}line"]
    image = Image.open(io.BytesIO(png_of(plot, "both", paths.assets)))
    second = [y for y in range(84, 760) if any(image.getpixel((x, y)) == SECOND for x in range(140, 1761))]
    drawn = [image.getpixel((x, second[len(second) // 2])) == SECOND for x in range(160, 1740)]
    assert 0.55 < sum(drawn) / len(drawn) < 0.75


def test_what_is_drawn_of_a_dashed_line_turns_its_corners():
    pieces = dashes([(0.0, 0.0), (4.0, 0.0), (4.0, 10.0)])

    assert pieces == [[(0.0, 0.0), (4.0, 0.0), (4.0, 2.0)], [(4.0, 5.0), (4.0, 10.0)]]
    assert dashes([(1.0, 1.0)]) == []


def test_every_chart_is_described_in_words():
    described = [
        plot_of(data(falling(9)), ChartSettings(kind=kind)) for kind in ("rate", "gradient", "speed")
    ]

    assert [plot.description for plot in described if plot] == [
        "Learning rate: 0.0002 at step 1, 0.0002 at step 9",
        "Gradient norm: 1.000 at step 1, 1.000 at step 9",
        "Tokens/s: 900.000 at step 1, 900.000 at step 9",
    ]


def test_how_warm_the_gpu_is_is_a_line_of_its_own_and_keeps_its_name_where_nothing_else_is_told():
    """A part of a shared card tells its temperature, and not how busy it is."""
    warm = [replace(m, gpu_temperature=60.0 + m.step) for m in metrics([1.0, 1.0, 1.0])]
    both = [replace(m, gpu_utilisation=90.0) for m in warm]

    of_both = plot_of(CurveData(CONFIG, tuple(both), ()), ChartSettings(kind="gpu"))
    of_one = plot_of(CurveData(CONFIG, tuple(warm), ()), ChartSettings(kind="gpu"))

    assert "gpu" in dict(kinds_of(warm))
    heat = ((1, 61.0), (2, 62.0), (3, 63.0))
    assert of_both is not None
    assert of_one is not None
    assert [(line.name, line.points) for line in of_both.lines] == [
        ("Busy, %", ((1, 90.0), (2, 90.0), (3, 90.0))),
        ("Temperature, °C", heat),
    ]
    assert [(line.name, line.points) for line in of_one.lines] == [("Temperature, °C", heat)]
    assert of_one.description.startswith("Temperature, °C: 61")


def test_a_saved_chart_is_an_svg_that_says_what_it_shows():
    plot = plot_of(data(falling(40), WHOLE, measurements=(Measurement(20, 1.5, True),)), ChartSettings())

    assert plot is not None
    tree = ET.fromstring(svg_of(plot, "a <b> & c"))
    space = "{http://www.w3.org/2000/svg}"
    assert tree.findtext(f"{space}title") == "a <b> & c"
    assert tree.findtext(f"{space}desc") == plot.description
    assert len(tree.findall(f"{space}polyline")) == 3
    xs = [
        float(p.split(",")[0])
        for line in tree.findall(f"{space}polyline")
        for p in line.get("points").split()
    ]
    assert 70 <= min(xs) <= max(xs) <= 880


def test_a_chart_saved_as_png_has_its_lines_where_they_belong_and_says_what_it_shows(paths):
    plot = plot_of(data(falling(40), WHOLE, measurements=(Measurement(20, 1.5, True),)), ChartSettings())

    assert plot is not None
    image = Image.open(io.BytesIO(png_of(plot, "run é", paths.assets)))
    assert image.size == (1800, 840)
    assert image.text == {"Title": "run é", "Description": plot.description}
    smooth = {x for x in range(1800) if any(image.getpixel((x, y)) == (11, 90, 94) for y in range(84, 760))}
    assert (min(smooth), max(smooth)) == pytest.approx((140, 1760), abs=4)


def test_nothing_is_loaded_for_pictures_before_one_is_asked_for():
    ask = "import sys, app.ui.root; print([m for m in sys.modules if m.partition('.')[0] == 'PIL'])"

    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_saved_table_has_a_line_a_step_with_the_smoothed_and_the_measured_loss():
    steps = metrics([3.0, 2.0, 1.0])

    rows = list(csv.DictReader(io.StringIO(curve_csv(steps, [Measurement(2, 2.5, True)], span=30))))

    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert [float(row["loss_ema_30"]) for row in rows] == pytest.approx(smoothed([3.0, 2.0, 1.0], span=30))
    assert [row["validation_loss"] for row in rows] == ["", "2.5", ""]
    assert rows[0]["gpu_temperature"] == ""


def test_the_smoothed_loss_of_the_table_is_the_line_that_is_drawn_and_one_nan_spoils_neither():
    losses = [math.nan, 3.0, 2.0, math.nan, 1.0, 4.0]
    rows = list(csv.DictReader(io.StringIO(curve_csv(metrics(losses), [], span=30))))
    plot = plot_of(data(losses), ChartSettings(span=30))

    assert plot is not None
    table = {float(row["step"]): row["loss_ema_30"] for row in rows}
    assert plot.lines[1].points == tuple((step, float(table[step])) for step in (2, 3, 5, 6))
    assert (table[1], table[4]) == ("", table[3])


def test_the_newest_steps_are_smoothed_as_part_of_the_whole_curve():
    whole = plot_of(data(falling(100)), ChartSettings(span=30))
    newest = plot_of(data(falling(100)), ChartSettings(span=30, window=50))

    assert whole is not None
    assert newest is not None
    assert newest.lines[1].points == whole.lines[1].points[-50:]


def test_what_another_trainer_does_not_tell_is_not_drawn_and_breaks_nothing():
    nan = float("nan")
    theirs = replace(
        data([2.0, 1.0], WHOLE),
        metrics=tuple(replace(m, epoch=nan, learning_rate=nan) for m in metrics([2.0, 1.0])),
    )

    plot = plot_of(theirs, ChartSettings())

    assert plot is not None
    assert plot.shades == ()
    assert "rate" not in dict(kinds_of(theirs.metrics))


def test_points_of_one_step_are_told_apart_and_a_point_that_moved_is_another_one():
    points = Points()
    before = points.of("loss", [(1.0, 3.0), (2.0, 2.0), (2.0, 2.0)])

    after = points.of("loss", [(1.0, 3.0), (2.0, 1.5), (2.0, 2.0)])

    assert len({point.key for point in before}) == 3
    assert [(point.x, point.y) for point in after] == [(1.0, 3.0), (2.0, 1.5), (2.0, 2.0)]
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]
