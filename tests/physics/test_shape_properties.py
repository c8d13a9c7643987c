"""What every shape must be: its sign, 1-Lipschitz, of slope 1 at the interface, and of its true size on a grid."""

from math import gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ellipe

import debye
from tests.physics.measures import measures
from tests.physics.rates import fitted_rate

unit = st.floats(0.0, 1.0)
few = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def molecules(draw, dim=None, probe=None):
    dim = dim or draw(st.sampled_from([2, 3]))
    atoms = draw(st.integers(1, 7))
    centers = [[6 * draw(unit) - 3 for _ in range(dim)] for _ in range(atoms)]
    radii = [1 + draw(unit) for _ in range(atoms)]
    return debye.Molecule(centers, radii, 2 * draw(unit) if probe is None else probe)


@st.composite
def shapes(draw):
    kind = draw(st.sampled_from(["ball", "ellipsoid", "star", "molecule"]))
    if kind == "molecule":
        return draw(molecules())
    dim = 2 if kind == "star" else draw(st.sampled_from([2, 3]))
    center = [4 * draw(unit) - 2 for _ in range(dim)]
    if kind == "ball":
        return debye.Ball(center, 1 + 4 * draw(unit))
    if kind == "ellipsoid":
        return debye.Ellipsoid(center, [1.5 + 3 * draw(unit) for _ in range(dim)], 3 * draw(unit))
    amplitudes = [0.4 * (draw(unit) - 0.5) / k for k in (2, 3, 4)]
    return debye.Star(center, 2 + 3 * draw(unit), amplitudes, [6 * draw(unit) for _ in amplitudes])


def dimension(shape):
    return len(shape.bounds[0])


def cloud(shape, seed, count=300):
    return np.random.default_rng(seed).uniform(-9, 9, (count, dimension(shape)))


def inside_by_definition(shape, points):
    """Inside or not from the shape's definition alone; None where that takes more than a line."""
    if isinstance(shape, debye.Molecule):
        gap = np.linalg.norm(points[:, None] - np.array(shape.centers), axis=2) - np.array(shape.radii)
        # Atoms are inside; where even the probe's centre may be is outside.
        return [
            True if least < 0 else False if least > shape.probe_radius else None for least in gap.min(axis=1)
        ]
    local = points - np.asarray(shape.center)
    if isinstance(shape, debye.Star):
        theta = np.arctan2(local[:, 1], local[:, 0])
        modes = enumerate(zip(shape.amplitudes, shape.phases, strict=True), start=2)
        reach = 1 + sum(a * np.cos(k * theta + p) for k, (a, p) in modes)
        return list(np.hypot(*local.T) < shape.radius * reach)
    if isinstance(shape, debye.Ellipsoid):
        turned = local.copy()
        cosine, sine = np.cos(shape.angle), np.sin(shape.angle)
        turned[:, 0] = cosine * local[:, 0] + sine * local[:, 1]
        turned[:, 1] = cosine * local[:, 1] - sine * local[:, 0]
        return list(((turned / np.array(shape.semi_axes)) ** 2).sum(axis=1) < 1)
    return list(np.linalg.norm(local, axis=1) < shape.radius)


@given(shapes(), st.integers(0, 99))
@few
def test_sign_is_that_of_the_definition_for_the_distance_and_the_cheap_level(shape, seed):
    points = cloud(shape, seed)
    for function in (shape, getattr(shape, "level", shape)):
        found = function(points) < 0
        expected = inside_by_definition(shape, points)
        known = [number for number, value in enumerate(expected) if value is not None]
        assert [bool(found[number]) for number in known] == [expected[number] for number in known]
    np.testing.assert_array_equal(shape(points) < 0, found)


@given(shapes(), st.integers(0, 99), st.floats(1e-3, 3.0))
@few
def test_changes_by_no_more_than_the_way(shape, seed, way):
    points = cloud(shape, seed)
    moves = np.random.default_rng(seed + 1).normal(size=points.shape)
    moves *= way / np.linalg.norm(moves, axis=1, keepdims=True)
    assert np.abs(shape(points + moves) - shape(points)).max() <= way * (1 + 1e-9) + 1e-9


