"""What is drawn: the right numbers at the right place, labels with units, one scale for what is compared."""

import json

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.image import AxesImage

from debye import schema, store
from debye.analysis import curves, figures, style
from debye.analysis.definitions import EVERY, FLOOR, NETWORK
from debye.errors import ConfigError, FormatError
from debye.parameters import Grid


@pytest.fixture
def read(analysed):
    """Metrics, gallery and summary of an analysis."""
    with store.open_raw(analysed.folder / "metrics.nc") as metrics:
        metrics.load()
    with store.open_raw(analysed.folder / "gallery.nc") as gallery:
        gallery.load()
    return metrics, gallery, json.loads((analysed.folder / "summary.json").read_text())


def stairs_of(axes, label):
    """Values of the steps with this label and the steps drawn next (the other side of the interface)."""
    patches = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    first = next(i for i, patch in enumerate(patches) if patch.get_label() == label)
    return patches[first].get_data(), patches[first + 1].get_data()


def test_error_against_distance_shows_the_bands_and_the_floor_in_one_pair_of_axes(read):
    metrics, _, summary = read
    (axes,) = curves.error_by_distance({"small": metrics}, summary).axes
    assert axes.get_xlabel() == "signed distance from the interface / cells (h)"
    assert axes.get_ylabel() == "error of the potential / (kT/e)"
    assert axes.get_yscale() == "log"
    assert any("inside" in text.get_text() for text in axes.texts)
    assert any("outside" in text.get_text() for text in axes.texts)
    assert any(list(line.get_xdata()) == [0.0, 0.0] for line in axes.lines)
    for of, label in ((NETWORK, "small, RMSE"), (FLOOR, "label floor, RMSE (6 of 24 samples)")):
        expected = metrics["band_rmse"].sel(of=of, family=EVERY)
        for side, steps in zip(("inside", "outside"), stairs_of(axes, label), strict=True):
            values = expected.sel(side=side).values
            np.testing.assert_array_equal(steps.values, values[np.isfinite(values)])
    inside, outside = stairs_of(axes, "small, RMSE")
    assert inside.edges[-1] == 0 == outside.edges[0]


def test_a_band_across_the_interface_is_cut_there(read):
    metrics, _, _ = read
    shifted = metrics.assign_coords(
        band_lower=metrics["band_lower"] - 0.5, band_upper=metrics["band_upper"] - 0.5
    )
    for side in ("inside", "outside"):
        edges, values = curves.side_bands(shifted.sel(of=NETWORK, family=EVERY), "band_rmse", side)
        assert len(edges) == len(values) + 1
        assert (edges <= 0).all() if side == "inside" else (edges >= 0).all()


