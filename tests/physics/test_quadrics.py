"""The compiled distances to balls and ellipsoids against plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import debye

few = settings(max_examples=60, deadline=None, derandomize=True)
sizes = st.floats(0.3, 6.0)


def slow_distance(shape, points):
    """Bisection for Eberly's equation Σ (a_i y_i/(t + a_i²))² = 1 in extended precision, (n,)."""
    turn = np.eye(len(shape.center))
    turn[:2, :2] = [[np.cos(shape.angle), -np.sin(shape.angle)], [np.sin(shape.angle), np.cos(shape.angle)]]
    axes = np.asarray(shape.semi_axes, dtype=np.longdouble)
    y = np.abs((points - np.asarray(shape.center)) @ turn).astype(np.longdouble)
    y = np.maximum(y, 1e-14 * axes.min())
    excess = axes**2 - axes.min() ** 2
    low, high = (
        np.zeros(len(y), dtype=np.longdouble),
        np.linalg.norm(y.astype(float), axis=1) * axes.max() * 2,
    )
    for _ in range(200):
        middle = 0.5 * (low + high)
        outside = ((axes * y / (middle[:, None] + excess)) ** 2).sum(axis=1) > 1
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    closest = axes**2 * y / (0.5 * (low + high)[:, None] + excess)
    return np.sqrt(((y - closest) ** 2).sum(axis=1)).astype(float)


@given(st.sampled_from([2, 3]), st.data(), st.integers(0, 99))
@few
def test_distance_to_an_ellipsoid_solves_eberlys_equation(dim, data, seed):
    axes = [data.draw(sizes) for _ in range(dim)]
    shape = debye.Ellipsoid([0.3, -0.2, 0.1][:dim], axes, data.draw(st.floats(0.0, 3.0)))
    points = np.random.default_rng(seed).uniform(-8, 8, (200, dim))
    # Also next to the surface, on the axes and at the centre.
    points[:dim] = np.asarray(shape.center) + np.diag(axes) * 0.999
    points[dim] = shape.center
    found = shape(points)
    np.testing.assert_allclose(np.abs(found), slow_distance(shape, points), atol=1e-12)
    np.testing.assert_array_equal(found < 0, shape.level(points) < 0)


@pytest.mark.parametrize("dim", [2, 3])
def test_distance_to_a_ball_is_that_to_its_centre_less_the_radius(dim):
    points = np.random.default_rng(1).uniform(-8, 8, (300, dim))
    center = (0.5, -1.0, 2.0)[:dim]
    expected = np.linalg.norm(points - center, axis=1) - 2.5
    np.testing.assert_allclose(debye.Ball(center, 2.5)(points), expected, atol=1e-14)
    np.testing.assert_allclose(debye.Ball(center, 2.5)(np.asfortranarray(points)), expected, atol=1e-14)
