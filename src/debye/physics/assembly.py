"""The discrete equation of one geometry: constant stencils where nothing is cut, immersed terms where it is.

Partially penalised immersed form (T. Lin, Y. Lin, X. Zhang, SIAM J. Numer. Anal. 53, 2015), on simplices T, facets F
between two cut simplices and the interface Γ, with w_h = Σ W_i ψ_i + B:

    a(w, ψ) = Σ_T ∫ ε∇w·∇ψ - Σ_F ∫ {ε∇w·n_F}[ψ] - Σ_F ∫ {ε∇ψ·n_F}[w] + Σ_F (σ max ε / h) ∫ [w][ψ]
    a(w_h, ψ) + ∫_{Ω⁺} (ε⁺/λ_D²) f(w_h) ψ = - ∫_Γ J1 ψ

so that, in terms of nodal values W,

    A W + m f(W) + Qᵀ k f(Q W + B_q) = b,      b from J0 and J1 alone: the bubble enters every term of a.

m holds the ionic term on uncut solvent simplices by the vertex rule; Q evaluates ψ at the quadrature points, with
weights k, of the solvent side of cut simplices. Only cut simplices are visited; the rest is a stencil.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from debye.parameters import Grid, Medium
from debye.physics.charges import PointCharges, coulomb_gradient, coulomb_potential
from debye.physics.cut import Cut, find_cut
from debye.physics.elements import Bubble, Elements, immersed_elements
from debye.physics.mesh import corner_views, kuhn_corners, strides
from debye.physics.quadrature import Quadrature, interface_quadrature, side_quadrature
from debye.physics.shapes import Shape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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


@dataclass(frozen=True)
class Load:
    """What one charge set adds to the equation."""

    right_hand_side: Floats
    """b, shape (nodes,)."""
    bubble: Bubble
    bubble_values: Floats
    """B_q at the ionic quadrature points, shape (q,)."""


@dataclass(frozen=True)
class Discretisation:
    """Everything that depends on the geometry and the medium, not on the charges."""

    grid: Grid
    medium: Medium
    penalty: float
    elements: Elements
    facets: Facets

    @property
    def cut(self) -> Cut:
        """The cut simplices."""
        return self.elements.cut

    @cached_property
    def interior(self) -> NDArray[np.bool_]:
        """True at the nodes that are unknowns, flat; the others carry boundary values."""
        inner = np.zeros(self.grid.shape, dtype=bool)
        inner[(slice(1, -1),) * self.grid.dim] = True
        return inner.ravel()

    @cached_property
    def stiffness(self) -> sparse.csr_array:
        """A on all nodes, symmetric, shape (nodes, nodes)."""
        rows, columns, entries = _cut_entries(self)
        size = self.cut.level_set.size
        return (self.uncut[0] + sparse.coo_array((entries, (rows, columns)), shape=(size, size))).tocsr()

    @cached_property
    def lumped(self) -> Floats:
        """The vector m: ε⁺/λ_D² times the vertex rule of the uncut solvent simplices, shape (nodes,)."""
        return self.medium.screening * self.uncut[1]

    @cached_property
    def uncut(self) -> tuple[sparse.csr_array, Floats]:
        """Stiffness of the uncut simplices (nodes, nodes), and the solvent volume at each node (nodes,)."""
        return _stencil(self.grid, self.cut.level_set < 0, self.medium)

    @cached_property
    def facet_basis(self) -> tuple[Ints, Floats, Floats, Floats]:
        """Nodes, jumps and mean fluxes of the basis on the facets, each (f, 2(d+1)), and the penalty's weight (f,)."""
        return _facet_basis(self)

    @cached_property
    def ionic(self) -> Quadrature:
        """Quadrature on the solvent side of the cut simplices; weights are the k of the module's equation."""
        shares = side_quadrature(self.cut.ell, "positive")
        return Quadrature(
            shares.element, shares.barycentric, shares.weight * (self.cut.volume * self.medium.screening)
        )

    @cached_property
    def ionic_basis(self) -> sparse.csr_array:
        """The matrix Q, shape (q, nodes)."""
        points = self.ionic
        values = self.elements.basis(
            points.element, points.barycentric, np.ones(len(points.element), dtype=bool)
        )
        columns = self.cut.nodes[points.element]
        rows = np.repeat(np.arange(len(columns)), columns.shape[1])
        shape = (len(columns), self.cut.level_set.size)
        return sparse.coo_array((values.ravel(), (rows, columns.ravel())), shape=shape).tocsr()

    @cached_property
    def interface(self) -> Quadrature:
        """Quadrature on the flat pieces of Γ."""
        return interface_quadrature(self.cut.ell, self.cut.vertices)

    def load(self, charges: PointCharges) -> Load:
        """Right-hand side and bubble of a charge set."""
        elements, cut, medium = self.elements, self.cut, self.medium
        count, most, dim = elements.edge_points.shape
        jump = coulomb_potential(elements.edge_points.reshape(-1, dim), charges, medium).reshape(count, most)
        gamma = self.interface
        points = np.einsum("mv,mvx->mx", gamma.barycentric, cut.vertices[gamma.element])
        slope = (coulomb_gradient(points, charges, medium) * cut.normal[gamma.element]).sum(axis=1)
        flux = medium.eps_solute * slope
        area = np.bincount(gamma.element, gamma.weight, minlength=count)
        bubble = elements.bubble(
            jump, np.bincount(gamma.element, gamma.weight * flux, minlength=count) / area
        )

        basis = elements.basis(gamma.element, gamma.barycentric, np.zeros(len(flux), dtype=bool))
        b = np.zeros(cut.level_set.size)
        np.add.at(b, cut.nodes[gamma.element], -(gamma.weight * flux)[:, None] * basis)
        np.add.at(b, cut.nodes, -_volume_terms(elements, bubble))
        columns, terms = _facet_terms(self, bubble)
        np.add.at(b, columns, -terms)
        ionic = self.ionic
        there = np.ones(len(ionic.element), dtype=bool)
        return Load(b, bubble, elements.bubble_values(bubble, ionic.element, ionic.barycentric, there))


