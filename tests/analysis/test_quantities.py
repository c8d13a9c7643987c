"""Errors of field, flux jump, reaction energy and enclosed charge, from errors and potentials of known form."""

import numpy as np
import pytest
from tests.analysis.known_fields import SETTINGS, disc, errors_of, nodes_of, radius_of, sample

import debye
from debye.analysis.definitions import QUANTITIES
from debye.analysis.nodes import Nodes
from debye.analysis.quantities import (
    charge_within,
    enclosed_charge,
    field,
    flux_jump,
    potential,
    quantities,
    reaction_energy,
)
from debye.config import Analysis
from debye.parameters import Grid, Medium
from debye.units import coupling

PLANE, SPACE = Grid(cells=64, half_width=16.0), Grid(cells=24, half_width=6.0, dim=3)
NO_IONS = Medium(debye_length=np.inf)


def test_a_constant_shift_has_no_field_no_flux_and_no_charge():
    nodes = nodes_of(disc(), 0.25)
    error = dict(zip(QUANTITIES, quantities(nodes)[0, :, 0], strict=True))
    assert error["potential"] == pytest.approx(0.25, rel=1e-12)
    for name in ("field", "field_inside", "field_outside", "flux_jump", "enclosed_charge"):
        assert error[name] == pytest.approx(0.0, abs=1e-9), name
    assert error["reaction_energy"] == pytest.approx(0.5 * 0.25 * (0.1 - 0.04), rel=1e-9)


def test_an_error_in_proportion_is_the_relative_error_of_potential_and_field():
    nodes = nodes_of(disc())
    wrong = nodes_of(disc(), 0.02 * nodes.on_grid(nodes.potential)[0])
    for name in (potential, field):
        error, size = name(wrong)
        np.testing.assert_allclose(error / size, 0.02, rtol=1e-6)
    for side in (wrong.distance < 0, wrong.distance >= 0):
        error, size = field(wrong, side)
        np.testing.assert_allclose(error / size, 0.02, rtol=1e-6)


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_a_tilted_error_is_its_own_slope_on_one_side_alone(side):
    """Differences across Γ would see the step of the error."""
    level = radius_of(PLANE) - 7.3
    x, y = np.moveaxis(PLANE.points().reshape(*PLANE.shape, 2), -1, 0)
    there = level < 0 if side == "inside" else level >= 0
    # Even where the bulk reaches up to Γ, by the settings.
    settings = Analysis(bands=(-2, 0, 2), near_charge=2.0, interface_band=1e-6)
    nodes = nodes_of(sample(PLANE, level), np.where(there, 5.0 + 0.3 * x - 0.4 * y, 0.0), settings)
    for other in ("inside", "outside"):
        error, _ = field(nodes, nodes.masks[other])
        assert error[0] == pytest.approx(0.5 if other == side else 0.0, rel=1e-9, abs=1e-12)


def test_the_field_leaves_out_nodes_beside_a_charge_on_a_node():
    """Even where a charge is near to nothing, by the settings."""
    settings = Analysis(bands=(-2, 0, 2), near_charge=0.1)
    r = radius_of(PLANE)
    regular = np.where(r < 7.3, 500.0, 0.0)
    nodes = nodes_of(sample(PLANE, r - 7.3, regular, [(0.0, 0.0)], [0.1]), 0.0, settings)
    _, size = field(nodes, nodes.distance < 0)
    far = (r > 0.6) & (r < 7.3 - 1.0)
    # √ of the mean of 1/r², the field of the charge.
    expected = coupling() * 0.1 / (2 * np.pi * 2.0) * np.sqrt(np.mean(1 / r[far] ** 2))
    assert size[0] == pytest.approx(expected, rel=0.1)


def dipole(grid, moment):
    """Potential p·x/r² of a dipole in the middle, 0 in the middle itself."""
    r = radius_of(grid)
    along = (grid.points() @ moment).reshape(grid.shape)
    return np.where(r > 0, along / np.where(r > 0, r, 1.0) ** 2, 0.0)


