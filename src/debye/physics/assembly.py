"""The discrete equation of one geometry: constant stencils where nothing is cut, immersed terms where it is.

Partially penalised immersed form (T. Lin, Y. Lin, X. Zhang, SIAM J. Numer. Anal. 53, 2015), on simplices T, facets F
between two cut simplices and the interface Γ, with w_h = Σ W_i ψ_i + B:

    a(w, ψ) = Σ_T ∫ ε∇w·∇ψ - Σ_F ∫ {ε∇w·n_F}[ψ] + θ Σ_F ∫ {ε∇ψ·n_F}[w] + Σ_F (σ max ε / h) ∫ [w][ψ]
    a(w_h, ψ) + ∫_{Ω⁺} (ε⁺/λ_D²) f(w_h) ψ = - ∫_Γ J1 ψ

with θ = -1, the symmetric form, in the solver, and θ = 0 and 1, the incomplete and the non-symmetric form, for
comparison. σ is one number for all facets, or the least that each facet needs (`debye.physics.facets`). In terms of
nodal values W,

    A W + m f(W) = b,      b from J0 and J1 alone: the bubble enters every term of a.

m holds the ionic term by the vertex rule: a simplex gives the volume of its solvent part to its solvent vertices, in
equal shares. On cut simplices a quadrature of u_h = w_h on the solvent side is one degree better in theory and worse
in practice (docs/method.md): where the boundary layer is thin, P1 functions with the bubble leave the range of u by
far, and sinh punishes it. Only cut simplices are visited; the rest is a stencil.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import factorial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from debye.parameters import Grid, Medium, Penalty
from debye.physics import forms
from debye.physics.charges import PointCharges, coulomb_gradient, coulomb_potential
from debye.physics.cut import Cut, find_cut
from debye.physics.elements import Bubble, Elements, immersed_elements
from debye.physics.facets import Facets, find_facets, least_penalty
from debye.physics.mesh import corner_views, kuhn_corners, strides
from debye.physics.operator import Operator, make_operator
from debye.physics.quadrature import Quadrature, interface_quadrature
from debye.physics.shapes import Shape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Variant = Literal["symmetric", "incomplete", "nonsymmetric"]

THETA: dict[Variant, float] = {"symmetric": -1.0, "incomplete": 0.0, "nonsymmetric": 1.0}
"""θ of each variant of the form."""


@dataclass(frozen=True)
class Load:
    """What one charge set adds to the equation."""

    right_hand_side: Floats
    """b, shape (nodes,)."""
    bubble: Bubble


@dataclass(frozen=True)
class Discretisation:
    """Everything that depends on the geometry and the medium, not on the charges."""

    grid: Grid
    medium: Medium
    penalty: Penalty
    """σ, or "auto": the least penalty that each facet needs."""
    elements: Elements
    facets: Facets
    variant: Variant = "symmetric"

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
        """A as a matrix on all nodes, box and all, shape (nodes, nodes); symmetric if the variant is."""
        rows, columns, entries = _cut_entries(self)
        size = self.cut.level_set.size
        return (self.uncut + sparse.coo_array((entries, (rows, columns)), shape=(size, size))).tocsr()

    @cached_property
    def _applied(self) -> tuple[Operator, Floats]:
        return make_operator(self)

    @property
    def operator(self) -> Operator:
        """A without a matrix, zero on the box: what the solver uses."""
        return self._applied[0]

    @cached_property
    def lumped(self) -> Floats:
        """The vector m: ε⁺/λ_D² times the solvent volume that the vertex rule gives each node, shape (nodes,)."""
        return self.medium.screening * self._applied[1]

    @cached_property
    def uncut(self) -> sparse.csr_array:
        """Stiffness of the uncut simplices, shape (nodes, nodes)."""
        return _stencil(self.grid, self.cut.level_set < 0, self.medium)

    @property
    def theta(self) -> float:
        """θ of the variant."""
        return THETA[self.variant]

    @cached_property
    def energy(self) -> Floats:
        """∫_T ε∇ψ_i·∇ψ_j on the cut simplices, shape (n, d+1, d+1)."""
        elements = self.elements
        sides = elements.gradient_negative, elements.gradient_positive
        return np.asarray(forms.energies(*sides, *_side_weights(elements)))

    @cached_property
    def facet_basis(self) -> tuple[Ints, Floats, Floats, Floats]:
        """Nodes, jumps and mean fluxes of the basis on the facets, each (f, 2(d+1)), and the penalty's weight (f,)."""
        return _facet_basis(self)

    @cached_property
    def interface(self) -> Quadrature:
        """Quadrature on the flat pieces of Γ."""
        return interface_quadrature(self.cut.ell, self.cut.vertices)

    @cached_property
    def _on_interface(self) -> tuple[Floats, Floats, Ints, Floats, Floats]:
        """At the points of `interface`: places, normals, nodes, weights of the basis; and the pieces' areas."""
        gamma, cut, elements = self.interface, self.cut, self.elements
        area = np.bincount(gamma.element, gamma.weight, minlength=len(cut.ell)).astype(float)
        points, normal, nodes, weights = forms.on_interface(
            gamma.element, gamma.barycentric, gamma.weight, cut.vertices, cut.normal, cut.nodes,
            elements.positive_part, elements.slope,
        )  # fmt: skip
        return points, normal, nodes, weights, area

    def load(self, charges: PointCharges) -> Load:
        """Right-hand side and bubble of a charge set."""
        elements, cut, medium = self.elements, self.cut, self.medium
        count, most, dim = elements.edge_points.shape
        jump = coulomb_potential(elements.edge_points.reshape(-1, dim), charges, medium).reshape(count, most)
        points, normal, nodes, weights, area = self._on_interface
        flux = medium.eps_solute * (coulomb_gradient(points, charges, medium) * normal).sum(axis=1)
        gamma = self.interface
        mean = np.bincount(gamma.element, gamma.weight * flux, minlength=count) / area
        bubble = elements.bubble(jump, mean)

        b = np.zeros(cut.level_set.size)
        forms.gather(b, nodes, -flux[:, None] * weights)
        forms.gather(b, cut.nodes, -_volume_terms(elements, bubble))
        columns, terms = _facet_terms(self, bubble)
        forms.gather(b, columns, -terms)
        return Load(b, bubble)


