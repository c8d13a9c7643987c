"""Facets between cut simplices: what their terms integrate, and the least penalty that keeps the form definite.

On a facet F between two cut simplices T₁ and T₂ the traces of every function differ by a multiple of the hinge η_F:
[v] = j(v) η_F, with j linear. With the flux q(v) = ∫_F {ε∇v·n_F} η_F the facet adds to a(v, v)

    -(1 - θ) j(v) q(v) + τ j(v)²,      τ = weight ∫_F η_F²,   θ = -1 in the symmetric form,

which must not eat up more than a share of the energies e_T(v) = ∫_T ε|∇v|² of the two simplices. A simplex gives
each of its facets a share s of its energy, the shares adding up to 1, so that one facet at a time is looked at. Let K
be the matrix of (1 - γ)(s₁e₁ + s₂e₂) on the nodes of T₁ ∪ T₂ modulo constants, and q now (1 - θ)/2 times the flux. Then

    vᵀKv - 2 j(v) q(v) + τ j(v)² ≥ 0 for all v   if and only if   τ ≥ Φ - (1 - X)²/J,
    J = jᵀK⁻¹j,  X = qᵀK⁻¹j,  Φ = qᵀK⁻¹q

(the least of the left side over all v with j(v) = t is t² (1/J - 2X/J - Φ + X²/J + τ)). With this τ, or 0 where it is
negative, on every facet, a(v, v) ≥ γ Σ_T ∫ ε|∇v|²: definite for every shape and every contrast. No trace inequality
with an unknown constant is needed, because the terms of a facet have rank one; for the classical way see Y. Epshteyn
and B. Rivière, Estimation of penalty parameters for symmetric interior penalty Galerkin methods, J. Comput. Appl.
Math. 206 (2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from debye.physics.cut import Cut
from debye.physics.quadrature import side_quadrature

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COERCIVITY = 0.05
"""γ, the share of the energy that stays: above zero as a reserve for round-off.

The proof is one of exact arithmetic. Round-off grows with the contrast and would eat up any reserve at last, so
`debye.Medium` refuses contrasts above `debye.parameters.LARGEST_CONTRAST`.
"""

PASSES = 4
"""Times that a simplex shares out its energy anew.

Twice as many change the mean σ of a grid by 2 % at most; in 3-D the largest one may still move by a third.
"""

SPARE = 0.2
"""Claim, as a σ, of a facet that needs no penalty.