def test_the_field_of_a_dipole():
    """Its size is p/r² in the plane, and it holds no charge."""
    nodes = nodes_of(disc(), dipole(PLANE, np.array([3.0, -4.0])))
    error, _ = field(nodes, nodes.distance >= 0)
    r = radius_of(PLANE)[1:-1, 1:-1]
    outside = nodes.on_grid(nodes.masks["bulk"] & (nodes.distance >= 0))[0, 1:-1, 1:-1]
    expected = np.sqrt(np.mean((5.0 / r[outside] ** 2) ** 2))
    assert error[0] == pytest.approx(expected, rel=0.01)
    assert enclosed_charge(nodes)[0][0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_the_flux_jump_of_an_error_with_a_kink_at_a_plane_interface(grid):
    x = grid.points()[:, 0].reshape(grid.shape) - 0.1
    kink = np.where(x < 0, -0.5 * x, 0.3 * x)
    _, error, _ = flux_jump(nodes_of(sample(grid, x), 1.0 + kink))
    assert error[0] == pytest.approx(80 * 0.3 + 2 * 0.5, rel=1e-9)
    balanced = np.where(x < 0, x / 2, x / 80)
    _, error, _ = flux_jump(nodes_of(sample(grid, x), balanced))
    assert error[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("grid", "radius"), [(PLANE, 7.3), (SPACE, 3.1)])
def test_the_flux_jump_of_a_ring_of_error(grid, radius):
    """An error that rises by 0.2 a cell within the solvent and stays constant in the solute."""
    level = radius_of(grid) - radius
    _, error, _ = flux_jump(nodes_of(sample(grid, level), np.maximum(level, 0.0) * 0.2))
    assert error[0] == pytest.approx(80 * 0.2, rel=0.01)


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_the_flux_of_the_charges_themselves_counts_in_the_solute(grid):
    """Where w = 0 on both sides, that of a charge in the middle is the whole jump."""
    charged = sample(grid, radius_of(grid) - 3.1, None, [(0.0,) * grid.dim], [0.1])
    label, error, _ = flux_jump(nodes_of(charged))
    assert label[0] == pytest.approx(
        coupling() * 0.1 / (2 * np.pi * (grid.dim - 1) * 3.1 ** (grid.dim - 1)), rel=0.01
    )
    assert error[0] == 0.0


def test_the_flux_jump_of_the_true_potential_vanishes_with_the_cells():
    found, flux = [], []
    for cells in (32, 64, 128, 256):
        label, error, size = flux_jump(nodes_of(disc(cells, 7.3, ((2.0, 1.0),), (0.1,), NO_IONS)))
        found.append(label[0] / size[0])
        flux.append(size[0])
        assert error[0] == 0.0
    rates = np.log2(np.array(found[:-1]) / found[1:])
    assert (rates > 0.8).all(), (found, rates)
    # ε⁺∂ₙu = ε⁻∂ₙ(w + G) has the mean of the charge over the circle, and here some more.
    assert flux[-1] > coupling() * 0.1 / (2 * np.pi * 7.3)
    assert flux[-1] == pytest.approx(2 * flux[-1] - flux[-2], rel=0.1)


def test_the_reaction_energy_is_the_solvers():
    problem = debye.Problem(
        debye.Grid(cells=64, half_width=16.0),
        debye.Ball((0.3, 0.1), 7.0),
        debye.PointCharges([[2.2, 1.1], [-3.1, 0.4]], [0.1, -0.07]),
    )
    dataset = debye.solve(problem).to_dataset()
    error, size = reaction_energy(nodes_of(dataset, 0.0))
    assert error[0] == 0.0
    assert size[0] == pytest.approx(abs(float(dataset["reaction_energy"][0])), rel=2e-3)


@pytest.mark.parametrize("cells", [32, 64])
def test_gauss_finds_the_charge_of_the_true_potential(cells):
    """Without ions the charge within any contour is that of the solute."""
    nodes = nodes_of(disc(cells, medium=NO_IONS))
    assert charge_within(nodes, nodes.regular)[0] == pytest.approx(0.1 - 0.04, rel=0.1 / cells)


def test_ions_screen_the_charge_within_the_contour():
    charge = {}
    for length in (np.inf, 9.6, 4.0):
        nodes = nodes_of(disc(medium=Medium(debye_length=length, ions="linear")))
        charge[length] = charge_within(nodes, nodes.regular)[0]
    assert charge[np.inf] > 1.05 * charge[9.6] > 1.1 * charge[4.0] > 0


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_gauss_finds_a_false_charge(grid):
    r = np.maximum(radius_of(grid), 0.1)
    kernel = -np.log(r) / (2 * np.pi) if grid.dim == 2 else 1 / (4 * np.pi * r)
    nodes = nodes_of(
        sample(grid, radius_of(grid) - 3.1, None, [(0.0,) * grid.dim], [0.1]), 0.03 * coupling() / 80 * kernel
    )
    error, size = enclosed_charge(nodes)
    assert error[0] == pytest.approx(0.03, rel=2e-3 if grid.dim == 2 else 0.01)
    assert size[0] == pytest.approx(0.1)


def test_a_contour_that_meets_the_box_is_none():
    nothing, r = np.zeros((1, 65 * 65)), radius_of(PLANE)
    assert charge_within(nodes_of(sample(PLANE, r - 7.3)), nothing)[0] == 0.0
    assert np.isnan(charge_within(nodes_of(sample(PLANE, r - 15.2)), nothing))
    # Of a level set that is no distance: a face of the contour has a node in the solute.
    assert np.isnan(charge_within(nodes_of(sample(PLANE, np.where(r < 7.3, -5.0, 5.0))), nothing))


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_of_a_level_set_that_is_no_distance_the_flux_is_not_known(grid):
    nodes = nodes_of(sample(grid, 3.0 * (radius_of(grid) - 3.1)), 0.25)
    error = dict(zip(QUANTITIES, quantities(nodes)[0, :, 0], strict=True))
    assert np.isnan(error["flux_jump"])
    assert error["potential"] == pytest.approx(0.25)
    assert error["field"] == pytest.approx(0.0, abs=1e-12)


def test_no_number_of_samples_at_once_changes_a_bit(made):
    dataset = made.three_families(samples=3)
    errors = errors_of(dataset, made.interface_error(dataset))
    together = quantities(Nodes(errors, SETTINGS))
    for number in range(dataset.sizes["sample"]):
        alone = quantities(Nodes(errors.isel(sample=[number]), SETTINGS))
        np.testing.assert_array_equal(alone[0], together[number])
