"""The solution on the interface: potential from both sides and the flux through it.

On the flat piece of Γ in a cut simplex w_h has one value on either side and, on either side, one gradient. With
u = w + G in the solute and u = w in the solvent, [u] = 0 and [ε ∂ₙu] = 0 hold up to the interpolation of J0 and J1:
the flux is the same from both sides by construction of the bubble, and u differs by the error of J0 between the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.physics.charges import coulomb_potential

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation
    from debye.physics.elements import Bubble
    from debye.physics.problem import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interface:
    """Potential and flux on Γ, one row for each cut simplex; what `Solution.interface` returns."""

    points: Floats
    """Middles of the flat pieces, shape (n, dim), Å; O(h²) off the true interface."""
    normals: Floats
    """Unit normals from solute to solvent, shape (n, dim)."""
    weights: Floats
    """Lengths (areas in 3-D) of the pieces, shape (n,): ∫_Γ v ≈ weights · v(points)."""
    potential_solute: Floats
    """Limit of u from the solute, shape (n,), kT/e: w there plus G, so with the whole error of J0's interpolation. That
    is 5 to 20 times the error of `potential_solvent`; prefer the latter for the value of u on Γ."""
    potential_solvent: Floats
    """Limit of u from the solvent, shape (n,), kT/e."""
    normal_flux: Floats
    """ε ∂ₙu, shape (n,), kT/e per Å; first order in h, in 3-D with single values off by 14 % where h is 1/40 of the
    ball's diameter."""


def interface_values(
    problem: Problem, discretisation: Discretisation, bubble: Bubble, nodal: Floats
) -> Interface:
    """Potential and flux on Γ of the nodal values w, shape (nodes,)."""
    cut, elements, pieces = discretisation.cut, discretisation.elements, discretisation.interface
    area = np.bincount(pieces.element, pieces.weight, minlength=len(cut.ell))
    middle = _middles(discretisation) / area[:, None]
    points = np.einsum("nv,nvx->nx", middle, cut.vertices)
    rows, values = np.arange(len(points)), nodal[cut.nodes]
    sides = {}
    for positive in (False, True):
        there = np.full(len(rows), positive)
        sides[positive] = (elements.basis(rows, middle, there) * values).sum(axis=1)
        sides[positive] += elements.bubble_values(bubble, rows, middle, there)
    gradient = np.einsum("nv,nvx->nx", values, elements.gradient_positive) + bubble.gradient_positive
    return Interface(
        points=points,
        normals=cut.normal,
        weights=np.asarray(area, dtype=float),
        potential_solute=sides[False] + coulomb_potential(points, problem.charges, problem.medium),
        potential_solvent=sides[True],
        normal_flux=np.asarray(problem.medium.eps_solvent * (gradient * cut.normal).sum(axis=1)),
    )


def _middles(discretisation: Discretisation) -> Floats:
    """Barycentric coordinates of the middles of the pieces times their areas, shape (n, d+1)."""
    pieces = discretisation.interface
    middle = np.zeros_like(discretisation.cut.ell)
    np.add.at(middle, pieces.element, pieces.weight[:, None] * pieces.barycentric)
    return middle
