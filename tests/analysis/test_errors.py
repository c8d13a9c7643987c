"""Errors of known form must come out with the figures that a hand computes."""

import pickle
import tracemalloc

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from debye import schema, store
from debye.analysis.definitions import EVERY
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.merit import figures_of_merit
from debye.config import Analysis
from debye.errors import FormatError
from debye.parameters import Grid

SETTINGS = Analysis(bands=(-8, -4, -2, -1, 0, 1, 2, 4, 8, 16), near_charge=2.0, interface_band=2.0)


def with_potential(dataset):
    coulomb = store.coulomb_potential(dataset)
    return dataset.assign(
        potential=dataset["regular_potential"] + coulomb.where(dataset["level_set"] < 0, 0.0)
    )


def figures_for(dataset, error, settings=SETTINGS, block=64, decomposed=False):
    labels = with_potential(dataset)
    estimate = (dataset["regular_potential"].astype("f8") + error).transpose(
        *dataset["regular_potential"].dims
    )
    sums = accumulate(potential_error(labels, estimate), settings, block, decomposed=decomposed)
    return figures_of_merit(sums)


@pytest.fixture(scope="module")
def dataset(made):
    return made.three_families(samples=3)


def charge_distance(dataset):
    """Distance of every node to the nearest charge, computed the plain way."""
    square = (dataset["x"] - dataset["charge_position"][..., 0]) ** 2 + (
        dataset["y"] - dataset["charge_position"][..., 1]
    ) ** 2
    return np.sqrt(square.min("charge")).transpose("sample", "x", "y")


