"""What a user must know about a solution that converged: where the grid is too coarse for its physics.

The ionic atmosphere thins where the potential is large: linearised about u, sinh has the Debye length λ_D/√cosh u.
Where that is less than a cell, the solver still solves its equation, but the equation is not the physics.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.physics.interface import solvent_values
from debye.physics.problem import distance_inside

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation
    from debye.physics.elements import Bubble
    from debye.physics.problem import Problem

Floats = NDArray[np.float64]

FEWEST_LAYER_CELLS = 1.0
"""Local Debye length, in cells, below which a solution carries a warning."""

FEWEST_CLEARANCE_CELLS = 2.0
"""Distance of a charge from the interface, in cells, below which the reaction energy carries a warning."""


def layer_cells(discretisation: Discretisation, bubble: Bubble, nodal: Floats) -> float:
    """Cells across the thinnest boundary layer: the least λ_D/√cosh u in the solvent over h; inf without ions."""
    medium, grid = discretisation.medium, discretisation.grid
    if math.isinf(medium.debye_length):
        return math.inf
    if medium.ions == "linear":
        return medium.debye_length / grid.spacing
    solvent = discretisation.cut.level_set > 0
    most = max(
        float(np.abs(nodal[solvent]).max()),
        float(np.abs(solvent_values(discretisation, bubble, nodal)).max()),
    )
    # √cosh u without its overflow: e^{|u|/2} √((1 + e^{-2|u|})/2).
    shrink = math.exp(-0.5 * most) / math.sqrt(0.5 * (1.0 + math.exp(-2.0 * most)))
    return medium.debye_length / grid.spacing * shrink


def warnings_of(problem: Problem, layer: float) -> tuple[str, ...]:
    """Sentences for a person; empty where nothing needs saying."""
    found = []
    spacing = problem.grid.spacing
    if layer < FEWEST_LAYER_CELLS:
        found.append(
            f"boundary layer: {layer:.2g} cells thick where the potential is largest, not resolved: "
            "the potential in the solvent is inaccurate; use more cells"
        )
    distance = distance_inside(problem.solute, problem.charges.positions, spacing) / spacing
    if (distance < FEWEST_CLEARANCE_CELLS).any():
        number = int(np.argmin(distance))
        found.append(
            f"charge {number}: {distance[number]:.2g} cells from the interface: "
            "the reaction energy is inaccurate; use more cells"
        )
    return tuple(found)