def slopes(shape, points, step=1e-5):
    axes = np.eye(points.shape[1])
    parts = [(shape(points + step * axis) - shape(points - step * axis)) / (2 * step) for axis in axes]
    return np.stack(parts, axis=1)


@given(shapes(), st.integers(0, 99))
@few
def test_slope_is_1_at_the_interface_and_the_distance_leads_there(shape, seed):
    points = cloud(shape, seed)
    # Against the slope by the distance: the foot of the perpendicular.
    feet = points - shape(points)[:, None] * slopes(shape, points)
    on = np.abs(shape(feet)) < 1e-6
    # Only where the slope is broken, on the medial axis within a step of the point, or outside a cusp, may it fail.
    assert on.mean() > 0.9
    length = np.linalg.norm(slopes(shape, feet[on]), axis=1)
    assert length.max() <= 1 + 1e-4
    assert (length > 1 - 1e-4).mean() > 0.9


@given(shapes(), st.integers(0, 99))
@few
def test_bounds_hold_the_shape(shape, seed):
    points = cloud(shape, seed, 2000)
    low, high = shape.bounds
    outside = ((points < low) | (points > high)).any(axis=1)
    assert (shape(points[outside]) > 0).all()


def turned(values, angle):
    turn = np.eye(len(values[0]))
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.asarray(values) @ turn.T


@given(molecules(), st.floats(0.0, 6.0), st.floats(0.2, 3.0), st.integers(0, 99))
@few
def test_molecules_move_and_grow_with_their_atoms(molecule, angle, scale, seed):
    points = cloud(molecule, seed)
    shift = np.arange(1.0, 1.0 + points.shape[1])
    centers = scale * turned(molecule.centers, angle) + shift
    order = np.random.default_rng(seed).permutation(len(centers))
    radii = scale * np.array(molecule.radii)
    moved = debye.Molecule(centers[order], radii[order], scale * molecule.probe_radius)
    expected = scale * molecule(points)
    np.testing.assert_allclose(moved(scale * turned(points, angle) + shift), expected, atol=1e-7)


@given(molecules(probe=0.0), unit, unit, st.integers(0, 99))
@few
def test_a_larger_probe_leaves_a_larger_molecule(molecule, one, two, seed):
    small, large = (
        debye.Molecule(molecule.centers, molecule.radii, 2 * probe) for probe in sorted((one, two))
    )
    points = cloud(molecule, seed, 1000)
    assert not ((small(points) < -1e-9) & (large(points) > 1e-9)).any()


def star_sizes(star):
    def radius(theta, order=0):
        terms = enumerate(zip(star.amplitudes, star.phases, strict=True), start=2)
        if order:
            return -star.radius * sum(k * a * np.sin(k * theta + p) for k, (a, p) in terms)
        return star.radius * (1 + sum(a * np.cos(k * theta + p) for k, (a, p) in terms))

    area = np.pi * star.radius**2 * (1 + 0.5 * sum(a * a for a in star.amplitudes))
    return area, quad(lambda t: np.hypot(radius(t), radius(t, 1)), 0, 2 * np.pi, limit=200)[0]


def two_discs(c, r, p):
    """Area and length of two discs at ±c: rhombus of atoms and probes, less the probes' sectors, and the rest."""
    across, beta = np.sqrt((r + p) ** 2 - c * c), np.arccos(c / (r + p))
    area = 2 * across * c - p * p * (np.pi - 2 * beta) + r * r * (2 * np.pi - 2 * beta)
    return area, 2 * r * (2 * np.pi - 2 * beta) + 2 * p * (np.pi - 2 * beta)


def three_discs(c, r, p):
    """The same for an equilateral triangle of side 2c whose middle the probe cannot enter."""
    across, beta = np.sqrt((r + p) ** 2 - c * c), np.arccos(c / (r + p))
    outer = 5 * np.pi / 3 - 2 * beta
    area = np.sqrt(3) * c * c + 3 * (c * across - 0.5 * p * p * (np.pi - 2 * beta)) + 1.5 * r * r * outer
    return area, 3 * p * (np.pi - 2 * beta) + 3 * r * outer