def discretise(
    grid: Grid, shape: Shape, medium: Medium, penalty: Penalty, variant: Variant = "symmetric"
) -> Discretisation:
    """Set up the discrete equation of a geometry.

    Parameters
    ----------
    grid, shape, medium
    penalty : float or "auto"
        σ on all facets between cut simplices, or the least that each of them needs.
    variant : {"symmetric", "incomplete", "nonsymmetric"}
        The second consistency term: as it is, left out, or with the other sign.

    Raises
    ------
    GeometryError
        See `debye.physics.cut.find_cut`.
    """
    return discretise_cut(find_cut(grid, shape), medium, penalty, variant)


def discretise_cut(
    cut: Cut, medium: Medium, penalty: Penalty, variant: Variant = "symmetric"
) -> Discretisation:
    """Set up the discrete equation where the cut simplices are known; as `discretise`."""
    elements = immersed_elements(cut, medium)
    return Discretisation(cut.grid, medium, penalty, elements, find_facets(cut), variant)


def _stencil(grid: Grid, inside: NDArray[np.bool_], medium: Medium) -> sparse.csr_array:
    """Stiffness of the uncut simplices."""
    dim, step = grid.dim, strides(grid)
    edge_weight = np.zeros((dim, *grid.shape))
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
    size = inside.size
    diagonals: list[Any] = [np.zeros(size)]
    offsets = [0]
    for axis in range(dim):
        weights, stride = edge_weight[axis].ravel()[: size - step[axis]], int(step[axis])
        diagonals[0][:-stride] += weights
        diagonals[0][stride:] += weights
        diagonals += [-weights, -weights]
        offsets += [stride, -stride]
    return sparse.diags_array(diagonals, offsets=offsets, shape=(size, size)).tocsr()


