"""The problems that `benchmarks/solver.py` solves with every method, their references, and what an error is.

All in 2-D, ε 2/80, λ_D = 9.6 Å, box of half width 16 Å, three or two charges off every centre and axis. Errors are
those of w = u - χ_solute G at the nodes of a grid of 64 cells, which every finer grid contains: relative, on each side
of Γ, so that the large w of the solute does not hide the small u of the solvent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import debye
from debye.physics.charges import coulomb_potential, debye_huckel_potential
from debye.physics.exact import disc_regular_potential, radial_potential

HALF_WIDTH = 16.0
COMMON = 64
"""Cells of the grid at whose nodes errors are taken."""
REFERENCES = Path(__file__).parent / "results" / "solver_reference.npz"
"""w of the stars at these nodes; `python benchmarks/solver.py --make-reference` makes it, with NGSolve."""

DISC = {"center": (0.0, 0.0), "radius": 8.0}
RADIAL = {"center": (0.3, -0.2), "radius": 8.0}
STAR = {
    "center": (0.3, -0.4), "radius": 7.0, "amplitudes": (0.12, 0.08, -0.05), "phases": (0.4, 2.0, 1.0)
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of a grid, as a peer needs them to give w there."""

    points: np.ndarray
    solute: np.ndarray
    """Whether they lie in the solute."""
    coulomb: np.ndarray
    """G; 0 at a node that holds a charge."""

    @property
    def drawn_in(self) -> np.ndarray:
        """The points, those on the edge of the box 1e-9 Å within it: a mesh may miss them by rounding."""
        return np.clip(self.points, -HALF_WIDTH + 1e-9, HALF_WIDTH - 1e-9)

    def regular(self, values: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Give w from values of elements that lie in the solute (`there`) or not: G takes w to u where sides differ."""
        values = values + np.where(there & ~self.solute, self.coulomb, 0.0)
        return values - np.where(~there & self.solute, self.coulomb, 0.0)


@dataclass(frozen=True, eq=False)
class Case:
    """One problem."""

    name: str
    kind: str
    """`ball` or `star`."""
    parameters: dict[str, Any]
    charges: debye.PointCharges
    medium: debye.Medium
    exact_boundary: Callable[[np.ndarray], np.ndarray]
    reference: Callable[[], np.ndarray | None]
    """w at the common nodes, None if the file of references lacks it."""

    def shape(self) -> debye.Ball | debye.Star:
        """A fresh shape: nothing that an earlier solve left in it is used again."""
        return {"ball": debye.Ball, "star": debye.Star}[self.kind](**self.parameters)

    def problem(self, cells: int) -> debye.Problem:
        """The problem on a grid of so many cells, with a shape of its own."""
        grid = debye.Grid(cells=cells, half_width=HALF_WIDTH)
        return debye.Problem(grid, self.shape(), self.charges, self.medium, self.boundary)

    def radius_at(self, theta: np.ndarray) -> np.ndarray:
        """Distance of Γ from the centre in direction θ, Å."""
        waves = zip(self.parameters.get("amplitudes", ()), self.parameters.get("phases", ()), strict=True)
        sums = sum(a * np.cos(k * theta + p) for k, (a, p) in enumerate(waves, start=2))
        return self.parameters["radius"] * (1.0 + sums + 0.0 * theta)

    def curve(self, theta: np.ndarray) -> np.ndarray:
        """Points of Γ, shape (n, 2), Å."""
        r = self.radius_at(theta)
        return np.stack([r * np.cos(theta), r * np.sin(theta)], axis=-1) + self.parameters["center"]

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether points lie in the solute."""
        gap = points - np.array(self.parameters["center"])
        return np.hypot(*gap.T) < self.radius_at(np.arctan2(gap[:, 1], gap[:, 0]))

    @functools.cache  # noqa: B019 - cases live as long as the program
    def nodes(self, cells: int = COMMON) -> Nodes:
        """The nodes of a grid of so many cells, by default the common ones."""
        points = debye.Grid(cells=cells, half_width=HALF_WIDTH).points()
        g = coulomb_potential(points, self.charges, self.medium)
        return Nodes(points, self.inside(points), np.where(np.isfinite(g), g, 0.0))

    @functools.cached_property
    def expected(self) -> np.ndarray | None:
        """The reference, made once."""
        return self.reference()

    @functools.cached_property
    def sides(self) -> dict[str, np.ndarray]:
        """Coefficients of polynomials in x or y over the half width that are g on each side of the box.

        All methods take their Dirichlet data from them, exact to 1e-8 of g, so that nobody is timed for its Bessel
        functions.
        """
        count = 48
        t = np.cos(np.pi * (np.arange(count) + 0.5) / count)
        along, edge = HALF_WIDTH * t, np.full(count, HALF_WIDTH)
        lines = {
            "bottom": (along, -edge), "top": (along, edge), "left": (-edge, along), "right": (edge, along)
        }  # fmt: skip
        found = {}
        for name, line in lines.items():
            series = np.polynomial.Chebyshev.fit(
                t, self.exact_boundary(np.stack(line, axis=-1)), 24, domain=[-1, 1]
            )
            found[name] = series.convert(kind=np.polynomial.Polynomial).coef
        return found

    def boundary(self, points: np.ndarray) -> np.ndarray:
        """Values g from these polynomials, at points (n, 2) on the edge of the box."""
        t = points / HALF_WIDTH
        across = np.abs(t[:, 1]) > 1.0 - 1e-9
        values = np.zeros(len(points))
        for name, where, along in (
            ("bottom", across & (t[:, 1] < 0), 0), ("top", across & (t[:, 1] > 0), 0),
            ("left", ~across & (t[:, 0] < 0), 1), ("right", ~across & (t[:, 0] > 0), 1),
        ):  # fmt: skip
            values[where] = np.polynomial.polynomial.polyval(t[where, along], self.sides[name])
        return values

    def errors(self, w: np.ndarray) -> dict[str, float]:
        """Relative errors of w at the common nodes: L2 and largest, in the solute, in the solvent, and the worse.

        Nodes where w is NaN, which a grid does not have, are left out.
        """
        found = {}
        solute, there = self.nodes().solute, np.isfinite(w.ravel())
        for side, where in (("solute", solute & there), ("solvent", ~solute & there)):
            gap, size = np.abs(w.ravel() - self.expected)[where], np.abs(self.expected[where])
            found[f"l2 {side}"] = float(np.linalg.norm(gap) / np.linalg.norm(size))
            found[f"max {side}"] = float(gap.max() / size.max())
        for norm in ("l2", "max"):
            found[norm] = max(found[f"{norm} solute"], found[f"{norm} solvent"])
        return found


def stored(name: str) -> Callable[[], np.ndarray | None]:
    """The reference of this name in the file."""

    def load() -> np.ndarray | None:
        if not REFERENCES.exists():
            return None
        with np.load(REFERENCES) as file:
            return file[name].astype(float) if name in file else None

    return load


def disc() -> Case:
    """Off-centre charges in a disc, linear ions: a Fourier-Bessel series is exact."""
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -4.0], [0.5, 5.0]], [0.1, -0.05, 0.08])

    def exact(points: np.ndarray) -> np.ndarray:
        return disc_regular_potential(points, DISC["radius"], charges, medium)

    nodes = debye.Grid(cells=COMMON, half_width=HALF_WIDTH).points()
    return Case("disc", "ball", DISC, charges, medium, exact, lambda: exact(nodes))


