"""Closed forms of the charges: against other formulas, limits and the equation that they solve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from debye.learning.batch import Batch
from debye.learning.channels import ChargeImages
from debye.learning.nodes import Nodes
from debye.learning.singular import charge_depths, coulomb_potential, prefactor, without_compact
from debye.parameters import Grid, Medium

MEDIUM = Medium()


def ball(grid: Grid, radius: float, positions: list[list[float]], values: list[float]) -> Batch:
    """Charges in a ball about the origin; the labels are zero."""
    distance = torch.from_numpy(np.linalg.norm(grid.points(), axis=1) - radius).reshape(1, *grid.shape)
    position, value = (torch.tensor([part], dtype=torch.float64) for part in (positions, values))
    return Batch(torch.zeros(1, *grid.shape), distance.float(), position, value)


def remainder_of(batch: Batch, grid: Grid) -> torch.Tensor:
    """G − S in the solute, shape (1, x, y[, z])."""
    inside = Nodes(batch, grid, batch.level_set < 0)
    return inside.image(without_compact(inside, MEDIUM))


def distances(grid: Grid, position: list[float]) -> torch.Tensor:
    return torch.from_numpy(np.linalg.norm(grid.points() - position, axis=1)).reshape(1, *grid.shape)


@pytest.mark.parametrize("dim", [2, 3])
def test_depth_of_a_charge_is_its_distance_to_the_interface(dim: Any) -> None:
    grid = Grid(cells=32, half_width=8.0, dim=dim)
    place = [1.3, -2.2, 0.4][:dim]
    batch = ball(grid, 6.0, [place], [0.1])
    assert float(charge_depths(batch, grid)) == pytest.approx(6.0 - math.hypot(*place), abs=0.03)


@pytest.mark.parametrize("dim", [2, 3])
def test_the_compact_part_lives_in_its_ball_and_is_smooth_at_its_rim(dim: Any) -> None:
    grid = Grid(cells=32, half_width=8.0, dim=dim)
    place = [1.3, -2.2, 0.4][:dim]
    batch = ball(grid, 6.0, [place], [0.1])
    singular = coulomb_potential(batch.position, batch.value, grid, MEDIUM) - remainder_of(batch, grid)
    radius, depth = distances(grid, place), float(charge_depths(batch, grid))
    solute = batch.level_set < 0
    beyond = solute & (radius > depth)
    assert float(singular[beyond].abs().max()) < 1e-9
    # Value and slope vanish at the rim: what is left grows with the square of the distance to it.
    rim = solute & (radius < depth) & (radius > 0.9 * depth)
    share = (1 - radius[rim] / depth) ** 2
    scale = 0.1 * prefactor(MEDIUM, MEDIUM.eps_solute, dim) * (1.0 if dim == 2 else 1 / depth)
    curvature = singular[rim] / (scale * share)
    limit = 1.0 if dim == 2 else 1.5
    assert float((curvature - limit).abs().max()) < 0.15
    assert bool((remainder_of(batch, grid)[~solute] == 0).all())


def test_the_regular_remainder_is_finite_on_a_charge_that_sits_on_a_node() -> None:
    grid = Grid(cells=32, half_width=8.0)
    batch = ball(grid, 6.0, [[1.0, -2.0]], [0.1])
    remainder = remainder_of(batch, grid)
    depth = float(charge_depths(batch, grid))
    expected = 0.1 * prefactor(MEDIUM, 2.0, 2) * (0.5 - math.log(depth))
    assert float(remainder[0, 18, 12]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
def test_smeared_charges_are_the_right_hand_side_of_the_remainder(dim: Any) -> None:
    # −Δ_h (G − S) in units of the solvent's permittivity, away from the rim of the ball, is ε⁻/ε⁺ times the density.
    grid = Grid(cells=32, half_width=8.0, dim=dim)
    place = [0.3, -1.2, 0.4][:dim]
    batch = ball(grid, 6.0, [place], [0.1])
    remainder = remainder_of(batch, grid)[0]
    inner = (slice(1, -1),) * dim
    laplacian = sum(
        2 * remainder[inner] - remainder.roll(1, axis)[inner] - remainder.roll(-1, axis)[inner]
        for axis in range(dim)
    )
    smeared = ChargeImages(batch, grid, MEDIUM).image("smeared")[0]
    depth = float(charge_depths(batch, grid))
    well_inside = distances(grid, place)[0][inner] < depth - 2 * grid.spacing
    found = laplacian[well_inside] * MEDIUM.eps_solute / MEDIUM.eps_solvent
    np.testing.assert_allclose(found, smeared[inner][well_inside], rtol=0.03)
    whole = float(smeared.sum()) / MEDIUM.coupling * MEDIUM.eps_solvent * grid.spacing ** (dim - 2)
    assert whole == pytest.approx(0.1, rel=1e-12)
