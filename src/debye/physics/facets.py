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
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled
from debye.physics.cut import Cut
from debye.physics.mesh import kuhn_corners

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

TINY = float(np.finfo(float).tiny)


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


@cache
def _neighbours(dim: int) -> tuple[Ints, Ints, Ints]:
    """Where the neighbour of a simplex of each kind lies, across the facet without each of its vertices.

    Returns
    -------
    shift : ndarray, shape (kinds, d+1, d)
        Steps from its cube to the neighbour's.
    kind : ndarray, shape (kinds, d+1)
        The neighbour's kind.
    local : ndarray, shape (kinds, d+1, d)
        Where the facet's vertices, in the order of the first simplex, stand in the neighbour.
    """
    corners = kuhn_corners(dim)
    kinds = len(corners)
    shift, kind = np.zeros((kinds, dim + 1, dim), dtype=np.int64), np.zeros((kinds, dim + 1), dtype=np.int64)
    local = np.zeros((kinds, dim + 1, dim), dtype=np.int64)
    for one, dropped, two in product(range(kinds), range(dim + 1), range(kinds)):
        facet = np.delete(corners[one], dropped, axis=0)
        for step in product((-1, 0, 1), repeat=dim):
            places = {tuple(corner): number for number, corner in enumerate((corners[two] + step).tolist())}
            here = [places.get(tuple(corner), -1) for corner in facet.tolist()]
            if -1 not in here and (one != two or any(step)):
                shift[one, dropped], kind[one, dropped], local[one, dropped] = step, two, here
    return shift, kind, local


def find_facets(cut: Cut) -> Facets:
    """Pair the cut simplices across the facets that the interface crosses."""
    dim, cells = cut.grid.dim, cut.grid.cells
    shift, kind, local = _neighbours(dim)
    # A neighbour's number lies a fixed step away; a facet is found from the simplex with the lower number.
    step = shift @ cells ** np.arange(dim - 1, -1, -1) * len(kind) + kind - np.arange(len(kind))[:, None]
    first, dropped, second = _pairs(cut.ell, cut.simplex, cut.kind, step)
    kept = np.array([[j for j in range(dim + 1) if j != vertex] for vertex in range(dim + 1)])
    local_first, local_second = kept[dropped], local[cut.kind[first], dropped]
    normal, scale, integrals, level = _on_facets(
        cut.ell, cut.gradients, cut.volume, first, second, dropped, local_first, local_second
    )
    low, high, square = integrals
    return Facets(first, second, normal, scale, low, high, square, level, local_first, local_second)


@compiled
def _pairs(ell: Floats, simplex: Ints, kind: Ints, step: Ints) -> tuple[Ints, Ints, Ints]:
    """Rows of the simplices on both sides of each crossed facet, and the vertex of the first that it leaves out."""
    count, corners = ell.shape
    first, dropped, second = np.empty((3, count * corners), dtype=np.int64)
    # Numbers rise from row to row, and so do those of the neighbours in one direction.
    reached = np.zeros(step.shape, dtype=np.int64)
    found = 0
    for row in range(count):
        negatives = 0
        for vertex in range(corners):
            negatives += ell[row, vertex] <= 0.0
        for vertex in range(corners):
            others = negatives - (ell[row, vertex] <= 0.0)
            if step[kind[row], vertex] > 0 and 0 < others < corners - 1:
                number = simplex[row] + step[kind[row], vertex]
                at = reached[kind[row], vertex]
                while simplex[at] < number:
                    at += 1
                reached[kind[row], vertex] = at
                first[found], dropped[found], second[found] = row, vertex, at
                found += 1
    return first[:found].copy(), dropped[:found].copy(), second[:found].copy()


@compiled
def _on_facets(
    ell: Floats, gradients: Floats, volume: float, first: Ints, second: Ints, dropped: Ints,
    local_first: Ints, local_second: Ints,
) -> tuple[Floats, Floats, Floats, Floats]:  # fmt: skip
    """Normal, scale, the three integrals (3, f) and ℓ of the first simplex on each facet."""
    count, dim = local_first.shape
    normal, scale = np.empty((count, dim)), np.empty(count)
    integrals, level = np.empty((3, count)), np.empty((count, dim))
    for f in range(count):
        square, mixed, steepness = 0.0, 0.0, 0.0
        for axis in range(dim):
            normal[f, axis] = -gradients[first[f], dropped[f], axis]
            steepness += normal[f, axis] ** 2
        steepness = np.sqrt(steepness)
        for vertex in range(dim):
            normal[f, vertex] /= steepness
            level[f, vertex] = ell[first[f], local_first[f, vertex]]
            square += level[f, vertex] ** 2
            mixed += level[f, vertex] * ell[second[f], local_second[f, vertex]]
        scale[f] = mixed / square
        area = dim * volume * steepness
        low, high, both = _hinge_integrals(level[f])
        integrals[0, f], integrals[1, f], integrals[2, f] = area * low, area * high, area * both
    return normal, scale, integrals, level