def discretise(grid: Grid, shape: Shape, medium: Medium, penalty: float) -> Discretisation:
    """Set up the discrete equation of a geometry.

    Raises
    ------
    GeometryError
        See `debye.physics.cut.find_cut`.
    """
    elements = immersed_elements(find_cut(grid, shape), medium)
    return Discretisation(grid, medium, penalty, elements, find_facets(elements.cut))


def _stencil(grid: Grid, inside: NDArray[np.bool_], medium: Medium) -> tuple[sparse.csr_array, Floats]:
    """Stiffness of the uncut simplices, and the solvent volume that the vertex rule gives each node."""
    dim, step = grid.dim, strides(grid)
    edge_weight = np.zeros((dim, *grid.shape))
    volume = np.zeros(grid.shape)
    inside_grid = inside.reshape(grid.shape)
    simplex_volume = grid.spacing**dim / factorial(dim)
    for kind, corners in enumerate(kuhn_corners(dim)):
        count = sum(view.astype(np.int8) for view in corner_views(inside_grid, grid, kind))
        solvent = count == 0
        # ∇λ_i·∇λ_j is -1/h² for neighbours on the path and 0 for the others.
        weight = np.where(solvent, medium.eps_solvent, np.where(count == dim + 1, medium.eps_solute, 0.0))
        weight *= simplex_volume / grid.spacing**2
        for low, high in pairwise(corners):
            axis = int(np.argmax(high - low))
            edge_weight[axis][tuple(slice(start, grid.cells + start) for start in low)] += weight
        for corner in corners:
            volume[tuple(slice(start, grid.cells + start) for start in corner)] += solvent
    size = inside.size
    diagonals: list[Any] = [np.zeros(size)]
    offsets = [0]
    for axis in range(dim):
        weights, stride = edge_weight[axis].ravel()[: size - step[axis]], int(step[axis])
        diagonals[0][:-stride] += weights
        diagonals[0][stride:] += weights
        diagonals += [-weights, -weights]
        offsets += [stride, -stride]
    stencil = sparse.diags_array(diagonals, offsets=offsets, shape=(size, size)).tocsr()
    return stencil, volume.ravel() * simplex_volume / (dim + 1)


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


def _facet_flux(discretisation: Discretisation, negative: Floats, positive: Floats, rows: Ints) -> Floats:
    """∫_F ½ ε∇v·n_F η_F for functions with gradients (n, functions, d) on the simplices `rows`; (f, functions)."""
    facets, medium = discretisation.facets, discretisation.medium
    below = np.einsum("fvx,fx->fv", negative[rows], facets.normal) * facets.hinge_negative[:, None]
    above = np.einsum("fvx,fx->fv", positive[rows], facets.normal) * facets.hinge_positive[:, None]
    return np.asarray(0.5 * (medium.eps_solute * below + medium.eps_solvent * above))


