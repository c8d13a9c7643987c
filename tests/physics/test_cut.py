import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import debye
from debye.physics import resolve
from debye.physics.cut import _moved, find_cut
from debye.physics.quadrature import interface_quadrature
from tests.physics.measures import measures
from tests.physics.staircases import side_quadrature


@given(st.integers(1, 3), st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_sides_of_a_simplex_fill_it_and_integrate_quadratics(k, seed):
    random = np.random.default_rng(seed)
    ell = random.normal(size=(20, k + 1))
    ell = ell[(ell > 0).any(axis=1) & (ell < 0).any(axis=1)]
    coefficients = random.normal(size=(k + 1, k + 1))
    total = np.zeros(len(ell))
    integral = np.zeros(len(ell))
    for side, sign in (("negative", -1), ("positive", 1)):
        points = side_quadrature(ell, side)
        assert (points.weight >= 0).all()
        assert (sign * (points.barycentric * ell[points.element]).sum(axis=1) > 0).all()
        total += np.bincount(points.element, points.weight, minlength=len(ell))
        value = np.einsum("mv,vw,mw->m", points.barycentric, coefficients, points.barycentric)
        integral += np.bincount(points.element, points.weight * value, minlength=len(ell))
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    # The mean of λ_v λ_w over a k-simplex is (1 + δ_vw)/((k+1)(k+2)).
    exact = (coefficients.sum() + np.trace(coefficients)) / ((k + 1) * (k + 2))
    np.testing.assert_allclose(integral, exact, rtol=1e-10, atol=1e-12)


def test_interface_of_a_plane_through_a_tetrahedron_has_its_area():
    vertices = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]])
    # The plane x = 1/2 cuts this Kuhn tetrahedron in a right triangle with legs 1/2; y = 1/2 in a quadrilateral.
    for axis, level, area in ((0, 0.5, 0.125), (1, 0.5, 0.25)):
        ell = vertices[:, :, axis] - level
        assert interface_quadrature(ell, vertices).weight.sum() == pytest.approx(area)


def test_polygon_runs_through_true_points_of_the_interface():
    star = debye.Star((0.2, 0.1), 5.0, (0.1, 0.08), (0.3, 1.0))
    cut = find_cut(debye.Grid(cells=32, half_width=9.0), star)
    points = (cut.edge_points() @ cut.vertices).reshape(-1, 2)
    assert np.abs(star(points)).max() < 1e-9


def test_vertices_on_the_interface_are_nudged_and_harmless():
    grid = debye.Grid(cells=32, half_width=8.0)
    cut = find_cut(grid, debye.Ball((0.0, 0.0), 4.0))
    assert (np.abs(cut.level_set) < 1e-9).sum() >= 4
    assert np.isfinite(cut.ell).all()
    np.testing.assert_allclose(np.sqrt((cut.normal**2).sum(axis=1)), 1.0)
    area = cut.volume * side_quadrature(cut.ell, "negative").weight.sum()
    assert np.isfinite(area)


class Strip:
    """A strip thinner than a cell, beside a disc that the grid does resolve."""

    bounds = (np.array([-5.0, -5.0]), np.array([5.0, 5.0]))

    def __call__(self, points):
        disc = np.hypot(*points.T) - 3.0
        strip = np.maximum(np.abs(points[:, 0] - 4.25) - 0.05, np.abs(points[:, 1]) - 2.0)
        return np.minimum(disc, strip)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (debye.Ball((0.0, 0.0), 9.0), "outside the box"),
        (debye.Ball((4.0, 0.0), 4.0), "touches the boundary"),
        (debye.Ball((0.26, 0.26), 0.2), "no grid node inside"),
        (debye.Ball((0.0, 0.0), 0.4), "bends|crossed twice"),
        (Strip(), "crossed twice"),
        (debye.Ball((0.0, 0.0, 0.0), 3.0), "same dim"),
    ],
)
def test_shapes_that_the_grid_cannot_carry_are_refused(shape, words):
    with pytest.raises(debye.GeometryError, match=words):
        find_cut(debye.Grid(cells=32, half_width=8.0), shape)


def test_level_set_that_is_not_a_number_is_refused():
    class Broken(Strip):
        def __call__(self, points):
            return np.where(points[:, 0] > 1.0, np.nan, -1.0)

    with pytest.raises(debye.GeometryError, match="NaN"):
        find_cut(debye.Grid(cells=32, half_width=8.0), Broken())


