"""What the interactive figures hold: the right numbers at the right place, one look a network, words to hover."""

import json

import numpy as np
import pytest
from bokeh.models import HoverTool

from debye.analysis import embedding, plots
from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR
from debye.analysis.interactive import FLOOR_NAME, Axis, Line, draw, stretched, value_range
from debye.analysis.leaderboard import add_factors
from debye.analysis.report_samples import read_analysis
from debye.analysis.style import COLOURS, looks


@pytest.fixture(scope="module")
def read(folders):
    """Both analyses, and the figures of distance by family."""
    both = {one.model: one for one in map(read_analysis, folders)}
    metrics = {model: one.metrics for model, one in both.items()}
    return both, plots.by_distance(metrics, both["small"].summary, looks(both))


def drawn(figure, name, kind):
    """Data and glyph of what is drawn under a name, in order."""
    found = [one for one in figure.renderers if one.name == name and type(one.glyph).__name__ == kind]
    return [(one.data_source.data, one.glyph) for one in found]


def test_bands_stand_where_they_are_with_the_floor_below(read):
    both, figures = read
    assert list(figures) == [EVERY, "disc", "ellipse", "star"]
    for model, one in both.items():
        values = one.metrics["band_rmse"].sel(of=NETWORK, family=EVERY)
        for side, (data, glyph) in zip(
            ("inside", "outside"), drawn(figures[EVERY], model, "Step"), strict=True
        ):
            expected = values.sel(side=side).values
            np.testing.assert_array_equal(data["y"][:-1], expected[np.isfinite(expected)])
            assert (np.asarray(data["x"]) <= 0).all() == (side == "inside")
            assert glyph.line_color == looks(both)[model].colour
    floor = both["small"].metrics["band_rmse"].sel(of=FLOOR, family=EVERY)
    heights = np.concatenate([data["y"][:-1] for data, _ in drawn(figures[EVERY], FLOOR_NAME, "Step")])
    np.testing.assert_array_equal(
        heights, np.concatenate([floor.sel(side=s).dropna("band") for s in ("inside", "outside")])
    )


def test_the_pointer_is_told_band_value_and_error_over_floor(read):
    both, figures = read
    metrics = both["better"].metrics.sel(family="disc")
    data = drawn(figures["disc"], "better", "Scatter")[0][0]
    assert data["model"] == ["better"] * len(data["x"])
    (hover,) = figures["disc"].select(type=HoverTool)
    assert [name for name, _ in hover.tooltips] == ["network", "distance", "RMSE", "over the floor"]
    assert data["said0"][-1] == "-2 h to 0 h"
    band = int(np.flatnonzero(metrics["band_upper"].values == 0)[0])
    error, on_floor, floor = (
        float(metrics["band_rmse"].sel(of=of, side="inside")[band]) for of in (NETWORK, ON_FLOOR, FLOOR)
    )
    assert data["said1"][-1] == DEFINITIONS["rmse"].show(error) + " kT/e"
    assert data["said2"][-1] == DEFINITIONS["floor_ratio"].show(on_floor / floor)
    assert len(hover.renderers) == 4


def test_families_share_a_scale(read):
    _, figures = read
    assert (
        len(
            {(figures[name].y_range.start, figures[name].y_range.end) for name in ("disc", "ellipse", "star")}
        )
        == 1
    )


def test_what_has_no_logarithm_is_a_gap():
    line = Line([1, 2, 3, 4], [0.0, np.nan, 2.0, 0.5])
    figure = draw({"a": [line]}, looks("a"), Axis("x"), "y")
    np.testing.assert_array_equal(drawn(figure, "a", "Line")[0][0]["y"], [np.nan, np.nan, 2.0, 0.5])
    assert (figure.y_range.start, figure.y_range.end) == (0.25, 4.0)
    assert value_range([Line([1], [0.0])]) is None


@pytest.mark.parametrize(("scale", "middle"), [("linear", 5.5), ("log", 10**0.5)])
def test_the_points_of_bins_are_in_their_middle(scale, middle):
    figure = draw({"a": [Line([1, 10], [2.0])]}, looks("a"), Axis("x", scale=scale), "y")
    assert drawn(figure, "a", "Scatter")[0][0]["x"] == [pytest.approx(middle)]


def test_the_axis_is_stretched_and_its_ticks_are_named():
    assert stretched([-20.0, -1.0, 0.0, 2.0]).tolist() == [-2.0, -0.5, 0.0, 1.0]
    figure = draw(
        {"a": [Line([-2, 0, 20], [1.0, 2.0])]}, looks("a"), Axis("x", place=stretched, ticks=[-2, 20]), "y"
    )
    assert figure.xaxis[0].ticker.ticks == [-1.0, 2.0]
    assert figure.xaxis[0].major_label_overrides == {-1.0: "-2", 2.0: "20"}
    assert drawn(figure, "a", "Step")[0][0]["x"].tolist() == [-1.0, 0.0, 2.0]


def test_no_two_of_eighteen_networks_look_alike():
    found = looks(map(str, range(18)))
    assert len(set(found.values())) == 18
    assert {look.colour for look in found.values()} == set(COLOURS)


def test_rates_stand_over_the_solver_of_the_same_job():
    model = {
        "model": "a", "solver": {"cold_seconds": 0.02, "warm_seconds": 0.005},
        "batches": {"16": {"samples_per_second": 400.0}, "1": {"samples_per_second": 25.0}},
    }  # fmt: skip
    figure = plots.throughput({"models": [model]}, looks("a"))
    data = drawn(figure, "a", "Scatter")[0][0]
    assert (data["x"], data["y"]) == ([1, 16], [0.5, 8.0])
    assert data["said5"] == ["0.12 ×", "2 ×"]


def test_the_test_split_is_filled_and_the_others_are_hollow():
    rows = [
        {"model": "a", "split": split, "total": {"relative_l2_median": error, "relative_l2_95": 0.5}}
        for split, error in (("test", 0.02), ("molecules", 0.05), ("charges", None))
    ]
    add_factors(rows, ("total",))
    figure = plots.by_parameters({"models": [{"model": "a", "parameters": 1000}], "rows": rows}, looks("a"))
    (hollow, shape), (filled, full) = drawn(figure, "a", "Scatter")
    assert (shape.fill_alpha, full.fill_alpha) == (0.0, 1.0)
    assert (hollow["y"], filled["y"]) == ([0.05], [0.02])
    assert hollow["said4"] == ["2.5 ×"]


def test_the_json_cannot_end_its_element():
    figure = draw({"a": [Line([1.0], [1.0], {"said": ["</script>"]})]}, looks("a"), Axis("x"), "y")
    text = embedding.as_json({"here": figure})
    assert "</" not in text
    assert "</script>" in json.dumps(json.loads(text))
    assert json.loads(text)["here"]["target_id"] == "here"
    assert "cdn.bokeh.org" not in text