@compiled
def _hinge_integrals(level: Floats) -> tuple[float, float, float]:
    """∫_{F⁻} η, ∫_{F⁺} η and ∫_F η² for η = ℓ⁺ - Iℓ⁺ on a facet of area 1.

    η is 0 at the vertices, -ℓ⁺ℓ⁻/(ℓ⁺ + ℓ⁻) where ℓ vanishes on an edge (ℓ± the sizes of ℓ at its ends), and affine on
    either side.
    """
    if len(level) == 2:
        one, two = abs(level[0]), abs(level[1])
        least = -one * two / (one + two)
        share = one / (one + two)
        first, rest = 0.5 * least * share, 0.5 * least * (1.0 - share)
        both = least * least / 3.0
        return (first, rest, both) if level[0] <= 0.0 else (rest, first, both)
    # Triangle A B C with A alone on its side and zeros M on AB, N on AC: the pieces AMN, MBC and MCN.
    alone = 0
    while (level[alone] <= 0.0) == (level[(alone + 1) % 3] <= 0.0) or (level[alone] <= 0.0) == (
        level[(alone + 2) % 3] <= 0.0
    ):
        alone += 1
    a, b, c = abs(level[alone]), abs(level[(alone + 1) % 3]), abs(level[(alone + 2) % 3])
    s, t = a / (a + b), a / (a + c)
    m, n = -a * b / (a + b), -a * c / (a + c)
    tip, middle, rest = s * t, s * (1.0 - t), 1.0 - s
    first, other = tip * (m + n) / 3.0, middle * (m + n) / 3.0 + rest * m / 3.0
    both = ((tip + middle) * (m * m + m * n + n * n) + rest * m * m) / 6.0
    return (first, other, both) if level[alone] <= 0.0 else (other, first, both)


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
    apex, stiffness, functional = _condensed(
        facets.first, facets.second, facets.local_first, facets.local_second, energy,
        jump, 0.5 * (1.0 - theta) * flux,
    )  # fmt: skip
    penalty: Floats = _shared_out(
        facets.first, facets.second, len(energy), apex, stiffness, functional, unit, COERCIVITY, PASSES, SPARE
    )
    return penalty


@compiled
def _condensed(
    first: Ints,
    second: Ints,
    local_first: Ints,
    local_second: Ints,
    energy: Floats,
    jump: Floats,
    flux: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Eliminate the two vertices off each facet, which one simplex alone reaches, and hold the facet's first at 0.

    With K = κ₁E₁ + κ₂E₂ and Schur's complements S of the E, the forms J, X and Φ are sums of jᵀK⁻¹j = j₁²/(κ₁e₁) +
    j₂²/(κ₂e₂) + j̃ᵀ(κ₁S₁ + κ₂S₂)⁻¹j̃, where j̃ does not depend on the κ. Constants have no energy, no jump and no flux,
    so one vertex may be left out.

    Returns
    -------
    apex : ndarray, shape (f, 2, 3)
        j₁²/e₁, j₁q₁/e₁ and q₁²/e₁ of either simplex.
    stiffness : ndarray, shape (f, 2, 3)
        Entries 00, 01 and 11 of its S on the facet's vertices but the first (in 2-D there is just one, and 11 is 1).
    functional : ndarray, shape (f, 2, 2)
        j̃ and q̃ there.
    """
    count, dim = local_first.shape
    apex, stiffness = np.zeros((count, 2, 3)), np.zeros((count, 2, 3))
    functional = np.zeros((count, 2, 2))
    for f in range(count):
        for side in range(2):
            row = first[f] if side == 0 else second[f]
            local = local_first[f] if side == 0 else local_second[f]
            top = dim * (dim + 1) // 2 - local.sum()
            base = side * (dim + 1)
            e, j, q = energy[row, top, top], jump[f, base + top], flux[f, base + top]
            apex[f, side, 0], apex[f, side, 1], apex[f, side, 2] = j * j / e, j * q / e, q * q / e
            for one in range(1, dim):
                share = energy[row, local[one], top] / e
                functional[f, 0, one - 1] += jump[f, base + local[one]] - share * j
                functional[f, 1, one - 1] += flux[f, base + local[one]] - share * q
                for two in range(one, dim):
                    entry = energy[row, local[one], local[two]] - share * energy[row, top, local[two]]
                    stiffness[f, side, one + two - 2] = entry
            if dim == 2:
                stiffness[f, side, 2] = 1.0
    return apex, stiffness, functional


@compiled
def _shared_out(
    first: Ints, second: Ints, simplices: int, apex: Floats, stiffness: Floats, functional: Floats, unit: Floats,
    coercivity: float, passes: int, spare: float,
) -> Floats:  # fmt: skip
    """The least τ, after `passes` rounds in which a simplex gives its facets energy in proportion to their claims."""
    count = len(first)
    claim, tau = np.ones(count), np.empty(count)
    for number in range(passes + 1):
        total = np.zeros(simplices)
        for f in range(count):
            total[first[f]] += claim[f]
            total[second[f]] += claim[f]
        for f in range(count):
            one = (1.0 - coercivity) * claim[f] / total[first[f]]
            two = (1.0 - coercivity) * claim[f] / total[second[f]]
            a = one * stiffness[f, 0, 0] + two * stiffness[f, 1, 0]
            b = (one * stiffness[f, 0, 1] + two * stiffness[f, 1, 1]) / a
            j0, q0 = functional[f, 0, 0], functional[f, 1, 0]
            j1, q1 = functional[f, 0, 1] - b * j0, functional[f, 1, 1] - b * q0
            c = one * stiffness[f, 0, 2] + two * stiffness[f, 1, 2] - a * b * b
            jump_square = apex[f, 0, 0] / one + apex[f, 1, 0] / two + j0 * j0 / a + j1 * j1 / c
            mixed = apex[f, 0, 1] / one + apex[f, 1, 1] / two + j0 * q0 / a + j1 * q1 / c
            flux_square = apex[f, 0, 2] / one + apex[f, 1, 2] / two + q0 * q0 / a + q1 * q1 / c
            tau[f] = 0.0
            # Equal permittivities make no jump, and then no penalty is needed.
            if jump_square > TINY:
                tau[f] = max(flux_square - (1.0 - mixed) ** 2 / jump_square, 0.0)
            if number < passes:
                claim[f] = np.sqrt(claim[f] * np.sqrt(tau[f] / unit[f] + spare))
    return tau
