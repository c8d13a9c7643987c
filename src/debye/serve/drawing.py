"""What the user drew: a solute, charges, a medium; bounded, and a problem only where it makes one.

A drawing may be wrong (a charge outside of the solute): it is kept as it was drawn, so that it can be dragged back, and
`Drawing.problem` says what is wrong with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import yaml

from debye.errors import ConfigError, explain
from debye.parameters import Grid, Medium
from debye.physics.charges import PointCharges
from debye.physics.molecule import Molecule
from debye.physics.problem import Problem
from debye.physics.shapes import Ball, Ellipsoid, Star

Solute = Ball | Ellipsoid | Star | Molecule
Family = Literal["ball", "ellipsoid", "star", "molecule"]
FAMILIES: tuple[Family, ...] = get_args(Family)

MOST_CHARGES = 12
"""As many as any test set of the package's network has."""
MOST_ATOMS = 12
LARGEST_CHARGE = 1.0
"""e/Å; ten times the largest that the package's network was trained on."""
RANGES = {
    "eps_solute": (1.0, 40.0),
    "eps_solvent": (1.0, 200.0),
    "debye_length": (1.0, 100.0),
    "temperature": (200.0, 500.0),
}
"""What the page takes of a medium; beyond, `debye solve` is the better instrument."""


@dataclass(frozen=True)
class Charge:
    """A charged line at (x, y), Å, of q e/Å."""

    x: float
    y: float
    q: float


@dataclass(frozen=True)
class Drawing:
    """Solute, charges and medium as they were drawn."""

    solute: Solute
    charges: tuple[Charge, ...]
    medium: Medium = Medium()  # noqa: RUF009 - frozen

    @property
    def family(self) -> Family:
        """Kind of the solute as in a problem file."""
        return type(self.solute).__name__.lower()  # type: ignore[return-value]

    def problem(self, grid: Grid) -> Problem:
        """The problem that was drawn.

        Raises
        ------
        DebyeError
            If it is none: no charge, a charge outside of the solute or too near its boundary, a shape out of the box.
        """
        positions = [[charge.x, charge.y] for charge in self.charges]
        charges = PointCharges(positions, [charge.q for charge in self.charges])
        return Problem(grid, self.solute, charges, self.medium)

    def moved(self, number: int, x: float, y: float, reach: float) -> Drawing:
        """The same with a charge elsewhere; no further out than `reach`, the box."""
        place = {"x": bounded("x", x, -reach, reach), "y": bounded("y", y, -reach, reach)}
        return self._with_charge(number, place)

    def valued(self, number: int, q: float) -> Drawing:
        """The same with another value of a charge."""
        return self._with_charge(number, {"q": bounded("charge", q, -LARGEST_CHARGE, LARGEST_CHARGE, " e/Å")})

    def _with_charge(self, number: int, change: dict[str, float]) -> Drawing:
        charges = list(self.charges)
        charges[number] = replace(charges[number], **change)
        return replace(self, charges=tuple(charges))

    def added(self, charge: Charge, reach: float) -> Drawing:
        """The same with one more charge.

        Raises
        ------
        ConfigError
            If there are `MOST_CHARGES` already.
        """
        if len(self.charges) >= MOST_CHARGES:
            most = explain(
                "charges", f"{len(self.charges)} and one more", f"at most {MOST_CHARGES}", "remove one"
            )
            raise ConfigError(most)
        added = replace(self, charges=(*self.charges, charge))
        number = len(self.charges)
        return added.moved(number, charge.x, charge.y, reach).valued(number, charge.q)

    def removed(self, number: int) -> Drawing:
        """The same without a charge.

        Raises
        ------
        ConfigError
            If it is the last one.
        """
        if len(self.charges) == 1:
            raise ConfigError(explain("charges", "none left", "at least one", "add another one first"))
        return replace(self, charges=self.charges[:number] + self.charges[number + 1 :])

    def in_medium(self, key: str, value: float | str) -> Drawing:
        """The same with another value of a key of the medium."""
        if key in RANGES:
            value = bounded(key, value, *RANGES[key])
        return replace(self, medium=Medium(**(self.medium.model_dump() | {key: value})))


def as_yaml(problem: Problem) -> str:
    """Problem file that `debye solve` and `debye predict` read; the solute is one of Debye's shapes."""
    solute = problem.solute
    keys = {name: _plain(value) for name, value in vars(solute).items() if name in _keys(solute)}
    content = {
        "grid": problem.grid.model_dump(),
        "solute": {"kind": type(solute).__name__.lower()} | keys,
        "charges": {
            "positions": problem.charges.positions.tolist(),
            "values": problem.charges.values.tolist(),
        },
        "medium": problem.medium.model_dump(),
        "boundary": problem.boundary,
    }
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)


def from_problem(problem: Problem) -> Drawing:
    """Drawing of a problem, for example of one from a file.

    Raises
    ------
    ConfigError
        If it holds more than the page takes, or something that cannot be drawn.
    """
    if not isinstance(problem.solute, Solute) or problem.grid.dim != 2:
        raise ConfigError(
            explain("problem", "a solute that cannot be drawn", "a shape of Debye's in 2-D", "solve it")
        )
    if problem.boundary != "debye-huckel":
        raise ConfigError(
            explain("boundary", problem.boundary, "debye-huckel", "solve it with `debye solve`")
        )
    if isinstance(problem.solute, Molecule) and len(problem.solute.radii) > MOST_ATOMS:
        found = len(problem.solute.radii)
        raise ConfigError(explain("atoms", found, f"at most {MOST_ATOMS}", "solve it with `debye solve`"))
    drawing = Drawing(problem.solute, ())
    for (x, y), q in zip(problem.charges.positions.tolist(), problem.charges.values.tolist(), strict=True):
        drawing = drawing.added(Charge(x, y, q), problem.grid.half_width)
    for key, value in problem.medium.model_dump().items():
        drawing = drawing.in_medium(key, value)
    return drawing


def bounded(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """A number within its bounds, whatever a browser sent; the message names its unit, which starts with a blank.

    Raises
    ------
    ConfigError
    """
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:
        found = f"{number:.6g}{unit}" if math.isfinite(number) else "no number"
        raise ConfigError(explain(name, found, f"{low:g} to {high:g}", "choose a value between them"))
    return number


def _keys(solute: object) -> tuple[str, ...]:
    return {
        "Ball": ("center", "radius"),
        "Ellipsoid": ("center", "semi_axes", "angle"),
        "Star": ("center", "radius", "amplitudes", "phases"),
        "Molecule": ("centers", "radii", "probe_radius"),
    }[type(solute).__name__]


def _plain(value: Any) -> Any:
    """Tuples as lists, which YAML has a plain form for."""
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
