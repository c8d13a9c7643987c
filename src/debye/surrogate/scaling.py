"""A problem put onto a network's grid and into its medium, where the equation's scaling is exact.

In 2-D, with u(x) = κ u'(x/s), the equation -∇·(ε∇u) + χ (ε⁺/λ²) f(u) = C Σ q δ(x - x_i) keeps its form:

    lengths       x = s x', λ = s λ': Laplacian and δ both go with s⁻², so that u is the same for the same q (e/Å).
                  Only G(x) = -(C/2πε⁻) Σ q ln(|x - x_i| / 1 Å) knows a unit of length, so w = u - χ G is

                      w(x) = w'(x') + χ_solute (C Σq / 2πε⁻) ln s
    permittivity  ε⁻ = a ε⁻', ε⁺ = a ε⁺' and q = a q': each term has a factor a.
    temperature   C = C(T): only C q enters, q' = q C(T)/C(T').
    charges       linear ions alone: q = κ q', for any κ.

The Debye-Hückel values on the box scale alike, but without ions they are a logarithm: there u falls by
(C Σq / 2πε⁺) ln s as well, which without ions solves the equation too. A box of N cells of which the network's N' is a
multiple has its nodes among the network's: the same continuous problem on a finer grid, of which every (N'/N)-th node
is taken. Nothing else is exact: another λ_D per box, another ratio of permittivities, other boundary values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from debye.errors import ConfigError, explain
from debye.parameters import Grid, Medium
from debye.physics.charges import PointCharges
from debye.physics.molecule import Molecule
from debye.physics.problem import Problem
from debye.physics.shapes import Ball, Ellipsoid, Shape, Star

Floats = NDArray[np.float64]

LENGTHS: dict[type, tuple[str, ...]] = {
    Ball: ("center", "radius"),
    Ellipsoid: ("center", "semi_axes"),
    Star: ("center", "radius"),
    Molecule: ("centers", "radii", "probe_radius"),
}
"""Parameters of Debye's shapes that are lengths."""

ROUND_OFF = 1e-9
"""Relative difference up to which two media are one."""

BOUNDARY = "debye-huckel"
"""Boundary values of the labels; no network is told of others."""


class ScaledShape:
    """A user's own shape, `length` times smaller."""

    def __init__(self, shape: Shape, length: float) -> None:
        self._shape, self._length = shape, length
        low, high = shape.bounds
        self.bounds = np.asarray(low) / length, np.asarray(high) / length
        self.is_distance = bool(getattr(shape, "is_distance", False))
        if hasattr(shape, "level"):
            # Only where there is one: its presence says that it is cheaper.
            self.level = lambda points: np.asarray(shape.level(points * length)) / length

    def __call__(self, points: Floats) -> Floats:
        """Level set at `points` (n, dim), shape (n,), Å."""
        return np.asarray(self._shape(points * self._length), dtype=float) / self._length


def scaled_shape(shape: Shape, length: float) -> Shape:
    """A shape with all its lengths divided by `length`.

    Examples
    --------
    >>> scaled_shape(Ball(center=(2.0, 0.0), radius=4.0), 2.0)
    Ball(center=(1.0, 0.0), radius=2.0)
    """
    if length == 1.0:
        return shape
    names = LENGTHS.get(type(shape))
    if names is None:
        return ScaledShape(shape, length)
    keys: dict[str, Any] = {item.name: getattr(shape, item.name) for item in fields(shape) if item.init}  # type: ignore[arg-type]
    keys |= {name: (np.array(keys[name]) / length).tolist() for name in names}
    made: Shape = type(shape)(**keys)
    return made


@dataclass(frozen=True, eq=False)
class Mapping:
    """A problem as it was asked and as it is put to a network, and the way back.

    Attributes
    ----------
    asked, posed : Problem
        The latter on the network's grid, in its medium but for `differs`.
    length : float
        s, lengths asked over lengths posed.
    every : int
        Every so many nodes of the network's grid is a node of the one asked.
    unit : float
        κ, potentials asked over potentials posed; 1 but for linear ions.
    rise : tuple of float
        What is added to w in the solute and in the solvent, kT/e.
    differs : dict
        Keys in which the medium is another after all, each with what it is and what it was in training, in words.
    """

    asked: Problem
    posed: Problem
    length: float = 1.0
    every: int = 1
    unit: float = 1.0
    rise: tuple[float, float] = (0.0, 0.0)
    differs: dict[str, str] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether nothing had to be done."""
        return self.posed is self.asked

    def nodes(self, field: NDArray[Any]) -> NDArray[Any]:
        """Values at the nodes asked of a field on the network's grid, (cells+1,)*dim."""
        return field[(slice(None, None, self.every),) * field.ndim]

    def regular(self, w: Floats, level_set: Floats) -> Floats:
        """W as asked from w as posed, arrays of one shape; `level_set` tells the sides."""
        if self.exact:
            return w
        return self.unit * w + np.where(level_set < 0, *self.rise)


