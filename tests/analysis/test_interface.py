"""Normal, curvature and foot points from the signed distance; values taken from one side of Γ alone."""

import numpy as np
import pytest
from tests.analysis.known_fields import nodes_of, radius_of, sample

from debye.analysis.interface import curvature, interpolate, near_interface
from debye.parameters import Grid

PLANE, SPACE = Grid(cells=64, half_width=16.0), Grid(cells=32, half_width=8.0, dim=3)


@pytest.mark.parametrize(
    ("grid", "radius", "sign", "expected"),
    [(PLANE, 6.0, 1, 1 / 6), (PLANE, 6.0, -1, -1 / 6), (SPACE, 5.0, 1, 2 / 5), (SPACE, 5.0, -1, -2 / 5)],
)
def test_curvature_of_disc_and_ball_from_both_sides(grid, radius, sign, expected):
    """At two cells from Γ the level line itself is bent by a sixth less or more."""
    nodes = nodes_of(sample(grid, sign * (radius_of(grid) - radius)))
    near = near_interface(nodes, 2.0)
    assert len(near.node) == (np.abs(nodes.distance) < 2).sum()
    np.testing.assert_allclose(curvature(nodes, near), expected, rtol=0.01)


def test_a_cylinder_is_bent_one_way():
    x, y, _ = np.moveaxis(SPACE.points().reshape(*SPACE.shape, 3), -1, 0)
    nodes = nodes_of(sample(SPACE, np.hypot(x, y) - 5.0))
    np.testing.assert_allclose(curvature(nodes, near_interface(nodes, 2.0)), 1 / 5, rtol=0.01)


@pytest.mark.parametrize(("grid", "radius"), [(PLANE, 6.0), (SPACE, 5.0)])
def test_feet_lie_on_the_interface(grid, radius):
    nodes = nodes_of(sample(grid, radius_of(grid) - radius))
    near = near_interface(nodes, 2.0)
    np.testing.assert_allclose(np.linalg.norm(near.foot, axis=1), radius, atol=0.01 * grid.spacing)
    outward = near.foot / np.linalg.norm(near.foot, axis=1, keepdims=True)
    np.testing.assert_allclose(near.normal, outward, atol=0.01)


def test_nodes_at_a_kink_of_the_distance_have_no_curvature():
    x, y = np.moveaxis(PLANE.points().reshape(*PLANE.shape, 2), -1, 0)
    nodes = nodes_of(sample(PLANE, np.maximum(np.abs(x), np.abs(y)) - 6.2))
    near = near_interface(nodes, 2.0)
    on_diagonal = (np.abs(np.abs(x) - np.abs(y)) < 1e-9).ravel()
    candidates = (np.abs(nodes.distance[0]) < 2).nonzero()[0]
    np.testing.assert_array_equal(near.node, candidates[~on_diagonal[candidates]])
    np.testing.assert_allclose(curvature(nodes, near), 0.0, atol=1e-9)


def test_a_level_set_that_is_no_distance_has_no_curvature():
    nodes = nodes_of(sample(PLANE, 2.0 * (radius_of(PLANE) - 6.0)))
    assert near_interface(nodes, 4.0).node.size == 0


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_interpolation_stays_on_its_side(grid):
    x = grid.points()[:, 0]
    nodes = nodes_of(sample(grid, (x - 0.1).reshape(grid.shape)))
    step = np.where(x < 0.1, 3.0, -8.0)[None]
    points = np.zeros((5, grid.dim))
    points[:, 0] = [-2.2, 0.05, 0.2, 2.3, 99.0]
    points[:, 1] = 0.3
    which = np.zeros(5, dtype=int)
    (left, slope), whole = interpolate(nodes, which, points, (step, 2 * x[None]), inside=True)
    np.testing.assert_allclose(left[:3], 3.0)
    assert np.isnan(left[3:]).all()
    assert whole.tolist() == [True, False, False, False, False]
    assert slope[0] == pytest.approx(-4.4)
    (right,), whole = interpolate(nodes, which, points, (step,), inside=False)
    np.testing.assert_allclose(right[1:4], -8.0)
    assert whole.tolist() == [False, False, False, True, False]