def test_a_constant_shift_is_its_own_rmse_and_maximum_everywhere(dataset):
    figures = figures_for(dataset, -0.25)
    np.testing.assert_allclose(figures["rmse"], 0.25, rtol=1e-12)
    np.testing.assert_allclose(figures["maximum"], 0.25, rtol=1e-12)
    held = figures["band_nodes"] > 0
    np.testing.assert_allclose(figures["band_rmse"].values[held], 0.25, rtol=1e-12)
    assert np.isnan(figures["band_rmse"].values[~held]).all()
    np.testing.assert_allclose(figures["interface_excess"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(figures["error_share"], figures["node_share"], rtol=1e-12)
    every = figures.sel(family=EVERY)
    assert int(every["nodes"].sel(region="all")) == dataset["regular_potential"].size
    assert int(every["band_nodes"].sum()) == dataset["regular_potential"].size


def test_tiny_arrays_against_numbers_worked_out_by_hand():
    grid = Grid(cells=4, half_width=2.0, dim=2)
    tiny = schema.mock(2, grid, charges=1)
    tiny["charge_position"][:] = [1.5, 1.5]
    tiny["charge_value"][:] = 0.0
    tiny["level_set"][:] = np.where(np.arange(25).reshape(5, 5) < 5, -0.5, 1.5).astype("f4")
    tiny["regular_potential"][0], tiny["regular_potential"][1] = 2.0, -4.0
    error = xr.zeros_like(tiny["regular_potential"], dtype="f8")
    error[0, 0, 0], error[0, 4, 4], error[1, 2, 2] = 3.0, 4.0, -12.0
    figures = figures_for(tiny, error, Analysis(bands=(-1, 0, 1, 2), near_charge=1.0, interface_band=1.0))
    every = figures.sel(family=EVERY)
    # 9 + 16 + 144 over 50 nodes; the first row of each sample (5 nodes) is inside.
    assert float(every["rmse"].sel(region="all")) == pytest.approx(np.sqrt(169 / 50))
    assert float(every["rmse"].sel(region="inside")) == pytest.approx(np.sqrt(9 / 10))
    assert float(every["rmse"].sel(region="outside")) == pytest.approx(np.sqrt(160 / 40))
    assert float(every["maximum"].sel(region="all")) == 12.0
    # Norms of the errors 5 and 12, of the potentials 2·5 and 4·5.
    np.testing.assert_allclose(figures["sample_relative_l2"].sel(region="all"), [0.5, 0.6])
    assert float(every["relative_l2_median"].sel(region="all")) == pytest.approx(0.55)
    assert float(every["relative_l2_95"].sel(region="all")) == pytest.approx(0.595)
    assert float(every["normalised_rmse"].sel(region="all")) == pytest.approx(np.sqrt(169 / 50) / 6.0)
    assert float(every["interface_excess"]) == pytest.approx(np.sqrt(9 / 10) / 2.0)
    assert np.isnan(every["rmse"].sel(region="near_charges"))
    assert every["band_nodes"].sel(side="inside").values.tolist() == [0, 10, 0, 0, 0]
    assert every["band_nodes"].sel(side="outside").values.tolist() == [0, 0, 0, 40, 0]


def test_nodes_exactly_at_an_edge_belong_to_the_far_side():
    # h = 1 Å: the columns x = -4 … 4 lie exactly that many cells from a plane interface, the charge at x = y = 0.
    dataset = schema.mock(1, Grid(cells=8, half_width=4.0, dim=2), charges=1)
    dataset["level_set"][0] = (dataset["x"] + 0.0 * dataset["y"]).values.astype("f4")
    dataset["charge_position"][:] = [0.0, 0.0]
    dataset["charge_value"][:] = 1e-3
    settings = Analysis(bands=(-2, 0, 2), near_charge=2.0, interface_band=2.0)
    every = figures_for(dataset, 0.5, settings).sel(family=EVERY)
    nodes = {name: int(every["nodes"].sel(region=name)) for name in every["region"].values}
    # The columns x = ±2 are not in the interface band, the nodes 2 h from the charge not near it.
    assert nodes == {
        "all": 9 * 9,
        "inside": 4 * 9,
        "outside": 5 * 9,
        "interface": 3 * 9,
        "near_charges": 3 * 3,
        "bulk": 6 * 9,
    }
    assert every["band_nodes"].sel(side="inside").values.tolist() == [2 * 9, 2 * 9, 0, 0]
    assert every["band_nodes"].sel(side="outside").values.tolist() == [0, 0, 2 * 9, 3 * 9]


def test_a_ring_of_error_is_found_in_its_band_alone(dataset):
    cells = dataset["level_set"].astype("f8") / schema.grid_of(dataset).spacing
    figures = figures_for(dataset, ((cells >= 2) & (cells < 4)) * 0.5)
    every = figures.sel(family=EVERY)
    in_band = (every["band_lower"] == 2) & (every["band_upper"] == 4)
    rmse = every["band_rmse"].sel(side="outside")
    np.testing.assert_allclose(rmse.values[in_band], 0.5)
    assert np.nan_to_num(rmse.values[~in_band]).max() == 0
    assert np.nan_to_num(every["band_rmse"].sel(side="inside")).max() == 0
    assert float(every["rmse"].sel(region="inside")) == 0
    assert float(every["interface_excess"]) == 0


def test_an_odd_error_is_the_same_on_both_sides_of_a_plane_interface():
    dataset = schema.mock(2, Grid(cells=16, half_width=8.0, dim=2), charges=1)
    # Between two columns of nodes, so that the two sides mirror each other exactly.
    x = dataset["x"] + 0.0 * dataset["y"]
    dataset["level_set"][:] = (x.values + 0.5 * np.where(x.values < 0, 0, 1)).astype("f4")
    dataset = dataset.isel(sample=[0])
    dipole = np.sign(x) * np.exp(-abs(x))
    every = figures_for(dataset, dipole, Analysis(bands=(-4, -2, 0, 2, 4), near_charge=1)).sel(family=EVERY)
    signed = dipole.values[None][dataset["level_set"].values < 0]
    np.testing.assert_allclose(every["rmse"].sel(region="inside"), np.sqrt(np.mean(signed**2)))
    outer = every["band_rmse"]
    np.testing.assert_allclose(
        outer.sel(side="inside")[0], np.exp(-8) * np.sqrt(_mean_square_tail()), rtol=1e-10
    )
    assert float(every["maximum"].sel(region="inside")) == pytest.approx(np.exp(-1))


def _mean_square_tail() -> float:
    """Mean of exp(-2|x|)·exp(16) over the columns x = -8 … -5."""
    return float(np.mean(np.exp(2 * np.arange(4.0))))


def test_an_error_near_charges_stays_there(dataset):
    near = charge_distance(dataset) < SETTINGS.near_charge * schema.grid_of(dataset).spacing
    figures = figures_for(dataset, near * 0.125)
    every = figures.sel(family=EVERY)
    assert float(every["rmse"].sel(region="near_charges")) == pytest.approx(0.125)
    assert float(every["rmse"].sel(region="bulk")) == 0
    assert float(every["error_share"].sel(region="near_charges")) == pytest.approx(1.0)
    assert int(every["nodes"].sel(region="near_charges")) == int(near.sum())


def test_nodes_that_hold_a_charge_are_left_out_and_counted(dataset):
    sitting = dataset.copy(deep=True)
    sitting["charge_position"][0, 0] = [0.0, 0.0]
    error = xr.zeros_like(sitting["regular_potential"], dtype="f8")
    middle = sitting.sizes["x"] // 2
    error[0, middle, middle] = 1e6
    figures = figures_for(sitting, error)
    assert figures["excluded_nodes"].sel(family=EVERY) == 1
    assert figures["excluded_nodes"].sel(family="disc") == 1
    assert float(figures["maximum"].max()) == 0
    assert int(figures["nodes"].sel(family=EVERY, region="all")) == sitting["regular_potential"].size - 1


def test_the_range_of_the_normalisation_leaves_out_nodes_near_charges(dataset):
    figures = figures_for(dataset, 0.5)
    potential = with_potential(dataset)["potential"].transpose("sample", "x", "y")
    far = charge_distance(dataset) >= SETTINGS.near_charge * schema.grid_of(dataset).spacing
    values = potential.values[far.values]
    expected = 0.5 / (values.max() - values.min())
    np.testing.assert_allclose(figures["normalised_rmse"].sel(region="all"), expected, rtol=1e-9)


def test_families_are_kept_apart(dataset):
    error = xr.where(dataset["geometry"] == "star", 2.0, 0.5)
    figures = figures_for(dataset, error)
    rmse = figures["rmse"].sel(region="all")
    assert [float(rmse.sel(family=name)) for name in ("disc", "ellipse", "star")] == pytest.approx(
        [0.5, 0.5, 2.0]
    )
    assert float(rmse.sel(family=EVERY)) == pytest.approx(np.sqrt((0.25 + 0.25 + 4) / 3))
    relative = figures["sample_relative_l2"].sel(region="all").values
    median = figures["relative_l2_median"].sel(region="all")
    assert float(median.sel(family="star")) == pytest.approx(np.median(relative[6:]))
    assert float(median.sel(family=EVERY)) == pytest.approx(np.median(relative))


@pytest.mark.parametrize("chunks", [{"sample": 1}, {"sample": 2, "x": 5, "y": 7}, {"sample": -1, "x": 1}])
@pytest.mark.parametrize("block", [1, 4])
def test_no_chunking_and_no_block_changes_a_bit(dataset, chunks, block):
    random = np.random.default_rng(0)
    error = xr.DataArray(random.normal(size=dataset["regular_potential"].shape), dims=("sample", "x", "y"))
    whole = figures_for(dataset, error, decomposed=True)
    parts = figures_for(
        dataset.chunk(chunks), error.chunk({"sample": 3, "y": 11}), block=block, decomposed=True
    )
    xr.testing.assert_identical(whole, parts)


@pytest.mark.parametrize("block", [1, 4])
def test_no_number_of_workers_changes_a_bit(dataset, two_workers, block):
    random = np.random.default_rng(0)
    error = xr.DataArray(random.normal(size=dataset["regular_potential"].shape), dims=("sample", "x", "y"))
    labels = with_potential(dataset).chunk({"sample": 2})
    errors = potential_error(labels, dataset["regular_potential"].astype("f8") + error)
    xr.testing.assert_identical(
        accumulate(errors, SETTINGS, decomposed=True),
        accumulate(errors, SETTINGS, block, two_workers, decomposed=True),
    )


def test_a_block_takes_no_more_along_than_its_fields(tmp_path):
    """Text of all samples in each of them would be a megabyte for every 60 000."""
    taken = []

    def each(opened, items):
        for item in items:
            taken.append(len(pickle.dumps(dask.optimize(item)[0])))
            with opened() as function:
                yield function(item)

    for samples in (64, 6400):
        store.write(schema.mock(samples, Grid(cells=4, half_width=8.0)), tmp_path / "many.nc")
        with store.open_dataset(tmp_path / "many.nc", add=["potential"]) as labels:
            accumulate(potential_error(labels, labels["regular_potential"]), SETTINGS, each=each)
    assert len(taken) == 1 + 100
    assert max(taken) < 2 * taken[0]


def test_three_dimensions_work_alike():
    solid = schema.mock(2, Grid(cells=16, half_width=8.0, dim=3))
    figures = figures_for(solid, 0.25, decomposed=True)
    np.testing.assert_allclose(figures["rmse"].sel(region="all"), 0.25, rtol=1e-12)
    assert int(figures["nodes"].sel(family=EVERY, region="all")) == 2 * 17**3
    bent = figures["curvature_band_rmse"].values
    np.testing.assert_allclose(bent[np.isfinite(bent)], 0.25, rtol=1e-12)
    assert (figures["curvature_share"] > 0.5).all()
    np.testing.assert_allclose(figures["power_error"].sum("wave_number"), 0.25**2, rtol=1e-12)
    shift = figures["quantity_error_median"].sel(family=EVERY)
    assert float(shift.sel(quantity="potential")) == pytest.approx(0.25)
    assert float(shift.sel(quantity="flux_jump")) == pytest.approx(0.0, abs=1e-9)


def test_an_estimate_with_nan_is_refused(dataset):
    error = xr.zeros_like(dataset["regular_potential"], dtype="f8")
    error[1, 2, 3] = np.nan
    with pytest.raises(FormatError, match=r"NaN.*expected finite potentials"):
        figures_for(dataset, error)


@pytest.mark.parametrize("decomposed", [False, True])
def test_a_data_set_larger_than_the_memory_it_may_take(decomposed):
    samples, nodes = 768, 33
    one = schema.mock(1, Grid(cells=nodes - 1, half_width=8.0, dim=2))
    many = one.isel(sample=np.zeros(samples, dtype=int))
    field = da.ones((samples, nodes, nodes), chunks=(16, nodes, nodes), dtype="f8")
    lazy = many.assign(
        regular_potential=(("sample", "x", "y"), field.astype("f4")), potential=(("sample", "x", "y"), field)
    )
    estimate = xr.DataArray(2 * field, dims=("sample", "x", "y"))
    accumulate(potential_error(lazy.isel(sample=slice(16)), estimate[:16]), SETTINGS, decomposed=decomposed)
    tracemalloc.start()
    sums = accumulate(potential_error(lazy, estimate), SETTINGS, block=16, decomposed=decomposed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert int(sums["region_nodes"].sel(region="all").sum()) == field.size
    assert peak < field.nbytes / 2, f"peak {peak} bytes for fields of {field.nbytes} bytes"


def test_a_constant_shift_is_the_same_along_every_axis(dataset):
    figures = figures_for(dataset, -0.25, decomposed=True)
    every = figures.sel(family=EVERY)
    for axis in ("debye_band", "charge_band", "curvature_band"):
        held = figures[f"{axis}_nodes"] > 0
        np.testing.assert_allclose(figures[f"{axis}_rmse"].values[held.values], 0.25, rtol=1e-12)
        np.testing.assert_allclose(figures[f"{axis}_maximum"].values[held.values], 0.25, rtol=1e-12)
        assert np.isnan(figures[f"{axis}_rmse"].values[~held.values]).all()
    for axis in ("debye_band", "charge_band"):
        assert int(every[f"{axis}_nodes"].sum()) == dataset["regular_potential"].size
    known = int(every["curvature_band_nodes"].sum()) / int(every["nodes"].sel(region="interface"))
    assert float(every["curvature_share"]) == pytest.approx(known)
    assert known == 1.0


def test_a_ring_around_a_charge_is_found_in_its_band_alone(dataset):
    cells = charge_distance(dataset) / schema.grid_of(dataset).spacing
    every = figures_for(dataset, ((cells >= 3) & (cells < 4)) * 0.5, decomposed=True).sel(family=EVERY)
    in_band = ((every["charge_band_lower"] == 3) & (every["charge_band_upper"] == 4)).values
    rmse = every["charge_band_rmse"].sel(side="inside").values
    np.testing.assert_allclose(rmse[in_band], 0.5)
    assert np.nanmax(rmse[~in_band]) == 0
    assert int(every["charge_band_nodes"].values[:, in_band].sum()) == int(((cells >= 3) & (cells < 4)).sum())


def test_a_ring_of_some_debye_lengths_is_found_in_its_band_alone(dataset):
    """In each sample by its own Debye length."""
    lengths = xr.DataArray(np.linspace(2.0, 6.0, dataset.sizes["sample"]), dims="sample")
    distance = dataset["level_set"].astype("f8") / lengths
    other = dataset.assign(debye_length=lengths)
    every = figures_for(other, ((distance >= 0.5) & (distance < 1)) * 0.5, decomposed=True).sel(family=EVERY)
    rmse = every["debye_band_rmse"].sel(side="outside").values
    in_band = (every["debye_band_lower"] == 0.5).values
    np.testing.assert_allclose(rmse[in_band], 0.5)
    assert np.nanmax(rmse[~in_band]) == 0
    assert np.nanmax(every["debye_band_rmse"].sel(side="inside")) == 0


def test_samples_without_ions_or_without_charges_have_no_place_on_that_axis(dataset):
    other = dataset.copy(deep=True)
    other["debye_length"][:4] = np.inf
    other["charge_value"][4:] = 0.0
    every = figures_for(other, 0.5, decomposed=True).sel(family=EVERY)
    nodes = dataset["regular_potential"][0].size
    assert int(every["debye_band_nodes"].sum()) == (dataset.sizes["sample"] - 4) * nodes
    assert int(every["charge_band_nodes"].sum()) == 4 * nodes


def test_an_error_where_the_interface_is_bent_is_found_there():
    """Of two discs the smaller one is predicted wrong, and only near its interface."""
    dataset = schema.mock(2, Grid(cells=64, half_width=16.0, dim=2))
    radius = np.hypot(*np.meshgrid(dataset["x"], dataset["y"], indexing="ij"))
    dataset["level_set"][:] = np.stack([radius - 4.0, radius - 8.0]).astype("f4")
    error = (abs(dataset["level_set"]) < 1.0) * xr.DataArray([0.5, 0.0], dims="sample")
    every = figures_for(dataset, error, decomposed=True).sel(family=EVERY)
    lower, upper = every["curvature_band_lower"].values, every["curvature_band_upper"].values
    for side in ("inside", "outside"):
        here = every.sel(side=side)
        rmse, nodes = here["curvature_band_rmse"].values, here["curvature_band_nodes"].values
        assert rmse[(lower == 0.2) & (upper == 0.3)] == pytest.approx(0.5)
        assert rmse[(lower == 0.1) & (upper == 0.15)] == 0
        assert nodes[(lower == 0.1) | (lower == 0.2)].sum() == nodes.sum() > 0


def test_the_spectrum_of_a_wave_is_the_mean_over_the_samples_of_a_family(dataset):
    wave = np.cos(2 * np.pi * 6 * dataset["x"] / 24.0) + 0.0 * dataset["y"]
    size = xr.where(dataset["geometry"] == "star", 0.6, 0.2)
    power = figures_for(dataset, size * wave, decomposed=True)["power_error"]
    at = power.sel(wave_number=[5 / 24, 6 / 24, 7 / 24])
    for family, square in (("disc", 0.04), ("star", 0.36), (EVERY, (0.04 + 0.04 + 0.36) / 3)):
        np.testing.assert_allclose(at.sel(family=family), square / 2 * np.array([1, 4, 1]) / 6, rtol=1e-6)
    assert float(power.sum() / at.sum()) == pytest.approx(1.0, abs=1e-6)


def test_quantities_are_told_by_median_and_95_percent_of_the_samples(dataset):
    shift = xr.DataArray(np.arange(1.0, 1 + dataset.sizes["sample"]), dims="sample")
    figures = figures_for(dataset, shift, decomposed=True)
    error = figures["sample_quantity_error"].sel(quantity="potential")
    np.testing.assert_allclose(error, shift, rtol=1e-7)
    of = figures.sel(quantity="potential")
    assert float(of["quantity_error_median"].sel(family="star")) == pytest.approx(8.0)
    assert float(of["quantity_error_95"].sel(family=EVERY)) == pytest.approx(np.quantile(shift, 0.95))
    np.testing.assert_allclose(
        of["sample_quantity_relative"], figures["sample_relative_l2"].sel(region="all"), rtol=1e-12
    )
    relative = of["sample_quantity_relative"].values
    assert float(of["quantity_relative_95"].sel(family="disc")) == pytest.approx(
        np.quantile(relative[:3], 0.95)
    )
    energy = 0.5 * shift * abs(dataset["charge_value"].sum("charge"))
    np.testing.assert_allclose(
        figures["sample_quantity_error"].sel(quantity="reaction_energy"), energy, rtol=1e-6
    )
