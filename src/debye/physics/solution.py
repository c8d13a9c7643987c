"""A solution: nodal fields, values anywhere, energy, report, and the documented data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from debye import schema
from debye.errors import ConfigError, explain
from debye.physics.charges import coulomb_potential
from debye.physics.energy import coulomb_energy, ionic_energy
from debye.physics.interface import Interface, interface_values
from debye.physics.mesh import locate
from debye.provenance import code_digest

if TYPE_CHECKING:
    from debye.parameters import Grid
    from debye.physics.assembly import Discretisation
    from debye.physics.elements import Bubble
    from debye.physics.outcome import Report
    from debye.physics.problem import Problem
    from debye.physics.shapes import Shape

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """What `debye.solve` returns."""

    problem: Problem
    discretisation: Discretisation
    bubble: Bubble
    nodal: Floats
    """w at the nodes, flat, shape (nodes,)."""
    report: Report

    @property
    def regular(self) -> Floats:
        """Regular potential w = u - χ_solute G at the nodes, shape (cells+1,)*dim, in kT/e."""
        return self.nodal.reshape(self.problem.grid.shape)

    @property
    def level_set(self) -> Floats:
        """Signed distance (or the shape's own level set) at the nodes, shape (cells+1,)*dim, Å."""
        return self.discretisation.cut.level_set.reshape(self.problem.grid.shape)

    @property
    def potential(self) -> Floats:
        """Potential u at the nodes, shape (cells+1,)*dim, in kT/e; ±inf where a node holds a charge."""
        inside = self.discretisation.cut.level_set < 0
        u = self.nodal.copy()
        points = self.problem.grid.points()[inside]
        u[inside] += coulomb_potential(points, self.problem.charges, self.problem.medium)
        return u.reshape(self.problem.grid.shape)

    @property
    def reaction_energy(self) -> float:
        """½ Σ q_i w(x_i): kT in 3-D, kT/Å in 2-D; second order in h.

        w varies steeply at a charge near the interface, within a cell or two of which this is not accurate; the
        report then carries a warning.
        """
        charges = self.problem.charges
        return float(0.5 * charges.values @ self.regular_at(charges.positions)[0])

    @property
    def ionic_energy(self) -> float:
        """Osmotic energy (ε⁺/(C λ_D²)) ∫_solvent ½ u sinh u - cosh u + 1: kT, kT/Å in 2-D; 0 for linear ions."""
        return ionic_energy(self.problem.medium, self.discretisation.lumped, self.nodal)

    @property
    def electrostatic_energy(self) -> float:
        """Coulomb, reaction and ionic energy, see `debye.physics.energy` for the formula and its source: kT, kT/Å.

        The infinite energy of each charge with itself is left out.
        """
        pairs = coulomb_energy(self.problem.charges, self.problem.medium)
        return pairs + self.reaction_energy + self.ionic_energy

    def interface(self) -> Interface:
        """Potential from both sides and normal flux ε ∂ₙu on the interface.

        Returns
        -------
        Interface
            One row for each cut simplex: ``points``, ``normals``, ``weights``, ``potential_solute``,
            ``potential_solvent`` (second order in h), ``normal_flux`` (first order).

        Examples
        --------
        Gauss's law: the flux through Γ is that of the charges.

        >>> import debye
        >>> problem = debye.Problem(
        ...     debye.Grid(cells=64, half_width=16.0),
        ...     debye.Ball((0.0, 0.0), 8.0),
        ...     debye.PointCharges([[3.0, 1.0]], [0.1]),
        ... )
        >>> on = debye.solve(problem).interface()
        >>> flux = on.weights @ on.normal_flux
        >>> bool(abs(flux / (-problem.medium.coupling * 0.1) - 1.0) < 5e-3)
        True
        """
        return interface_values(self.problem, self.discretisation, self.bubble, self.nodal)

    def evaluate(self, points: ArrayLike) -> Floats:
        """Potential u at any points of the box, with the immersed basis in cut cells.

        Parameters
        ----------
        points : array_like, shape (n, dim)
            Å.

        Returns
        -------
        ndarray, shape (n,)
            In kT/e; ±inf at a charge.

        Raises
        ------
        ConfigError
            If the points have another shape, are not finite, or lie outside the box.

        Examples
        --------
        >>> import debye
        >>> solution = debye.solve(debye.Problem(
        ...     debye.Grid(cells=32, half_width=16.0),
        ...     debye.Ball((0.0, 0.0), 8.0),
        ...     debye.PointCharges([[3.0, 1.0]], [0.1]),
        ... ))
        >>> bool(abs(solution.evaluate([[10.0, 0.0]])[0] - solution.potential[26, 16]) < 1e-12)
        True
        """
        places = check_points(points, self.problem.grid)
        w, inside = self.regular_at(places)
        w[inside] += coulomb_potential(places[inside], self.problem.charges, self.problem.medium)
        return w

    def regular_at(self, points: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """W at points (n, dim) of the box, and whether each lies in the discrete solute, both of shape (n,)."""
        cut, elements = self.discretisation.cut, self.discretisation.elements
        nodes, simplex, barycentric = locate(self.problem.grid, points)
        w = (barycentric * self.nodal[nodes]).sum(axis=1)
        inside = cut.level_set[nodes[:, 0]] < 0
        row = np.minimum(np.searchsorted(cut.simplex, simplex), len(cut.simplex) - 1)
        there = np.flatnonzero(cut.simplex[row] == simplex)
        element, place = row[there], barycentric[there]
        positive = (place * cut.ell[element]).sum(axis=1) > 0
        w[there] = (elements.basis(element, place, positive) * self.nodal[cut.nodes[element]]).sum(axis=1)
        w[there] += elements.bubble_values(self.bubble, element, place, positive)
        inside[there] = ~positive
        return w, inside

    def to_dataset(self) -> xr.Dataset:
        """The solution as a data set of one sample in the documented format (`docs/data_format.md`)."""
        problem = self.problem
        parameters = shape_parameters(problem.solute)
        geometry = type(problem.solute).__name__.lower() if parameters else "custom"
        content = sample_content(self) | {
            "geometry": [geometry],
            "geometry_parameter": [list(parameters.values())],
            "seed": [0],
            "index": [0],
        }
        configuration = {
            "grid": problem.grid.model_dump(mode="json"),
            "medium": problem.medium.model_dump(mode="json"),
            "boundary": problem.boundary if isinstance(problem.boundary, str) else "callable",
            "penalty": self.discretisation.penalty,
        }
        attributes = schema.root_attributes(
            "Debye solution", json.dumps(configuration), code_digest("physics"), {geometry: list(parameters)}
        )
        return schema.build(content, problem.grid, attributes)


def check_points(points: ArrayLike, grid: Grid) -> Floats:
    """Points as an array (n, dim).

    Raises
    ------
    ConfigError
        If they have another shape, are not finite, or lie outside the box.
    """
    places = np.atleast_2d(np.asarray(points, dtype=float))
    if places.ndim != 2 or places.shape[1] != grid.dim:
        raise ConfigError(
            explain("points", f"shape {places.shape}", f"(n, {grid.dim})", "give one coordinate an axis")
        )
    # Written so that NaN fails too.
    if not (np.abs(places) <= grid.half_width).all():
        raise ConfigError(
            explain(
                "points",
                "a point outside the box or not finite",
                f"|x| <= {grid.half_width:g} Å on each axis",
                "move the points or widen the box",
            )
        )
    return places


def sample_content(solution: Solution, charges: int | None = None) -> dict[str, Any]:
    """Arrays of one sample, each with a leading dimension of 1, for `schema.build`.

    Parameters
    ----------
    solution : Solution
    charges : int, optional
        Length to which the charges are padded; their own number if left out.
    """
    problem, report = solution.problem, solution.report
    count = len(problem.charges)
    length = charges or count
    position = np.full((1, length, problem.charges.dim), np.nan)
    position[0, :count] = problem.charges.positions
    value = np.zeros((1, length))
    value[0, :count] = problem.charges.values
    medium = {
        name: [getattr(problem.medium, name)]
        for name in ("eps_solute", "eps_solvent", "debye_length", "temperature")
    }
    return medium | {
        "regular_potential": solution.regular[None],
        "level_set": solution.level_set[None],
        "charge_position": position,
        "charge_value": value,
        "charge_count": [count],
        "ions": [problem.medium.ions],
        "reaction_energy": [solution.reaction_energy],
        "ionic_energy": [solution.ionic_energy],
        "newton_steps": [report.newton_steps],
        "cg_iterations": [sum(report.cg_iterations)],
        "relative_residual": [report.relative_residual],
        "layer_cells": [report.layer_cells],
        "warnings": ["; ".join(report.warnings)],
        "solve_seconds": [sum(report.seconds.values())],
    }


def shape_parameters(shape: Shape) -> dict[str, float]:
    """Parameters of one of Debye's shapes by name, in order; empty for a user's own.

    Examples
    --------
    >>> from debye.physics.shapes import Ball
    >>> shape_parameters(Ball(center=(1.0, 2.0), radius=3.0))
    {'center_x': 1.0, 'center_y': 2.0, 'radius': 3.0}
    """
    from debye.physics.problem import SHAPES

    if not is_dataclass(shape) or type(shape) not in SHAPES.values():
        return {}
    parameters: dict[str, float] = {}
    for item in fields(shape):
        if item.init:
            parameters |= _flat(item.name, getattr(shape, item.name))
    return parameters


def _flat(name: str, value: Any) -> dict[str, float]:
    """One parameter's numbers by name: `radius`, `center_x`, `amplitudes_2`, `radii_0`, `centers_0_x`."""
    if not isinstance(value, tuple):
        return {name: float(value)}
    # Fourier modes of a star count from 2, as in its formula.
    first = 2 if name in ("amplitudes", "phases") else 0
    axes = name in ("center", "semi_axes") or name.startswith("centers_")
    suffixes = schema.AXES if axes else range(first, first + len(value))
    parts = [_flat(f"{name}_{suffix}", part) for suffix, part in zip(suffixes, value, strict=False)]
    return {key: number for part in parts for key, number in part.items()}
