"""What a user must know about a solution that converged: where the grid is too coarse for its physics.

The ionic atmosphere thins where the potential is large: linearised about u, sinh has the Debye length λ_D/√cosh u.
Where that is less than two cells, the solver still solves its equation, but the equation is not the physics. And the
superposed Debye-Hückel potentials are boundary values only where they are small: beyond 1 kT/e the ions' law is not
linear.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.physics.depth import distance_inside

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation
    from debye.physics.problem import Problem

Floats = NDArray[np.float64]

FEWEST_LAYER_CELLS = 2.0
"""Local Debye length, in cells, below which a solution carries a warning."""

FEWEST_CLEARANCE_CELLS = 2.0
"""Distance of a charge from the interface, in cells, below which the reaction energy carries a warning."""


LARGEST_LINEAR = 1.0
"""Largest |u| on the box, in kT/e, for which Debye-Hückel boundary values pass without a word."""


def layer_cells(discretisation: Discretisation, nodal: Floats) -> float:
    """Cells across the thinnest boundary layer: the least λ_D/√cosh u at solvent nodes over h; inf without ions.

    The node nearest to Γ sees a little less than Γ itself; values extrapolated to Γ would overshoot by far just
    where the layer is thin.
    """
    medium, grid = discretisation.medium, discretisation.grid
    if math.isinf(medium.debye_length):
        return math.inf
    if medium.ions == "linear":
        return medium.debye_length / grid.spacing
    # The nodes of the box carry boundary values, which are not the solver's own.
    solvent = (discretisation.cut.level_set > 0) & discretisation.interior
    most = float(np.abs(nodal[solvent]).max())
    # √cosh u without its overflow: e^{|u|/2} √((1 + e^{-2|u|})/2).
    shrink = math.exp(-0.5 * most) / math.sqrt(0.5 * (1.0 + math.exp(-2.0 * most)))
    return medium.debye_length / grid.spacing * shrink


def warnings_of(problem: Problem, layer: float, boundary: Floats) -> tuple[str, ...]:
    """Sentences for a person; empty where nothing needs saying.

    Parameters
    ----------
    problem : Problem
    layer : float
        `layer_cells`.
    boundary : ndarray
        Values of u on the box.
    """
    found = []
    medium, most = problem.medium, float(np.abs(boundary).max())
    with_sinh = medium.ions == "nonlinear" and medium.screening > 0
    if problem.boundary == "debye-huckel" and with_sinh and most > LARGEST_LINEAR:
        found.append(
            f"boundary: Debye-Hückel values of up to {most:.2g} kT/e on the box, where sinh is not linear: "
            "potential and energies are inaccurate; use a wider box or give boundary values"
        )
    spacing = problem.grid.spacing
    if layer < FEWEST_LAYER_CELLS:
        found.append(
            f"boundary layer: {layer:.2g} cells thick where the potential is largest, less than two: "
            "the potential in the solvent is inaccurate; use more cells"
        )
    distance = distance_inside(problem.solute, problem.charges.positions, spacing) / spacing
    if (distance < FEWEST_CLEARANCE_CELLS).any():
        number, near = int(np.argmin(distance)), int((distance < FEWEST_CLEARANCE_CELLS).sum())
        others = f" (and {near - 1} more nearer than two)" if near > 1 else ""
        found.append(
            f"charge {number}: {distance[number]:.2g} cells from the interface{others}: "
            "the reaction energy is inaccurate; use more cells"
        )
    return tuple(found)
