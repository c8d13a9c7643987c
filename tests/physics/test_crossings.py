"""The compiled pass over the grid and the search for roots, against whole-grid numpy and scipy's root finder."""

import numpy as np
import pytest
from scipy.optimize import brentq

import debye
from debye.physics.crossings import NUDGE, edge_shares, edges_within_reach, survey
from debye.physics.mesh import coordinates, corner_views, edge_offsets, kuhn_corners, node_points, strides
from debye.physics.resolve import nodal_level_set

SHAPES = {
    2: debye.Star((0.2, 0.1), 5.0, (0.1, 0.08), (0.3, 1.0)),
    3: debye.Ellipsoid((0.2, 0.1, -0.3), (5.0, 4.0, 4.5), 0.4),
}


def edges(grid, offset):
    """Flat numbers of the low ends and of the high ends of all edges along an offset, each (m,)."""
    numbers = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    low = numbers[tuple(slice(0, grid.cells + 1 - step) for step in offset)].ravel()
    return low, low + int(offset @ strides(grid))


@pytest.mark.parametrize("dim", [2, 3])
def test_survey_finds_the_crossed_edges_and_the_cut_simplices(dim):
    grid = debye.Grid(cells=14, half_width=9.0, dim=dim)
    values = nodal_level_set(grid, SHAPES[dim])
    inside = values < 0
    low, number, first, nodes, simplex, kind = survey(grid, values)
    expected = set()
    for o, offset in enumerate(edge_offsets(dim)):
        one, two = edges(grid, offset)
        expected |= {(int(node), o) for node in one[inside[one] != inside[two]]}
    assert len(expected) == len(low) > 50
    assert set(zip(low.tolist(), number.tolist(), strict=True)) == expected
    assert (np.diff(low) >= 0).all()
    starts = np.flatnonzero(np.diff(low, prepend=-1))
    np.testing.assert_array_equal(first[low[starts]], starts)

    kinds = len(kuhn_corners(dim))
    numbers = np.arange(len(values)).reshape(grid.shape)
    found = {}
    for k in range(kinds):
        corners = np.stack([view.ravel() for view in corner_views(numbers, grid, k)], axis=1)
        count = inside[corners].sum(axis=1)
        found |= {cell * kinds + k: corners[cell] for cell in np.flatnonzero((count > 0) & (count <= dim))}
    assert simplex.tolist() == sorted(found)
    np.testing.assert_array_equal(kind, simplex % kinds)
    np.testing.assert_array_equal(nodes, [found[row] for row in simplex.tolist()])


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("bent", [False, True])
def test_roots_on_edges_are_those_of_a_search_edge_by_edge(dim, bent):
    class Cubed:
        """The same zero set, with a flat third-order zero on one side: hard for a secant."""

        bounds = SHAPES[dim].bounds

        def __call__(self, points):
            value = SHAPES[dim](points)
            return np.where(value > 0, value**3, np.expm1(value)) if bent else value

    grid = debye.Grid(cells=12, half_width=9.0, dim=dim)
    shape = Cubed()
    values = nodal_level_set(grid, shape)
    low, number, *_ = survey(grid, values)
    found = edge_shares(grid, shape, values, low, number)
    start, step = coordinates(grid, low), grid.spacing * edge_offsets(dim)[number]
    for edge in range(0, len(low), 7):
        along = lambda t, e=edge: SHAPES[dim]((start[e] + t * step[e])[None])[0]  # noqa: E731
        assert found[edge] == pytest.approx(brentq(along, 0.0, 1.0, xtol=1e-14), abs=1e-12)


def test_shape_is_asked_a_few_times_for_all_roots_together():
    asked = []

    class Counted:
        bounds = SHAPES[2].bounds

        def __call__(self, points):
            asked.append(len(points))
            return SHAPES[2](points)

    grid = debye.Grid(cells=64, half_width=9.0)
    values = nodal_level_set(grid, Counted())
    low, number, *_ = survey(grid, values)
    asked.clear()
    edge_shares(grid, Counted(), values, low, number)
    assert len(asked) <= 8
    assert sum(asked) < 8 * len(low)