Any shares are a proof. Against equal ones these halve the mean σ in 2-D at 2:80 and 80:2, and take a third off it at
1:1000 and 1000:1; in 3-D they take off 5 to 27 %, and the largest σ of a grid may even grow.
"""


@dataclass(frozen=True)
class Facets:
    """Facets between two cut simplices: the jump of every function is one coefficient times the hinge η_F."""

    first: Ints
    """Row of the simplex that n_F leaves, shape (f,)."""
    second: Ints
    """Row of the simplex that n_F enters, shape (f,)."""
    normal: Floats
    """n_F, shape (f, d)."""
    scale: Floats
    """ω of the second simplex on F is `scale` times that of the first, which is η_F; shape (f,)."""
    hinge_negative: Floats
    """∫ η_F over the solute part of F, shape (f,)."""
    hinge_positive: Floats
    """∫ η_F over the solvent part of F, shape (f,)."""
    hinge_square: Floats
    """∫ η_F² over F, shape (f,)."""
    level_first: Floats
    """ℓ of the first simplex at the vertices of F, shape (f, d)."""
    local_first: Ints
    """Where the vertices of F stand in the first simplex, shape (f, d)."""
    local_second: Ints
    """Where the same vertices stand in the second simplex, shape (f, d)."""

    def patch(self) -> tuple[Floats, Floats]:
        """Where the vertices of the two simplices stand among the d + 2 of both, 0 or 1, each (f, d+1, d+2)."""
        count, shared = self.local_first.shape
        places = []
        for local, apex in ((self.local_first, shared), (self.local_second, shared + 1)):
            place = np.full((count, shared + 1), apex)
            np.put_along_axis(place, local, np.broadcast_to(np.arange(shared), local.shape), axis=1)
            places.append((place[:, :, None] == np.arange(shared + 2)).astype(float))
        return places[0], places[1]


def find_facets(cut: Cut) -> Facets:
    """Pair the cut simplices across the facets that the interface crosses."""
    corners = cut.ell.shape[1]
    dim = corners - 1
    kept = np.array([[j for j in range(corners) if j != dropped] for dropped in range(corners)])
    nodes = cut.nodes[:, kept].reshape(-1, dim)
    signs = (cut.ell > 0)[:, kept].reshape(-1, dim)
    crossed = np.flatnonzero(signs.any(axis=1) & ~signs.all(axis=1))
    # Vertices in the order of their numbers: then both sides of a facet list them alike.
    order = np.argsort(nodes[crossed], axis=1)
    key = np.take_along_axis(nodes[crossed], order, axis=1)
    local = np.take_along_axis(kept[crossed % corners], order, axis=1)
    sorted_rows = np.lexsort(key.T[::-1])
    one, two = sorted_rows[0::2], sorted_rows[1::2]
    first, second = crossed[one] // corners, crossed[two] // corners

    outward = -cut.gradients[first, crossed[one] % corners]
    steepness = np.sqrt((outward**2).sum(axis=1))
    area = dim * cut.volume * steepness
    level_first = cut.ell[first[:, None], local[one]]
    level_second = cut.ell[second[:, None], local[two]]
    scale = (level_second * level_first).sum(axis=1) / (level_first**2).sum(axis=1)
    integrals = _hinge_integrals(level_first) * area[:, None]
    return Facets(
        first, second, outward / steepness[:, None], scale, integrals[:, 0], integrals[:, 1], integrals[:, 2],
        level_first, local[one], local[two],
    )  # fmt: skip


def _hinge_integrals(level: Floats) -> Floats:
    """∫_{F⁻} η, ∫_{F⁺} η and ∫_F η² for η = ℓ⁺ - Iℓ⁺ on facets of area 1, shape (f, 3)."""
    integrals = np.zeros((len(level), 3))
    part = np.maximum(level, 0.0)
    for column, side in enumerate(("negative", "positive")):
        points = side_quadrature(level, side)
        hinge = -(points.barycentric * part[points.element]).sum(axis=1)
        if side == "positive":
            hinge += (points.barycentric * level[points.element]).sum(axis=1)
        integrals[:, column] = np.bincount(points.element, points.weight * hinge, minlength=len(level))
        integrals[:, 2] += np.bincount(points.element, points.weight * hinge**2, minlength=len(level))
    return integrals


def least_penalty(
    facets: Facets, energy: Floats, jump: Floats, flux: Floats, unit: Floats, theta: float
) -> Floats:
    """The least τ of every facet for which the form keeps `COERCIVITY` of its energy.

    Parameters
    ----------
    facets : Facets
    energy : ndarray, shape (n, d+1, d+1)
        Matrices of ∫_T ε∇v·∇ψ on the cut simplices.
    jump, flux : ndarray, shape (f, 2(d+1))
        j and q (of θ = -1) on the basis of the first simplex, then of the second.
    unit : ndarray, shape (f,)
        τ of σ = 1.
    theta : float
        θ: -1 symmetric, 0 incomplete, 1 non-symmetric.

    Returns
    -------
    ndarray, shape (f,)
    """
    corners = energy.shape[1]
    first, second = facets.patch()
    ends = (jump, 0.5 * (1.0 - theta) * flux)
    functionals = np.stack(
        [
            np.einsum("fv,fvm->fm", end[:, :corners], first)
            + np.einsum("fv,fvm->fm", end[:, corners:], second)
            for end in ends
        ],
        axis=2,
    )
    energies = [
        np.swapaxes(place, 1, 2) @ energy[rows] @ place
        for rows, place in ((facets.first, first), (facets.second, second))
    ]
    claim = np.ones(len(jump))
    for _ in range(PASSES):
        sigma = _least(facets, energies, functionals, claim) / unit
        claim = np.sqrt(claim * np.sqrt(sigma + SPARE))
    return _least(facets, energies, functionals, claim)


def _least(facets: Facets, energies: list[Floats], functionals: Floats, claim: Floats) -> Floats:
    """The least τ where a simplex gives each facet energy in proportion to the facet's claim."""
    both = np.concatenate([facets.first, facets.second])
    total = np.bincount(both, np.concatenate([claim, claim]))
    patch = np.zeros_like(energies[0])
    for rows, matrix in zip((facets.first, facets.second), energies, strict=True):
        patch += ((1.0 - COERCIVITY) * claim / total[rows])[:, None, None] * matrix
    # Constants have no energy, no jump and no flux: the first node is held at 0.
    gram = np.swapaxes(functionals, 1, 2)[:, :, 1:] @ np.linalg.solve(patch[:, 1:, 1:], functionals[:, 1:])
    jump_square, mixed, flux_square = gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1]
    # Equal permittivities make no jump, and then no penalty is needed.
    jumps = jump_square > np.finfo(float).tiny
    relief = (1.0 - mixed) ** 2 / np.where(jumps, jump_square, 1.0)
    return np.where(jumps, np.maximum(flux_square - relief, 0.0), 0.0)
