"""The compiled distance to a star against plain numpy: a tree of samples and Newton's method with sines and cosines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

import debye
from debye.physics import outline

few = settings(max_examples=40, deadline=None, derandomize=True)


def curve(star, theta):
    """γ - center and its first two derivatives at angles (n,), each (n, 2)."""
    r, first, second = np.ones_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for k, (amplitude, phase) in enumerate(zip(star.amplitudes, star.phases, strict=True), start=2):
        r += amplitude * np.cos(k * theta + phase)
        first -= k * amplitude * np.sin(k * theta + phase)
        second -= k * k * amplitude * np.cos(k * theta + phase)
    along = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    r, first, second = (star.radius * part[:, None] for part in (r, first, second))
    return r * along, first * along + r * across, (second - r) * along + 2 * first * across


def slow_distance(star, points):
    """Distance without a sign, from the nearest of the same samples by plain Newton steps."""
    local = points - np.asarray(star.center)
    samples = np.linspace(0, 2 * np.pi, outline.SAMPLES, endpoint=False)
    theta = samples[cKDTree(curve(star, samples)[0]).query(local)[1]]
    for _ in range(8):
        place, tangent, bend = curve(star, theta)
        slope = (tangent**2).sum(axis=1) + ((place - local) * bend).sum(axis=1)
        step = ((place - local) * tangent).sum(axis=1) / np.where(slope > 0, slope, np.inf)
        theta = theta - np.clip(step, -samples[1], samples[1])
    return np.linalg.norm(curve(star, theta)[0] - local, axis=1)


@st.composite
def stars(draw, most=0.9):
    """Stars from nearly round to wild, of up to 12 modes."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    modes = draw(st.integers(0, 12))
    amplitudes = random.uniform(-1, 1, modes)
    amplitudes *= random.uniform(0, most) / max(np.abs(amplitudes).sum(), 1e-9)
    return debye.Star(random.uniform(-1, 1, 2), 5.0, amplitudes, random.uniform(0, 7, modes))


@given(stars(), st.integers(0, 99), st.booleans())
@few
def test_distance_is_that_of_plain_newton_from_the_nearest_sample(star, seed, along_rows):
    points = np.random.default_rng(seed).uniform(-9, 9, (800, 2))
    if along_rows:
        points = debye.Grid(cells=40, half_width=9.0).points()
    found = star(points)
    np.testing.assert_allclose(np.abs(found), slow_distance(star, points), atol=1e-12)
    np.testing.assert_array_equal(found < 0, star.level(points) < 0)


@given(stars())
@few
def test_no_point_of_the_curve_is_nearer_than_the_distance(star):
    points = np.random.default_rng(0).uniform(-9, 9, (40, 2))
    theta = np.linspace(0, 2 * np.pi, 20_000)
    dense = curve(star, theta)[0] + np.asarray(star.center)
    brute = np.sqrt(((points[:, None] - dense) ** 2).sum(axis=2)).min(axis=1)
    # The points lie less than 2e-2 apart, so that from any point of the curve one of them is within 1e-2.
    assert (np.abs(star(points)) <= brute + 1e-12).all()
    assert (np.abs(star(points)) >= brute - 1e-2).all()


def test_around_the_medial_axis_of_an_ellipse_like_star_both_feet_are_weighed():
    star = debye.Star((0.0, 0.0), 5.0, (0.3,), (0.0,))
    height = np.linspace(-1e-3, 1e-3, 401)
    for x in (0.0, 1.0, 2.0):
        points = np.stack([np.full_like(height, x), height], axis=1)
        found = star(points)
        np.testing.assert_allclose(found, found[::-1], atol=1e-12)
        assert (np.abs(np.diff(found)) <= 5.1e-6).all()


def test_a_circle_of_centre_and_radius():
    star = debye.Star((1.0, -2.0), 3.0, (), ())
    points = np.random.default_rng(2).uniform(-9, 9, (500, 2))
    np.testing.assert_allclose(star(points), debye.Ball((1.0, -2.0), 3.0)(points), atol=1e-13)
    assert star(np.array([[1.0, -2.0]]))[0] == pytest.approx(-3.0)
    assert star(np.empty((0, 2))).shape == (0,)


@given(stars(0.5))
@few
def test_points_on_the_curve_have_no_distance(star):
    theta = np.random.default_rng(3).uniform(0, 2 * np.pi, 300)
    points = curve(star, theta)[0] + np.asarray(star.center)
    assert np.abs(star(points)).max() < 1e-13
    assert np.abs(star.level(points)).max() < 1e-13


def test_a_point_does_not_depend_on_those_it_is_asked_with():
    star = debye.Star((0.3, -0.2), 5.0, (0.2, 0.1, 0.1), (0.3, 1.1, 2.0))
    points = np.random.default_rng(4).uniform(-9, 9, (501, 2))
    expected = star(points)
    order = np.random.default_rng(5).permutation(501)
    np.testing.assert_array_equal(star(points[order]), expected[order])
    broken = points.copy()
    broken[::7] = np.nan
    whole = np.isfinite(broken[:, 0])
    np.testing.assert_array_equal(star(broken)[whole], expected[whole])
    assert np.isnan(star(broken)[~whole]).all()


def test_points_of_another_dimension_are_refused():
    for shape in (debye.Star((0.0, 0.0), 5.0, (), ()), debye.Ball((0.0, 0.0), 1.0)):
        with pytest.raises(debye.GeometryError, match="coordinates"):
            shape(np.zeros((4, 3)))
