"""A problem: grid, solute, charges, medium, boundary values; from Python or from a YAML file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from debye.errors import ChargeError, ConfigError, explain
from debye.parameters import Grid, Medium, Model, load_yaml
from debye.physics.charges import PointCharges, debye_huckel_potential
from debye.physics.depth import distance_inside
from debye.physics.molecule import Molecule
from debye.physics.resolve import bounds_on
from debye.physics.shapes import Ball, Ellipsoid, Shape, Star

Floats = NDArray[np.float64]
Boundary = Literal["debye-huckel", "zero"] | Callable[[Floats], Floats]

SHAPES: dict[str, type[Ball] | type[Ellipsoid] | type[Star] | type[Molecule]] = {
    "ball": Ball,
    "ellipsoid": Ellipsoid,
    "star": Star,
    "molecule": Molecule,
}
"""Shapes that a YAML file can name."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The Poisson-Boltzmann problem on a box.

        -∇·(ε∇u) + χ_solvent (ε⁺/λ_D²) f(u) = C Σ q_i δ(x - x_i),  [u] = [ε ∂ₙu] = 0 on Γ,  u = g on the box

    Parameters
    ----------
    grid : Grid
    solute : Shape
        A shape of Debye, or any callable ``points (n, dim) -> (n,)``, negative inside, with ``bounds``.
    charges : PointCharges
        In the solute, a cell or more from the interface.
    medium : Medium
    boundary : {"debye-huckel", "zero"} or callable
        Values g on the box; a callable maps points (n, dim) to potentials (n,).

    Raises
    ------
    ConfigError
        If the boundary is none of these, or the solute no callable with bounds.
    GeometryError
        If the solute has another dimension than the grid, or its function does not return a number for each point.
    ChargeError
        If the charges have another dimension than the grid, or lie outside the solute or too near the interface.
    """

    grid: Grid
    solute: Shape
    charges: PointCharges
    medium: Medium = Medium()  # noqa: RUF009 - frozen
    boundary: Boundary = "debye-huckel"

    def __post_init__(self) -> None:
        for name, kind in (("grid", Grid), ("charges", PointCharges), ("medium", Medium)):
            if not isinstance(getattr(self, name), kind):
                found = f"{type(getattr(self, name)).__name__}"
                raise ConfigError(explain(name, found, f"a debye.{kind.__name__}", "make one of its values"))
        named = isinstance(self.boundary, str) and self.boundary in ("debye-huckel", "zero")
        if not named and not callable(self.boundary):
            raise ConfigError(
                explain(
                    "boundary",
                    repr(self.boundary),
                    "'debye-huckel', 'zero' or a callable",
                    "choose one of these",
                )
            )
        if not callable(self.solute) or not hasattr(self.solute, "bounds"):
            raise ConfigError(
                explain(
                    "solute",
                    type(self.solute).__name__,
                    "a shape: a callable with `bounds`",
                    "see docs/adding_a_shape.md",
                )
            )
        bounds_on(self.grid, self.solute)
        check_charges(self.grid, self.solute, self.charges)

    def boundary_values(self, points: Floats) -> Floats:
        """Values g at `points` (n, dim), shape (n,).

        Raises
        ------
        ConfigError
            If a callable returns something else than n finite numbers.
        """
        if not callable(self.boundary):
            if self.boundary == "zero":
                return np.zeros(len(points))
            return debye_huckel_potential(points, self.charges, self.medium)
        values = np.asarray(self.boundary(points))
        real = values.dtype.kind in "fiub"
        if not real or values.shape != (len(points),) or not np.isfinite(values).all():
            raise ConfigError(
                explain(
                    "boundary",
                    f"{values.dtype} of shape {values.shape}, or not finite",
                    f"({len(points)},) finite numbers",
                    "mend the callable",
                )
            )
        return values.astype(float)


def check_charges(grid: Grid, solute: Shape, charges: PointCharges) -> None:
    """Refuse charges outside the solute or within a cell of its interface.

    The jump J0 = G|Γ of a charge that near is rougher than the grid can carry.

    Raises
    ------
    ChargeError
    """
    if charges.dim != grid.dim:
        raise ChargeError(
            explain(
                "charges",
                f"positions in {charges.dim}-D",
                f"{grid.dim}-D as the grid",
                "give one coordinate an axis",
            )
        )
    distance = distance_inside(solute, charges.positions, grid.spacing)
    for number in np.flatnonzero(~(distance >= grid.spacing)):
        place = f"charge {number} at {charges.positions[number].tolist()} Å"
        if not distance[number] > 0:
            raise ChargeError(
                explain(place, "outside the solute", "a charge inside", "move the charge or the solute")
            )
        raise ChargeError(
            explain(
                place,
                f"{distance[number]:.3g} Å from the interface",
                f"at least one cell ({grid.spacing:g} Å)",
                "move it inwards or use more cells",
            )
        )


class _ProblemFile(Model):
    """Keys of a problem file."""

    grid: Grid
    solute: dict[str, Any]
    charges: dict[str, Any]
    medium: Medium = Medium()
    boundary: Literal["debye-huckel", "zero"] = Field(default="debye-huckel")


def load_problem(path: str | Path) -> Problem:
    """Read a problem from a YAML file.

    Raises
    ------
    ConfigError, GeometryError, ChargeError
        With the key, what was found, what was expected and the way out.
    """
    content = _ProblemFile(**load_yaml(path))
    charges = _build("charges", PointCharges, {"positions", "values"}, content.charges)
    return Problem(content.grid, load_shape(content.solute), charges, content.medium, content.boundary)


def load_shape(keys: dict[str, Any]) -> Shape:
    """Make a shape from its keys; `kind` chooses it.

    Raises
    ------
    ConfigError
        If the kind or a key is unknown, or a key is missing.
    """
    kind = keys.get("kind")
    if not isinstance(kind, str) or kind not in SHAPES:
        raise ConfigError(
            explain("solute.kind", repr(kind), f"one of {', '.join(SHAPES)}", "choose one of these")
        )
    shape = SHAPES[kind]
    names = {item.name for item in fields(shape) if item.init}
    optional = frozenset(item.name for item in fields(shape) if item.default is not MISSING)
    rest = {name: value for name, value in keys.items() if name != "kind"}
    return _build("solute", shape, names, rest, optional)  # type: ignore[no-any-return]


def _build(
    section: str,
    make: Callable[..., Any],
    names: set[str],
    keys: dict[str, Any],
    optional: frozenset[str] = frozenset(),
) -> Any:
    for name in keys:
        if name not in names:
            known = ", ".join(sorted(names))
            raise ConfigError(
                explain(
                    f"{section}.{name}",
                    "an unknown key",
                    f"one of {known}",
                    "remove it or correct its spelling",
                )
            )
    for name in sorted(names - optional):
        if name not in keys:
            raise ConfigError(explain(f"{section}.{name}", "nothing", "a value", "add the key"))
    try:
        return make(**keys)
    except (TypeError, ValueError) as error:
        if isinstance(error, (ConfigError, ChargeError)) or type(error).__module__.startswith("debye"):
            raise
        raise ConfigError(
            explain(section, keys, "numbers of the documented shape", "mend the value")
        ) from None