def pose(
    problem: Problem,
    grid: Grid,
    medium: Medium,
    whose: str,
    *,
    name: str = "problem",
    any_medium: bool = False,
    most_charge: float = math.inf,
) -> Mapping:
    """Put a problem onto a network's grid and into its medium.

    Parameters
    ----------
    problem : Problem
    grid, medium
        What the network was trained for.
    whose : str
        The network, in messages.
    name : str
        The problem, in messages.
    any_medium : bool
        Keep a medium that no scaling takes to the network's, for a network that has not seen it.
    most_charge : float
        With linear ions, charges are scaled down so that Σ|q| is at most this, e/Å.

    Raises
    ------
    ConfigError
        If the problem has another dimension, boundary, kind of ions, grid or medium than scaling can make good.
    """
    if problem.boundary != BOUNDARY:
        found = problem.boundary if isinstance(problem.boundary, str) else "a function"
        _refuse(name, "boundary", found, BOUNDARY, whose)
    if problem.medium.ions != medium.ions:
        _refuse(name, "medium: ions", problem.medium.ions, medium.ions, whose)
    every, rest = divmod(grid.cells, problem.grid.cells)
    length = problem.grid.half_width / grid.half_width
    flat = problem.grid.dim == grid.dim == 2
    if problem.grid.dim != grid.dim or rest or every < 1 or (not flat and problem.grid != grid):
        usable = f"{grid}" + (f" or cells that divide {grid.cells}, of a box of any width," if flat else "")
        _refuse(name, "grid", problem.grid, usable, whose)
    lengths_scaled = problem.medium.model_copy(update={"debye_length": problem.medium.debye_length / length})
    differs = medium_differences(lengths_scaled, medium, flat)
    if differs and not any_medium:
        told = f"{problem.medium} in a box of half width {problem.grid.half_width:g} Å"
        usable = f"{medium} in one of {grid.half_width:g} Å, or what scales to it,"
        raise ConfigError(
            explain(
                f"{name}: medium",
                told,
                f"{usable} of {whose}",
                "solve it with `debye solve`, or ask all the same: any_medium=True (--any-medium) flags it",
            )
        )
    medium_there, strength = lengths_scaled, 1.0
    if not differs:
        strength = problem.medium.coupling / medium.coupling * medium.eps_solute / problem.medium.eps_solute
        medium_there = medium
    charges, unit = problem.charges, 1.0
    if medium.ions == "linear":
        unit = max(1.0, strength * float(np.abs(charges.values).sum()) / most_charge)
    if problem.grid == grid and medium_there == problem.medium and unit == 1.0:
        return Mapping(problem, problem, differs=differs)
    factor = strength / unit
    posed = PointCharges(charges.positions / length, charges.values * factor)
    asked = problem.medium
    logarithm = asked.coupling * float(charges.values.sum()) / (2 * math.pi) * math.log(length)
    outside = -logarithm / asked.eps_solvent if math.isinf(asked.debye_length) else 0.0
    there = Problem(grid, scaled_shape(problem.solute, length), posed, medium_there)
    return Mapping(
        problem, there, length, every, unit, (outside + logarithm / asked.eps_solute, outside), differs
    )


def medium_differences(found: Medium, trained: Medium, flat: bool = True) -> dict[str, str]:
    """Keys in which a medium is another than that of a training, beyond what scaling makes good, in words.

    Parameters
    ----------
    found, trained : Medium
        With lengths on one scale.
    flat : bool
        2-D, where the temperature and the size of both permittivities are scaled away.

    Examples
    --------
    >>> medium_differences(Medium(eps_solute=4.0, eps_solvent=160.0, temperature=310.0), Medium())
    {}
    >>> medium_differences(Medium(debye_length=4.0), Medium())
    {'debye_length': '4, trained for 9.6'}
    """
    pairs = {"debye_length": (found.debye_length, trained.debye_length)}
    if flat:
        ratios = found.eps_solvent / found.eps_solute, trained.eps_solvent / trained.eps_solute
        pairs["eps_solvent / eps_solute"] = ratios
    else:
        keys = ("eps_solute", "eps_solvent", "temperature")
        pairs |= {name: (getattr(found, name), getattr(trained, name)) for name in keys}
    # Infinite Debye lengths are equal, and close to nothing.
    return {
        name: f"{one:g}, trained for {other:g}"
        for name, (one, other) in pairs.items()
        if one != other and not math.isclose(one, other, rel_tol=ROUND_OFF)
    }


def _refuse(name: str, what: str, found: object, expected: str, whose: str) -> None:
    remedy = f"change the problem's {what}, solve it with `debye solve`, or train a network for it"
    raise ConfigError(explain(f"{name}: {what}", found, f"{expected} of {whose}", remedy))