def test_level_set_of_another_scale_gives_the_same_cut():
    class Steep:
        bounds = debye.Ball((0.0, 0.0), 4.0).bounds

        def __call__(self, points):
            return 50.0 * ((points**2).sum(axis=1) - 16.0)

    grid = debye.Grid(cells=32, half_width=8.0)
    steep, ball = find_cut(grid, Steep()), find_cut(grid, debye.Ball((0.0, 0.0), 4.0))
    np.testing.assert_array_equal(steep.simplex, ball.simplex)
    np.testing.assert_allclose(steep.ell, ball.ell, atol=1e-8)


class Slab:
    """A disc with a strip of solute beside it, or a slit of solvent in it, at any place and of any width."""

    bounds = (np.array([-12.0, -12.0]), np.array([12.0, 12.0]))

    def __init__(self, at, width, slit):
        self.at, self.width, self.slit = at, width, slit

    def __call__(self, points):
        disc = np.hypot(*points.T) - 8.0
        strip = np.maximum(np.abs(points[:, 0] - self.at) - self.width / 2, np.abs(points[:, 1]) - 4.0)
        return np.maximum(disc, -strip) if self.slit else np.minimum(disc, strip)


@given(st.floats(0.01, 0.99), st.floats(0.06, 0.6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_features_thinner_than_a_cell_are_refused_wherever_they_lie(share, width, slit):
    # h = 1 Å; no node lies in the strip.
    at = (2.0 if slit else 9.0) + min(max(share, width / 2 + 0.01), 0.99 - width / 2)
    with pytest.raises(debye.GeometryError, match="crossed twice"):
        find_cut(debye.Grid(cells=32, half_width=16.0), Slab(at, width, slit))


def test_interface_that_bends_within_a_cell_is_refused(monkeypatch):
    monkeypatch.setattr(resolve, "_refuse_double_crossings", lambda *_: 0)
    grid = debye.Grid(cells=32, half_width=8.0)
    with pytest.raises(debye.GeometryError, match="bends"):
        find_cut(grid, debye.Ball((0.0, 0.0), 0.45))
    find_cut(grid, debye.Ball((0.0, 0.0), 2.0))


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("scale", [0.01, 7.0, 1e4])
def test_the_cut_does_not_depend_on_the_units_of_the_level_set(dim, scale):
    ball = debye.Ball((0.1, 0.2, -0.3)[:dim], 5.0)

    class Scaled:
        bounds = ball.bounds

        def __call__(self, points):
            return scale * ball(points)

    grid = debye.Grid(cells=16, half_width=9.0, dim=dim)
    one, two = find_cut(grid, ball), find_cut(grid, Scaled())
    np.testing.assert_array_equal(one.simplex, two.simplex)
    np.testing.assert_allclose(one.ell, two.ell, atol=1e-4)


class Square:
    """A turned square: convex corners, which no grid makes flat."""

    bounds = (np.array([-6.0, -6.0]), np.array([6.0, 6.0]))

    def __init__(self, outside=False):
        self.sign = -1.0 if outside else 1.0

    def __call__(self, points):
        turned = points @ np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
        square = np.abs(turned).max(axis=1) - 3.4
        return square if self.sign > 0 else np.maximum(np.hypot(*points.T) - 6.0, -square)


@pytest.mark.parametrize("cells", [32, 48, 64, 96])
@pytest.mark.parametrize("outside", [False, True])
def test_corners_of_either_side_pass(cells, outside):
    grid = debye.Grid(cells=cells, half_width=8.0)
    solute, _, _ = measures(Square(outside), grid)
    exact = np.pi * 36 - 6.8**2 if outside else 6.8**2
    assert abs(solute - exact) < 4 * grid.spacing**2


def test_fitted_values_keep_their_sign():
    """A node that is nearly on Γ and misses its roots by much stays on its side: only the shape moves it across."""
    values = np.array([-1e-3, 2.0, 1e-3, -2.0])
    low, high = np.array([0, 2]), np.array([1, 3])
    # Roots far from where the linear interpolant of the values vanishes: at 0.9 of the way instead of 0.0005.
    fitted = _moved(values, low, high, np.array([0.9, 0.9]))
    assert (np.sign(fitted) == np.sign(values)).all()
    np.testing.assert_allclose(fitted[[0, 2]], [-1.8, 1.8], rtol=1e-2)
    fitted = _moved(values, low, high, np.array([-3.0, -3.0]))
    assert (np.sign(fitted) == np.sign(values)).all()
    np.testing.assert_allclose(fitted[[0, 2]], 0.05 * values[[0, 2]], rtol=1e-12)