def _facet_basis(discretisation: Discretisation) -> tuple[Ints, Floats, Floats, Floats]:
    """Nodes (f, 2(d+1)), jumps and mean fluxes of the basis on the facets, and the penalty's weight (f,)."""
    facets, elements = discretisation.facets, discretisation.elements
    nodes = np.concatenate(
        [discretisation.cut.nodes[facets.first], discretisation.cut.nodes[facets.second]], axis=1
    )
    jump = np.concatenate(
        [elements.slope[facets.first], -facets.scale[:, None] * elements.slope[facets.second]], axis=1
    )
    flux = np.concatenate(
        [
            _facet_flux(discretisation, elements.gradient_negative, elements.gradient_positive, rows)
            for rows in (facets.first, facets.second)
        ],
        axis=1,
    )
    medium = discretisation.medium
    strength = (
        discretisation.penalty * max(medium.eps_solute, medium.eps_solvent) / discretisation.grid.spacing
    )
    return nodes, jump, flux, strength * facets.hinge_square


def _cut_entries(discretisation: Discretisation) -> tuple[Ints, Ints, Floats]:
    """Rows, columns and values of what the cut simplices and their facets add to A."""
    elements, cut, medium = discretisation.elements, discretisation.cut, discretisation.medium
    low = medium.eps_solute * cut.volume * elements.share_negative
    high = medium.eps_solvent * cut.volume * (1.0 - elements.share_negative)
    local = low[:, None, None] * (elements.gradient_negative @ np.swapaxes(elements.gradient_negative, 1, 2))
    local += high[:, None, None] * (
        elements.gradient_positive @ np.swapaxes(elements.gradient_positive, 1, 2)
    )
    nodes, jump, flux, penalty = discretisation.facet_basis
    mixed = flux[:, :, None] * jump[:, None, :]
    facet = penalty[:, None, None] * jump[:, :, None] * jump[:, None, :] - mixed - np.swapaxes(mixed, 1, 2)

    def spread(numbers: Ints, matrix: Floats) -> tuple[Ints, Ints, Floats]:
        shape = matrix.shape
        rows = np.broadcast_to(numbers[:, :, None], shape).ravel()
        return rows, np.broadcast_to(numbers[:, None, :], shape).ravel(), matrix.ravel()

    volumes, facets = spread(cut.nodes, local), spread(nodes, facet)
    rows, columns, entries = (np.concatenate(pair) for pair in zip(volumes, facets, strict=True))
    return rows, columns, entries


def _volume_terms(elements: Elements, bubble: Bubble) -> Floats:
    """∫_T ε∇B·∇ψ_i, shape (n, d+1)."""
    cut, medium = elements.cut, elements.medium
    low = medium.eps_solute * cut.volume * elements.share_negative
    high = medium.eps_solvent * cut.volume * (1.0 - elements.share_negative)
    below = np.einsum("nvx,nx->nv", elements.gradient_negative, bubble.gradient_negative)
    above = np.einsum("nvx,nx->nv", elements.gradient_positive, bubble.gradient_positive)
    return np.asarray(low[:, None] * below + high[:, None] * above)


def _facet_terms(discretisation: Discretisation, bubble: Bubble) -> tuple[Ints, Floats]:
    """The three facet terms of a(B, ψ): nodes and values, each of shape (f, 2(d+1))."""
    facets = discretisation.facets
    nodes, jump, flux, penalty = discretisation.facet_basis
    bubble_flux = sum(
        _facet_flux(
            discretisation, bubble.gradient_negative[:, None], bubble.gradient_positive[:, None], rows
        )[:, 0]
        for rows in (facets.first, facets.second)
    )
    # z of the two sides agrees where F meets Γ, so on F⁺ it differs by a multiple of ℓ: once more the hinge.
    z_first = bubble.extension[facets.first[:, None], facets.local_first]
    z_second = bubble.extension[facets.second[:, None], facets.local_second]
    level = np.maximum(facets.level_first, 0.0)
    tilt = ((z_first - z_second) * level).sum(axis=1) / (level**2).sum(axis=1)
    bubble_jump = tilt + bubble.slope[facets.first] - facets.scale * bubble.slope[facets.second]
    terms = (penalty * bubble_jump - np.asarray(bubble_flux))[:, None] * jump - bubble_jump[:, None] * flux
    return nodes, terms