def _facet_flux(discretisation: Discretisation, negative: Floats, positive: Floats) -> Floats:
    """∫_F ½ ε∇v·n_F η_F for functions with gradients (n, functions, d) on the two sides; (f, 2 functions)."""
    facets, medium = discretisation.facets, discretisation.medium
    below = 0.5 * medium.eps_solute * facets.hinge_negative
    above = 0.5 * medium.eps_solvent * facets.hinge_positive
    return np.asarray(
        forms.fluxes(negative, positive, facets.first, facets.second, facets.normal, below, above)
    )


def _facet_basis(discretisation: Discretisation) -> tuple[Ints, Floats, Floats, Floats]:
    """Nodes (f, 2(d+1)), jumps and mean fluxes of the basis on the facets, and the penalty's weight (f,)."""
    facets, elements = discretisation.facets, discretisation.elements
    nodes = np.concatenate(
        [discretisation.cut.nodes[facets.first], discretisation.cut.nodes[facets.second]], axis=1
    )
    jump = np.concatenate(
        [elements.slope[facets.first], -facets.scale[:, None] * elements.slope[facets.second]], axis=1
    )
    flux = _facet_flux(discretisation, elements.gradient_negative, elements.gradient_positive)
    medium = discretisation.medium
    unit = facets.hinge_square * max(medium.eps_solute, medium.eps_solvent) / discretisation.grid.spacing
    if discretisation.penalty == "auto":
        theta = THETA[discretisation.variant]
        return nodes, jump, flux, least_penalty(facets, discretisation.energy, jump, flux, unit, theta)
    return nodes, jump, flux, discretisation.penalty * unit


def _cut_entries(discretisation: Discretisation) -> tuple[Ints, Ints, Floats]:
    """Rows, columns and values of what the cut simplices and their facets add to A."""
    nodes, jump, flux, penalty = discretisation.facet_basis
    mixed = flux[:, :, None] * jump[:, None, :]
    facet = penalty[:, None, None] * jump[:, :, None] * jump[:, None, :]
    facet += THETA[discretisation.variant] * mixed - np.swapaxes(mixed, 1, 2)

    def spread(numbers: Ints, matrix: Floats) -> tuple[Ints, Ints, Floats]:
        shape = matrix.shape
        rows = np.broadcast_to(numbers[:, :, None], shape).ravel()
        return rows, np.broadcast_to(numbers[:, None, :], shape).ravel(), matrix.ravel()

    volumes = spread(discretisation.cut.nodes, discretisation.energy)
    facets = spread(nodes, facet)
    rows, columns, entries = (np.concatenate(pair) for pair in zip(volumes, facets, strict=True))
    return rows, columns, entries


def _side_weights(elements: Elements) -> tuple[Floats, Floats]:
    """ε⁻|T⁻| and ε⁺|T⁺|, each (n,)."""
    cut, medium = elements.cut, elements.medium
    low = medium.eps_solute * cut.volume * elements.share_negative
    return low, medium.eps_solvent * cut.volume * (1.0 - elements.share_negative)


def _volume_terms(elements: Elements, bubble: Bubble) -> Floats:
    """∫_T ε∇B·∇ψ_i, shape (n, d+1)."""
    sides = elements.gradient_negative, elements.gradient_positive
    own = bubble.gradient_negative, bubble.gradient_positive
    return np.asarray(forms.work(*sides, *own, *_side_weights(elements)))


def _facet_terms(discretisation: Discretisation, bubble: Bubble) -> tuple[Ints, Floats]:
    """Facet terms of a(B, ψ): nodes and values, each of shape (f, 2(d+1))."""
    facets = discretisation.facets
    nodes, jump, flux, penalty = discretisation.facet_basis
    bubble_flux = _facet_flux(
        discretisation, bubble.gradient_negative[:, None], bubble.gradient_positive[:, None]
    ).sum(axis=1)
    bubble_jump = forms.bubble_jumps(
        bubble.extension, bubble.slope, facets.level_first, facets.scale,
        facets.first, facets.second, facets.local_first, facets.local_second,
    )  # fmt: skip
    terms = (penalty * bubble_jump - bubble_flux)[:, None] * jump
    return nodes, terms + THETA[discretisation.variant] * bubble_jump[:, None] * flux