def two_balls(c, r, p):
    """Volume and area of two balls at ±c: two spheres' caps and the neck that the probe leaves between them."""
    across, contact = np.sqrt((r + p) ** 2 - c * c), c * p / (r + p)
    height = r + r * c / (r + p)
    neck = (across**2 + p * p) * contact - contact**3 / 3
    angle = np.arcsin(c / (r + p))
    neck -= across * (contact * np.sqrt(p * p - contact**2) + p * p * angle)
    volume = 2 * np.pi * neck + 2 * np.pi * height**2 * (3 * r - height) / 3
    return volume, 4 * np.pi * p * (across * angle - p * np.sin(angle)) + 4 * np.pi * r * height


def spheroid_area(a, c):
    """Area of the oblate spheroid with semi-axes a, a, c."""
    e = np.sqrt(1 - (c / a) ** 2)
    return 2 * np.pi * a * a * (1 + (1 - e * e) / e * np.arctanh(e))


triangle = [[2.5, -2.5 / 3**0.5], [-2.5, -2.5 / 3**0.5], [0.0, 5 / 3**0.5]]
star = debye.Star((0.0, 0.0), 5.0, (0.1, 0.08), (0.3, 1.0))
FLAT, ROUND = (16, 24, 32, 48, 64, 96), (12, 16, 24, 32)
SIZES = {
    "disc": (debye.Ball((0.0, 0.0), 5.0), (np.pi * 25, np.pi * 10)),
    "ellipse": (debye.Ellipsoid((0.0, 0.0), (6.0, 3.5), 0.4), (np.pi * 21, 24 * ellipe(1 - (3.5 / 6) ** 2))),
    "star": (star, star_sizes(star)),
    "two discs and a probe": (debye.Molecule([[-3.0, 0], [3.0, 0]], [3.0, 3.0], 1.8), two_discs(3.0, 3.0, 1.8)),
    "two discs": (debye.Molecule([[-2.0, 0], [2.0, 0]], [4.0, 4.0], 0.0), two_discs(2.0, 4.0, 0.0)),
    "three discs and a probe": (debye.Molecule(triangle, [2.6] * 3, 1.5), three_discs(2.5, 2.6, 1.5)),
    "ball": (debye.Ball((0.0, 0.0, 0.0), 5.0), (np.pi**1.5 / gamma(2.5) * 125, 100 * np.pi)),
    "spheroid": (debye.Ellipsoid((0.0,) * 3, (5.0, 5.0, 3.0), 0.3), (100 * np.pi, spheroid_area(5.0, 3.0))),
    "two balls and a probe": (
        debye.Molecule([[-2.5, 0, 0], [2.5, 0, 0]], [3.5, 3.5], 2.0), two_balls(2.5, 3.5, 2.0)
    ),
}  # fmt: skip


def moved(shape, by):
    if isinstance(shape, debye.Molecule):
        return debye.Molecule(turned(shape.centers, 0.3) + by, shape.radii, shape.probe_radius)
    return type(shape)(**{**{name: getattr(shape, name) for name in shape.__match_args__}, "center": by})


@pytest.mark.parametrize("name", SIZES)
def test_sizes_by_cut_quadrature_are_those_of_closed_forms_to_second_order(name):
    shape, exact = SIZES[name]
    dim = dimension(shape)
    cells = FLAT if dim == 2 else ROUND
    random = np.random.default_rng(5)
    errors = []
    for number in cells:
        grid = debye.Grid(cells=number, half_width=9.0, dim=dim)
        # The mean over some places in the cell: a single one can be lucky.
        places = random.uniform(-0.5, 0.5, (12 if dim == 2 else 2, dim)) * grid.spacing
        found = np.array([measures(moved(shape, place), grid) for place in places])
        np.testing.assert_allclose(found[:, 0] + found[:, 1], 18.0**dim, rtol=1e-12)
        errors.append(np.abs(found[:, [0, 2]] / exact - 1).mean(axis=0))
    area_error, length_error = np.array(errors).T
    rate, table = fitted_rate(cells, area_error)
    assert rate > 1.8, table
    # A corner is cut off by a piece of the cell's length.
    corners = isinstance(shape, debye.Molecule) and shape.probe_radius == 0
    rate, table = fitted_rate(cells, length_error)
    assert rate > (0.8 if corners else 1.8), table