def test_every_family_has_its_panel_on_the_same_scale(read):
    metrics, _, summary = read
    panels = [axes for axes in curves.error_by_family({"small": metrics}, summary).axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["disc", "ellipse", "star"]
    assert {axes.get_title(loc="right") for axes in panels} == {"floor: 2 of 8 samples"}
    assert len({axes.get_ylim() for axes in panels}) == 1


def test_the_training_curve_shows_both_losses_and_the_learning_rate(read):
    metrics, _, _ = read
    losses, rates = curves.training_curve({"small": metrics}).axes
    drawn = {line.get_label(): line.get_ydata() for line in losses.lines}
    np.testing.assert_array_equal(drawn["small, train"], metrics["history_train_loss"])
    np.testing.assert_array_equal(drawn["small, validation"], metrics["history_validation_loss"])
    assert (losses.get_ylabel(), rates.get_ylabel(), rates.get_xlabel()) == ("loss", "learning rate", "epoch")
    np.testing.assert_array_equal(rates.lines[0].get_ydata(), metrics["history_learning_rate"])


def test_label_and_prediction_share_a_scale_and_the_error_has_its_own(read):
    _, gallery, _ = read
    sample = gallery.isel(sample=0)
    figure = figures.sample_fields(sample)
    images = [child for axes in figure.axes for child in axes.get_children() if isinstance(child, AxesImage)]
    label, prediction, error = images
    assert label.get_clim() == prediction.get_clim() != error.get_clim()
    for image in images:
        low, high = image.get_clim()
        assert low == -high
        assert image.get_extent() == [-12.375, 12.375, -12.375, 12.375]
    np.testing.assert_allclose(error.get_array(), sample["error"].values.T, rtol=1e-6)
    named = [axes.get_ylabel() for axes in figure.axes]
    assert sum("kT/e" in name for name in named) == 2
    assert figure.axes[0].get_xlabel() == "x / Å"
    assert figure.axes[0].get_ylabel() == "y / Å"


def test_the_interface_and_signed_charges_are_drawn():
    dataset = schema.mock(1, Grid(cells=32, half_width=8.0, dim=2), charges=2)
    dataset["charge_value"][0] = [0.1, -0.2]
    dataset["charge_position"][0] = [[1.0, -2.0], [3.0, 0.5]]
    axes = figures.solution_figure(dataset).axes[0]
    offsets = np.concatenate(
        [np.asarray(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)]
    )
    assert {tuple(place) for place in offsets.tolist()} == {(1.0, -2.0), (3.0, 0.5)}
    radius = float(dataset["geometry_parameter"][0, -1])
    interface = [c for c in axes.collections if hasattr(c, "levels") and list(c.levels) == [0.0]]
    distance = np.linalg.norm(interface[0].get_paths()[0].vertices, axis=1)
    np.testing.assert_allclose(distance, radius, atol=0.02)


def test_an_infinite_potential_does_not_set_the_colours():
    assert figures.robust_limit([np.array([1.0, -3.0, np.inf, -np.inf])], 1.0) == 3.0
    assert figures.robust_limit([np.zeros(4)], 0.99) == 1.0
    dataset = schema.mock(1, Grid(cells=32, half_width=8.0, dim=2))
    dataset["charge_position"][0, 0] = [0.0, 0.0]
    figure = figures.solution_figure(dataset)
    image = next(child for child in figure.axes[0].get_children() if isinstance(child, AxesImage))
    assert np.isfinite(image.get_clim()).all()
    assert "99 %" in figure.axes[-1].get_ylabel()
    assert "kT/e" in figure.axes[-1].get_ylabel()


@pytest.mark.parametrize(("dim", "panels"), [(2, [("x", "y")]), (3, [("x", "y"), ("x", "z"), ("y", "z")])])
def test_a_solution_is_drawn_in_planes(dim, panels):
    figure = figures.solution_figure(schema.mock(1, Grid(cells=8, half_width=8.0, dim=dim)))
    drawn = [(axes.get_xlabel()[0], axes.get_ylabel()[0]) for axes in figure.axes[: len(panels)]]
    assert drawn == panels


@pytest.mark.parametrize(("extension", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_extension_decides_the_format(tmp_path, extension, start):
    path = tmp_path / f"figure.{extension}"
    figures.draw_solution(schema.mock(1), path)
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_extension_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ConfigError, match=r"extension 'jpeg'.*\.png, \.svg, \.pdf"):
        figures.draw_solution(schema.mock(1), tmp_path / "figure.jpeg")
    assert not list(tmp_path.iterdir())


def test_several_samples_are_refused(tmp_path):
    with pytest.raises(FormatError, match="found 2 samples, expected one"):
        figures.draw_solution(schema.mock(2), tmp_path / "figure.png")


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures.solution_figure(schema.mock(1))
    assert dict(matplotlib.rcParams) == before


def test_a_picture_keeps_to_its_size():
    figure = figures.solution_figure(schema.mock(1))
    whole, small = style.data_uri(figure), style.data_uri(figure, 30_000)
    assert whole.startswith("data:image/svg+xml;base64,")
    assert small.startswith("data:image/webp;base64,")
    assert len(small) < len(whole)
