import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import debye

unit = st.floats(0.0, 1.0)


@st.composite
def shapes(draw):
    center = (4 * draw(unit) - 2, 4 * draw(unit) - 2)
    kind = draw(st.sampled_from(["ball", "ellipsoid", "star"]))
    if kind == "ball":
        return debye.Ball(center, 3 + 4 * draw(unit))
    if kind == "ellipsoid":
        return debye.Ellipsoid(center, (3 + 4 * draw(unit), 2 + 3 * draw(unit)), 3 * draw(unit))
    amplitudes = [0.3 * (draw(unit) - 0.5) / k for k in (2, 3, 4)]
    return debye.Star(center, 4 + 2 * draw(unit), amplitudes, [6 * draw(unit) for _ in amplitudes])


def outline(shape, count=20_000):
    """Points of the true curve, from nothing but the sign of the shape's cheap level set along rays."""
    theta = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ray = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    low, high = np.zeros(count), np.full(count, 12.0)
    level = getattr(shape, "level", shape)
    for _ in range(60):
        middle = 0.5 * (low + high)
        inside = level(np.asarray(shape.center) + middle[:, None] * ray) < 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(shape.center) + low[:, None] * ray


@given(shapes())
@settings(max_examples=25, deadline=None)
def test_signed_distance_against_brute_force(shape):
    points = np.random.default_rng(1).uniform(-10, 10, (60, 2))
    curve = outline(shape)
    brute = np.sqrt(((points[:, None] - curve) ** 2).sum(axis=2)).min(axis=1)
    found = shape(points)
    # The nearest of the curve's points is up to a spacing off along the curve, never nearer than the curve.
    np.testing.assert_allclose(np.abs(found), brute, atol=5e-3)
    np.testing.assert_array_equal(np.sign(found), np.sign(getattr(shape, "level", shape)(points)))
    assert np.abs(shape(curve[::500])).max() < 1e-8


@given(shapes())
@settings(max_examples=25, deadline=None)
def test_distance_is_1_lipschitz_inside_its_bounds_and_steep_near_the_interface(shape):
    random = np.random.default_rng(2)
    one, two = random.uniform(-10, 10, (2, 200, 2))
    gap = np.sqrt(((one - two) ** 2).sum(axis=1))
    assert (np.abs(shape(one) - shape(two)) <= gap * (1 + 1e-6) + 1e-6).all()
    low, high = shape.bounds
    outside = np.any((one < low - 1e-3) | (one > high + 1e-3), axis=1)
    assert (shape(one[outside]) > 0).all()
    near = outline(shape, 50)
    step = 1e-5
    slope = np.sqrt(
        sum(((shape(near + step * e) - shape(near - step * e)) / (2 * step)) ** 2 for e in np.eye(2))
    )
    np.testing.assert_allclose(slope, 1.0, atol=1e-3)


def test_ellipsoid_in_3d_has_the_distance_of_a_ball_and_of_its_axes():
    points = np.random.default_rng(3).normal(size=(50, 3)) * 4
    ball, round_ellipsoid = (
        debye.Ball((1.0, 0.0, 0.0), 3.0),
        debye.Ellipsoid((1.0, 0.0, 0.0), (3.0, 3.0, 3.0)),
    )
    np.testing.assert_allclose(round_ellipsoid(points), ball(points), atol=1e-9)
    flat = debye.Ellipsoid((0.0, 0.0, 0.0), (4.0, 3.0, 1.0))
    np.testing.assert_allclose(
        flat(np.array([[6.0, 0, 0], [0, 5.0, 0], [0, 0, 0], [0, 0, 0.5]])), [2, 2, -1, -0.5]
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: debye.Ball((0.0, 0.0), -1.0),
        lambda: debye.Ball((0.0, float("nan")), 1.0),
        lambda: debye.Ball((0.0,), 1.0),
        lambda: debye.Ball("x", 1.0),
        lambda: debye.Star((0.0, 0.0), 3.0, None, ()),
        lambda: debye.Ellipsoid((0.0, 0.0), (1.0, 0.0)),
        lambda: debye.Ellipsoid((0.0, 0.0), (1.0, 2.0, 3.0)),
        lambda: debye.Star((0.0, 0.0), 3.0, (0.6, 0.6), (0.0, 0.0)),
        lambda: debye.Star((0.0, 0.0), 3.0, (0.1,), ()),
        lambda: debye.Star((0.0, 0.0), float("inf"), (0.1,), (0.0,)),
    ],
)
def test_impossible_shapes_are_refused(make):
    with pytest.raises(debye.GeometryError, match=r"found .* expected .*;"):
        make()
