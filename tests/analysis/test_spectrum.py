"""Power spectra: Parseval's identity, waves found at their wave number, charges spread evenly."""

from itertools import product

import numpy as np
import pytest
from tests.analysis.known_fields import disc, nodes_of, radius_of, sample

from debye.analysis.spectrum import radial_power, smeared_potential, spectra, wave_numbers
from debye.parameters import Grid
from debye.units import coupling

GRID = Grid(cells=64, half_width=16.0)


@pytest.mark.parametrize(("cells", "dim"), [(16, 2), (17, 2), (8, 3), (9, 3)])
def test_parseval(cells, dim):
    grid = Grid(cells=cells, half_width=3.0, dim=dim)
    field = np.random.default_rng(0).normal(size=grid.shape)
    hann = np.sin(np.pi * np.arange(cells) / cells) ** 2 / np.sqrt(3 / 8)
    windowed = field[(slice(-1),) * dim]
    for axis in range(dim):
        windowed = windowed * hann.reshape([-1 if one == axis else 1 for one in range(dim)])
    assert radial_power(field, grid).sum() == pytest.approx(np.mean(windowed**2), rel=1e-12)


@pytest.mark.parametrize("wave", [(9, 0), (0, 9), (8, 3), (-8, 3)])
def test_a_plane_wave_is_found_at_its_wave_number(wave):
    """The window spreads it along each axis over its own wave number and the next on either side, 4 to 1 to 1."""
    phase = 2 * np.pi * (GRID.points() @ wave).reshape(GRID.shape) / 32.0
    power = radial_power(0.3 * np.cos(phase + 0.4), GRID)
    expected = np.zeros(33)
    for (first, one), (second, other) in product(((-1, 1), (0, 4), (1, 1)), repeat=2):
        shell = round(np.hypot(wave[0] + first, wave[1] + second))
        expected[shell] += 0.3**2 / 2 * one / 6 * other / 6
    np.testing.assert_allclose(power, expected, atol=1e-15)
    assert wave_numbers(GRID)[9] == pytest.approx(9 / 32.0)


def test_a_constant_shift_is_at_the_smallest_wave_numbers():
    power = radial_power(np.full(GRID.shape, 0.5), GRID)
    assert power.sum() == pytest.approx(0.25)
    assert power[:2].sum() == pytest.approx(power.sum(), rel=1e-12)


def test_an_error_in_proportion_is_the_same_at_every_wave_number():
    dataset = disc()
    error, potential = spectra(nodes_of(dataset, 0.1 * smeared_potential(nodes_of(dataset))))[0]
    np.testing.assert_allclose(np.sqrt(error / potential), 0.1, rtol=1e-6)


def test_a_smeared_charge_is_that_of_a_uniform_disc():
    """Its Laplacian is that of the charge over the ball's area, and beyond the ball the field is the point's."""
    grid, radius, place, charge = Grid(cells=128, half_width=8.0), 6.0, np.array([2.0, 1.0]), 0.05
    level = radius_of(grid) - radius
    nodes = nodes_of(sample(grid, level, None, [place], [charge]))
    field = smeared_potential(nodes)[0]
    depth = radius - np.hypot(*place)
    distance = radius_of(grid, place)
    laplacian = np.zeros(grid.shape)
    for axis in (0, 1):
        laplacian += np.gradient(np.gradient(field, grid.spacing, axis=axis), grid.spacing, axis=axis)
    density = coupling() * charge / (np.pi * depth**2 * 2.0)
    inside = distance < depth - 3 * grid.spacing
    np.testing.assert_allclose(laplacian[inside], -density, rtol=0.01)
    point = -coupling() * charge / (2 * np.pi * 2.0) * np.log(np.where(distance > 0, distance, 1.0))
    beyond = (distance > depth + grid.spacing) & (level < 0)
    np.testing.assert_allclose(field[beyond], point[beyond], rtol=1e-9)
    assert np.abs(field[level >= 0]).max() == 0


def test_a_smeared_charge_is_that_of_a_uniform_ball():
    grid, radius = Grid(cells=32, half_width=8.0, dim=3), 6.0
    nodes = nodes_of(sample(grid, radius_of(grid) - radius, None, [(0.0, 0.0, 0.0)], [0.5]))
    field, r = smeared_potential(nodes)[0], radius_of(grid)
    expected = coupling() * 0.5 / (4 * np.pi * 2.0) * (3 * radius**2 - r**2) / (2 * radius**3)
    inside = r < radius
    np.testing.assert_allclose(field[inside], expected[inside], rtol=2e-3)


def test_the_potential_of_the_spectrum_is_finite_and_has_no_jump():
    """A charge on a node, where u is infinite, and Γ, where w jumps by some 60 kT/e."""
    dataset = disc(positions=((2.0, 1.0),), values=(0.1,))
    nodes = nodes_of(dataset)
    field, level = smeared_potential(nodes)[0], dataset["level_set"].values[0]
    assert not nodes.finite.all()
    assert np.isfinite(field).all()
    crossing = (level[:-1] < 0) != (level[1:] < 0)
    jump = np.abs(np.diff(dataset["regular_potential"].values[0], axis=0))[crossing]
    step = np.abs(np.diff(field, axis=0))[crossing]
    assert jump.min() > 50
    assert step.max() < 10
