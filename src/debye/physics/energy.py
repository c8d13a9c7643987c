"""Electrostatic energies of a solution.

The free energy of the Poisson-Boltzmann equation with sinh, in kT (kT/Å in 2-D), is

    E = (1/C) ∫ C ρ u - ½ ε|∇u|² - χ_solvent (ε⁺/λ_D²)(cosh u - 1)

(K. A. Sharp and B. Honig, J. Phys. Chem. 94 (1990) 7684; M. K. Gilson et al., J. Phys. Chem. 97 (1993) 3591). With the
equation itself for ∫ ε|∇u|² in the whole space, and without the infinite energy of each charge with itself,

    E = ½ Σ_{i≠j} q_i G_j(x_i)  +  ½ Σ q_i w(x_i)  +  (ε⁺/(C λ_D²)) ∫_solvent (½ u sinh u - cosh u + 1):

Coulomb energy of the charges in the solute's medium, reaction energy, and ionic (osmotic) energy, which is u⁴/24 for
small u, zero for linear ions, and so next to nothing outside the box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Medium
from debye.physics.charges import PointCharges, coulomb_potential
from debye.physics.ions import sinh

Floats = NDArray[np.float64]


def coulomb_energy(charges: PointCharges, medium: Medium) -> float:
    """½ Σ_{i≠j} q_i G_j(x_i), kT in 3-D, kT/Å in 2-D."""
    total = 0.0
    for number in range(1, len(charges)):
        before = PointCharges(charges.positions[:number], charges.values[:number])
        place = charges.positions[number : number + 1]
        total += float(charges.values[number] * coulomb_potential(place, before, medium)[0])
    return total


def ionic_energy(medium: Medium, lumped: Floats, nodal: Floats) -> float:
    """Osmotic energy of the ions by the vertex rule of the equation, kT in 3-D, kT/Å in 2-D.

    Parameters
    ----------
    medium : Medium
    lumped : ndarray, shape (nodes,)
        The vector m of the equation.
    nodal : ndarray, shape (nodes,)
        w at the nodes.
    """
    if medium.ions == "linear":
        return 0.0
    there = lumped > 0
    u = nodal[there]
    # The law of the equation itself, which goes on as a tangent where sinh would overflow.
    potential, value, _ = sinh(u)
    # For a small u the two terms nearly cancel.
    density = 0.5 * u * value - potential
    density = np.where(np.abs(u) < 0.03, u**4 / 24.0 * (1.0 + u**2 / 15.0), density)
    return float(lumped[there] @ density / medium.coupling)
