import numpy as np
import pytest

from debye.parameters import Grid
from debye.physics.mesh import kuhn_corners, kuhn_gradients, locate


@pytest.mark.parametrize("dim", [2, 3])
def test_located_point_is_its_barycentric_combination(dim):
    grid = Grid(cells=7, half_width=3.0, dim=dim)
    points = np.random.default_rng(0).uniform(-3, 3, (500, dim))
    points[0], points[1] = 3.0, -3.0
    nodes, simplex, barycentric = locate(grid, points)
    assert barycentric.min() >= -1e-12
    np.testing.assert_allclose(barycentric.sum(axis=1), 1.0)
    rebuilt = np.einsum("nv,nvx->nx", barycentric, grid.points()[nodes])
    np.testing.assert_allclose(rebuilt, points, atol=1e-12)
    assert simplex.max() < grid.cells**dim * len(kuhn_corners(dim))


@pytest.mark.parametrize("dim", [2, 3])
def test_simplices_fill_the_cube_and_gradients_are_dual_to_corners(dim):
    corners, gradients = kuhn_corners(dim), kuhn_gradients(dim)
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    # Path simplices of the unit cube have determinant 1 each: dim! of them fill it.
    np.testing.assert_allclose(volumes, 1.0)
    slopes = np.einsum("kvx,kwx->kvw", gradients, corners - corners[:, :1])
    expected = np.eye(dim + 1) - np.eye(dim + 1)[:, :1]
    np.testing.assert_allclose(slopes, np.broadcast_to(expected, slopes.shape), atol=1e-12)