def test_edges_without_a_bracket_or_a_number_take_the_node_that_is_nearer():
    grid = debye.Grid(cells=8, half_width=4.0)

    class Shape:
        bounds = (np.array([-2.0, -2.0]), np.array([2.0, 2.0]))

        def __call__(self, points):
            value = np.abs(points).max(axis=1) - 1.5
            inner = np.any(points != np.round(points), axis=1)
            return np.where(inner, np.nan, value)

    values = nodal_level_set(grid, Shape())
    low, number, *_ = survey(grid, values)
    values = values + np.where(values < 0, -0.1, 0.0)
    share = edge_shares(grid, Shape(), values, low, number)
    at_low = np.abs(values[low]) < np.abs(values[low + (edge_offsets(2) @ strides(grid))[number]])
    np.testing.assert_allclose(share, np.where(at_low, NUDGE, 1 - NUDGE))


@pytest.mark.parametrize("dim", [2, 3])
def test_steepest_change_and_edges_within_reach(dim):
    grid = debye.Grid(cells=10, half_width=9.0, dim=dim)
    values = np.cos(grid.points() @ np.array([1.0, 0.7, 0.4])[:dim])
    field = values.reshape(grid.shape)
    steepest = max(np.abs(np.diff(field, axis=axis)).max() for axis in range(dim))
    offsets = edge_offsets(dim)
    low, number, reach = edges_within_reach(grid, values)
    np.testing.assert_allclose(reach, steepest * np.sqrt(offsets.sum(axis=1)))
    expected = set()
    for o, offset in enumerate(offsets):
        one, two = edges(grid, offset)
        fits = (values[one] < 0) == (values[two] < 0)
        fits &= np.abs(values[one]) + np.abs(values[two]) <= reach[o]
        expected |= {(int(node), o) for node in one[fits]}
    assert len(low) == len(expected) > 50
    assert set(zip(low.tolist(), number.tolist(), strict=True)) == expected


@pytest.mark.parametrize("dim", [2, 3])
def test_points_of_the_grid_are_its_own(dim):
    grid = debye.Grid(cells=5, half_width=3.0, dim=dim)
    np.testing.assert_array_equal(node_points(grid), grid.points())
    nodes = np.array([[0, 7], [13, 20]])
    np.testing.assert_array_equal(coordinates(grid, nodes), grid.points()[nodes])


@pytest.mark.parametrize("distance", [False, True])
def test_sign_at_nodes_is_that_of_the_level_wherever_an_edge_may_be_crossed(distance):
    """A distance that is off by a little has its signs set right; what says no distance is asked everywhere."""

    class Shape:
        bounds = (np.array([-5.0, -5.0]), np.array([5.0, 5.0]))
        is_distance = distance

        def level(self, points):
            asked.append(len(points))
            return (points**2).sum(axis=1) - 16.0

        def __call__(self, points):
            return np.linalg.norm(points, axis=1) - 3.9

    asked = []
    grid = debye.Grid(cells=32, half_width=8.0)
    values = nodal_level_set(grid, Shape())
    np.testing.assert_array_equal(values < 0, (grid.points() ** 2).sum(axis=1) < 16.0)
    assert sum(asked) == 33**2 if not distance else sum(asked) < 33**2 / 4


def test_node_without_a_distance_takes_the_side_that_the_level_says():
    class Shape:
        bounds = (np.array([-5.0, -5.0]), np.array([5.0, 5.0]))
        is_distance = True

        def level(self, points):
            return (points**2).sum(axis=1) - 16.0 - 1e-9

        def __call__(self, points):
            return np.linalg.norm(points, axis=1) - 4.0

    values = nodal_level_set(debye.Grid(cells=32, half_width=8.0), Shape()).reshape(33, 33)
    assert -1e-9 < values[24, 16] < 0 < values[25, 16]