def star(name: str = "star", ions: str = "linear", values: tuple[float, float] = (0.1, -0.05)) -> Case:
    """Two charges in a star; the reference is NGSolve's, of high order."""
    medium = debye.Medium(ions=ions)
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -2.0]], values)

    def edge(points: np.ndarray) -> np.ndarray:
        return debye_huckel_potential(points, charges, medium)

    return Case(name, "star", STAR, charges, medium, edge, stored(name))


def radial() -> Case:
    """A charge in the middle of a disc, sinh ions: a two-point problem to 1e-9 is the reference."""
    medium, centre, radius = debye.Medium(), np.array(RADIAL["center"]), RADIAL["radius"]
    charges = debye.PointCharges([centre], [0.2])
    # w is constant inside: u(a) - G(a).
    u = radial_potential(radius, 0.2, medium, 40.0)

    def exact(points: np.ndarray) -> np.ndarray:
        w = u(np.maximum(np.hypot(*(points - centre).T), radius))
        rim = coulomb_potential(centre[None] + [[radius, 0.0]], charges, medium)
        return w - rim * (np.hypot(*(points - centre).T) < radius)

    nodes = debye.Grid(cells=COMMON, half_width=HALF_WIDTH).points()
    return Case("radial sinh", "ball", RADIAL, charges, medium, exact, lambda: exact(nodes))


def all_cases() -> dict[str, Case]:
    """The problems by name."""
    cases = (disc(), star(), radial(), star("star sinh", "nonlinear", (0.2, -0.1)))
    return {case.name: case for case in cases}
