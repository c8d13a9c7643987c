"""The equation's scaling: of the solver's solutions, of predictions, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.surrogate.conftest import Maker

import debye
from debye.errors import ConfigError, GeometryError
from debye.physics.problem import Problem
from debye.surrogate.scaling import ScaledShape, pose, scaled_shape
from debye.surrogate.surrogate import Surrogate

UNITS = {"lengths": {"s": 1.7}, "permittivities": {"a": 0.6}, "temperature": {"temperature": 320.0}}
UNITS["all"] = {key: value for one in list(UNITS.values()) for key, value in one.items()}
WHOSE = "the network small"


def rise(asked: Problem, s: float) -> float:
    """What w in the solute has on top of w of the problem s times smaller: the unit of length in the logarithm."""
    medium = asked.medium
    return medium.coupling * asked.charges.values.sum() / (2 * math.pi * medium.eps_solute) * math.log(s)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("ions", ["nonlinear", "linear"])
def test_solutions_scale(units: str, ions: str, problem: Maker, scaled: Callable[..., Problem]) -> None:
    """A law of the equation, with the solver as witness; `pose` rests on it."""
    first = problem(medium=debye.Medium(ions=ions))
    second = scaled(first, **UNITS[units])
    one, two = (debye.solve(asked, rtol=1e-12) for asked in (first, second))
    inside = one.level_set < 0
    added = np.where(inside, rise(second, UNITS[units].get("s", 1.0)), 0.0)
    np.testing.assert_allclose(two.regular, one.regular + added, atol=1e-9)
    finite = np.isfinite(one.potential)
    np.testing.assert_allclose(two.potential[finite], one.potential[finite], atol=1e-9)
    factor = second.charges.values / first.charges.values
    energy = 0.5 * second.charges.values.sum() * added[inside][0]
    assert two.reaction_energy == pytest.approx(factor[0] * one.reaction_energy + energy, abs=1e-9)


def test_without_ions_the_logarithm_of_the_boundary_values_counts(
    problem: Maker, scaled: Callable[..., Problem]
) -> None:
    first = problem(medium=debye.Medium(debye_length=math.inf))
    second = scaled(first, s=1.7)
    mapping = pose(second, first.grid, first.medium, WHOSE)
    one, two = debye.solve(first, rtol=1e-12), debye.solve(second, rtol=1e-12)
    np.testing.assert_allclose(mapping.regular(one.regular, one.level_set), two.regular, atol=1e-9)
    assert mapping.rise[1] != 0.0


def test_linear_ions_take_charges_of_any_size(problem: Maker) -> None:
    medium = debye.Medium(ions="linear")
    asked = problem(medium=medium)
    asked = Problem(
        asked.grid,
        asked.solute,
        debye.PointCharges(asked.charges.positions, 7 * asked.charges.values),
        medium,
    )
    mapping = pose(asked, asked.grid, medium, WHOSE, most_charge=0.1)
    assert np.abs(mapping.posed.charges.values).sum() == pytest.approx(0.1)
    posed, whole = debye.solve(mapping.posed, rtol=1e-12), debye.solve(asked, rtol=1e-12)
    np.testing.assert_allclose(mapping.regular(posed.regular, posed.level_set), whole.regular, atol=1e-9)


@pytest.mark.parametrize("units", UNITS)
def test_predictions_scale(units: str, small: Path, problem: Maker, scaled: Callable[..., Problem]) -> None:
    surrogate = Surrogate.load(small)
    first = problem()
    second = scaled(first, **UNITS[units])
    one, two = surrogate.predict([first, second], "cpu")
    added = np.where(one.level_set < 0, rise(second, UNITS[units].get("s", 1.0)), 0.0)
    np.testing.assert_allclose(two.regular, one.regular + added, atol=2e-5 * np.abs(one.regular).max())
    np.testing.assert_allclose(two.level_set, UNITS[units].get("s", 1.0) * one.level_set, rtol=1e-12)
    # The network's arithmetic is that of float32; the rest is not.
    assert one.certificate is not None
    assert two.certificate is not None
    assert two.certificate.relative_residual == pytest.approx(one.certificate.relative_residual, rel=1e-3)
    places = np.random.default_rng(0).uniform(-15, 15, (50, 2))
    np.testing.assert_allclose(
        two.evaluate(UNITS[units].get("s", 1.0) * places), one.evaluate(places), atol=1e-3
    )
    # Energies as the solver would have them of these fields.
    solved = debye.solve(second)
    own = type(solved)(second, solved.discretisation, solved.bubble, two.regular.ravel(), solved.report)
    assert two.reaction_energy == pytest.approx(own.reaction_energy, rel=1e-6)
    assert two.ionic_energy == pytest.approx(own.ionic_energy, rel=1e-6, abs=1e-12)


def test_a_coarser_grid_takes_every_second_node(small: Path, problem: Maker) -> None:
    surrogate = Surrogate.load(small)
    fine = problem()
    coarse = problem(grid=debye.Grid(cells=16, half_width=16.0))
    one, two = surrogate.predict([fine, coarse], "cpu")
    np.testing.assert_allclose(two.regular, one.regular[::2, ::2], atol=1e-5 * np.abs(one.regular).max())
    assert two.potential.shape == two.level_set.shape == (17, 17)
    assert two.reaction_energy == pytest.approx(one.reaction_energy, rel=1e-4)


CHANGES = {
    "finer grid": ({"grid": debye.Grid(cells=64, half_width=16.0)}, "grid: found cells=64"),
    "no divisor": ({"grid": debye.Grid(cells=24, half_width=16.0)}, "grid: found cells=24"),
    "wider box": (
        {"grid": debye.Grid(cells=32, half_width=20.0)},
        "medium: found .* box of half width 20 Å, .* one of 16 Å",
    ),
    "salt": ({"medium": debye.Medium(debye_length=5.0)}, "medium: found .*debye_length=5"),
    "contrast": ({"medium": debye.Medium(eps_solute=4.0)}, "medium: found .*eps_solute=4"),
    "ions": ({"medium": debye.Medium(ions="linear")}, "medium: ions: found linear"),
    "boundary": ({"boundary": "zero"}, "boundary: found zero"),
    "a function": ({"boundary": lambda points: np.zeros(len(points))}, "boundary: found a function"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_no_scaling_makes_good_is_refused(change: str, small: Path, problem: Maker) -> None:
    changed, words = CHANGES[change]
    surrogate = Surrogate.load(small)
    with pytest.raises(ConfigError, match=rf"^problem: {words}.* of the network small in checkpoint"):
        surrogate.predict(problem(**changed), "cpu")
    # A list is refused as a whole, with the number of the one.
    with pytest.raises(ConfigError, match=rf"^problem 1: {words}"):
        surrogate.predict([problem(), problem(**changed)], "cpu")


def test_three_dimensions_are_refused(small: Path) -> None:
    asked = Problem(
        debye.Grid(cells=32, half_width=16.0, dim=3),
        debye.Ball((0.0, 0.0, 0.0), 8.0),
        debye.PointCharges([[1.0, 0.0, 0.0]], [1.0]),
    )
    with pytest.raises(ConfigError, match=r"problem: grid: found .*dim=3"):
        Surrogate.load(small).predict(asked, "cpu")


def test_another_medium_is_taken_where_one_says_so(small: Path, problem: Maker) -> None:
    surrogate = Surrogate.load(small)
    salty = problem(medium=debye.Medium(debye_length=5.0))
    found = surrogate.predict(salty, "cpu", any_medium=True)
    assert found.to_dataset().attrs["medium_differs"] == "debye_length"
    assert found.certificate is not None
    assert "medium: debye_length: 5, trained for 9.6" in found.certificate.flags
    plain = surrogate.predict(problem(), "cpu", any_medium=True)
    assert "medium_differs" not in plain.to_dataset().attrs


def test_a_shape_that_the_networks_grid_does_not_resolve_is_refused(small: Path, problem: Maker) -> None:
    spiky = debye.Star((0.0, 0.0), 8.0, (0.0,) * 22 + (0.3,), (0.0,) * 23)
    for certify in (True, False):
        with pytest.raises(GeometryError):
            Surrogate.load(small).predict(
                problem(solute=spiky, charges=debye.PointCharges([[0.0, 0.0]], [0.1])), "cpu", certify=certify
            )


@pytest.mark.parametrize(
    "shape",
    [
        debye.Ball((1.0, 2.0), 6.0),
        debye.Ellipsoid((1.0, 2.0), (6.0, 4.0), 0.3),
        debye.Star((1.0, 2.0), 6.0, (0.1,), (0.2,)),
        debye.Molecule([[1.0, 0.0], [-2.0, 1.0]], [3.0, 3.5], 1.4),
    ],
    ids=lambda shape: type(shape).__name__,
)
def test_shapes_scale(shape: debye.Ball) -> None:
    points = np.random.default_rng(1).uniform(-10, 10, (40, 2))
    small = scaled_shape(shape, 2.5)
    assert type(small) is type(shape)
    wrapped = ScaledShape(shape, 2.5)
    for made in (small, wrapped):
        np.testing.assert_allclose(2.5 * made(points / 2.5), shape(points), atol=1e-9)
        np.testing.assert_allclose(2.5 * np.array(made.bounds), np.array(shape.bounds), atol=1e-9)
    assert wrapped.is_distance
    assert hasattr(wrapped, "level") == hasattr(shape, "level")
    if hasattr(shape, "level"):
        assert (np.sign(wrapped.level(points / 2.5)) == np.sign(shape.level(points))).all()


class Square:
    """A shape of one's own, no distance."""

    bounds = ((-6.3, -6.3), (6.3, 6.3))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.abs(points).max(axis=1) - 6.3


def test_a_shape_of_ones_own_scales(small: Path) -> None:
    surrogate = Surrogate.load(small)
    charges = debye.PointCharges([[1.0, 0.5]], [0.1])
    first = Problem(debye.Grid(cells=32, half_width=16.0), Square(), charges)

    class Larger(Square):
        bounds = ((-12.6, -12.6), (12.6, 12.6))

        def __call__(self, points: np.ndarray) -> np.ndarray:
            return np.abs(points).max(axis=1) - 12.6

    second = Problem(
        debye.Grid(cells=32, half_width=32.0),
        Larger(),
        debye.PointCharges(2 * charges.positions, charges.values),
        debye.Medium(debye_length=19.2),
    )
    one, two = surrogate.predict([first, second], "cpu")
    np.testing.assert_allclose(two.potential, one.potential, atol=1e-5 * np.abs(one.regular).max())
    assert two.to_dataset()["geometry"].item() == "custom"
