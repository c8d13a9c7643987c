"""The matrix A of the discrete equation without a matrix: one stencil for all nodes, rows of their own for a few.

Where no simplex around a node is cut, its row of A is ε h^(d-2) times the (2d+1)-point stencil. Only the vertices of
cut simplices, O(N^(d-1)) of them, have rows of their own ("special" nodes below): what the uncut simplices around them
add, ∫ε∇ψ_i·∇ψ_j on the cut ones, and the facet terms. Two simplices that share a facet reach two cells at most, in few
directions, so that these rows are put together in a short fixed list of offsets.

Vectors live on all nodes of the grid, flat; they are zero on the box, and so is A x there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Grid
from debye.physics.compiled import compiled
from debye.physics.cycle import subtract_product
from debye.physics.mesh import kuhn_corners, strides

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]


STENCIL = np.array([-1.0, 0.0, 0.0])
"""Entries of the finest grid's stencil for neighbours along one, two and three axes."""


@dataclass(frozen=True)
class Rows:
    """Sparse rows of some nodes."""

    nodes: Numbers
    """Rising, shape (s,)."""
    start: Ints
    """Where each row begins and the last ends, shape (s+1,)."""
    columns: Numbers
    """Nodes of the entries."""
    entries: Floats

    @property
    def arrays(self) -> tuple[Numbers, Ints, Numbers, Floats]:
        """All of it, as the compiled loops take it."""
        return self.nodes, self.start, self.columns, self.entries


@dataclass(frozen=True)
class Operator:
    """A on the grid's nodes, without the ions."""

    grid: Grid
    scale: Floats
    """ε h^(d-2) of each node's own side, shape (nodes,); 0 on the box."""
    diagonal: Floats
    """Diagonal of A, shape (nodes,); 1 on the box."""
    special: Rows
    """The rows of special nodes, without their diagonal."""

    def __matmul__(self, x: Floats) -> Floats:
        """A x, zero on the box; shape (nodes,) as x, which counts there."""
        product, special = np.zeros_like(x), self.special
        subtract_product(
            x, np.zeros_like(x), product, self.diagonal, self.scale, STENCIL, special.arrays, (0, len(special.nodes)),
            self.grid.dim, self.grid.cells + 1,
        )  # fmt: skip
        return np.negative(product, out=product)


def make_operator(discretisation: Discretisation) -> tuple[Operator, Floats]:
    """A of a discretisation, and the solvent volume that the vertex rule gives each node, shape (nodes,)."""
    grid, medium, cut = discretisation.grid, discretisation.medium, discretisation.cut
    inside = cut.level_set < 0
    count, dim = len(inside), grid.dim
    low, high = (eps * grid.spacing ** (dim - 2) for eps in (medium.eps_solute, medium.eps_solvent))
    interior = discretisation.interior
    scale = np.where(inside, low, high) * interior
    number = np.full(count, -1, dtype=np.int32)
    number[cut.nodes.ravel()] = 0
    special = np.flatnonzero(number == 0).astype(np.int32)
    number[special] = np.arange(len(special), dtype=np.int32)

    offsets = row_offsets(dim, grid.cells)
    place = np.full(2 * abs(offsets).max() + 1, -1, dtype=np.int32)
    place[offsets + abs(offsets).max()] = np.arange(len(offsets))
    rows = np.zeros((len(special), len(offsets)))
    corners = kuhn_corners(dim) @ strides(grid)
    weight = np.array([high, low]) / factorial(dim)
    add_uncut(rows, special, inside, corners, weight, place)
    add_matrices(rows, number, cut.nodes, discretisation.energy, place)
    nodes, jump, flux, penalty = discretisation.facet_basis
    add_facets(rows, number, nodes, jump, flux, penalty, discretisation.theta, place)

    diagonal = np.where(interior, 2 * dim * scale, 1.0)
    diagonal[special] = rows[:, 0]
    rows[:, 0] = 0.0
    operator = Operator(grid, scale, diagonal, sparse_rows(special, offsets, rows))

    # Nodes of the box have fewer simplices around them; all others that are not special lie on one side.
    volume = np.where(inside, 0.0, grid.spacing**dim)
    counted = np.concatenate([special, np.flatnonzero(~interior).astype(np.int32)])
    share = grid.spacing**dim / factorial(dim + 1)
    volume[counted] = share * solvent_simplices(counted, inside, corners, kuhn_corners(dim), grid.cells)
    add_shares(volume, cut.nodes, cut.ell, cut.volume * (1.0 - discretisation.elements.share_negative))
    return operator, volume


@cache
def _row_steps(dim: int) -> tuple[tuple[int, ...], ...]:
    """Steps between the vertices of two simplices that share a facet, the zero step first."""
    steps = set()
    simplices = []
    for shift in np.ndindex(*(3,) * dim):
        for corners in kuhn_corners(dim):
            simplices.append({tuple(int(v) for v in corner) for corner in corners + np.array(shift)})
    for one in simplices:
        for two in simplices:
            if len(one & two) >= dim:
                steps |= {
                    tuple(b - a for a, b in zip(p, q, strict=True)) for p in one | two for q in one | two
                }
    return tuple(sorted(steps, key=lambda step: (any(step), step)))


def row_offsets(dim: int, cells: int) -> Ints:
    """Steps in the flat node number to all nodes that a special row may reach, the node itself first."""
    return np.array(_row_steps(dim)) @ (cells + 1) ** np.arange(dim - 1, -1, -1)


@compiled
def add_uncut(rows, special, inside, corners, weight, place):  # type: ignore[no-untyped-def]
    """Add what the uncut simplices give to the rows of special nodes.

    ∇λ_i·∇λ_j is -1/h² for neighbours on a simplex's path and 0 for the others.
    """
    shift = len(place) // 2
    kinds, count = corners.shape
    for s in range(len(special)):
        node = special[s]
        for kind in range(kinds):
            for own in range(count):
                base = node - corners[kind, own]
                solute = 0
                for corner in range(count):
                    solute += inside[base + corners[kind, corner]]
                if 0 < solute < count:
                    continue
                w = weight[1] if solute else weight[0]
                for other in (own - 1, own + 1):
                    if 0 <= other < count:
                        step = corners[kind, other] - corners[kind, own]
                        rows[s, 0] += w
                        rows[s, place[step + shift]] -= w


@compiled
def add_matrices(rows, number, nodes, matrices, place):  # type: ignore[no-untyped-def]
    """Add element matrices (n, d+1, d+1) on nodes (n, d+1) to the rows."""
    shift = len(place) // 2
    for t in range(len(nodes)):
        for i in range(nodes.shape[1]):
            row = number[nodes[t, i]]
            for j in range(nodes.shape[1]):
                rows[row, place[nodes[t, j] - nodes[t, i] + shift]] += matrices[t, i, j]


@compiled
def add_facets(rows, number, nodes, jump, flux, penalty, theta, place):  # type: ignore[no-untyped-def]
    """Add the facet terms: τ j_i j_j + θ q_i j_j - j_i q_j."""
    shift = len(place) // 2
    for f in range(len(nodes)):
        for i in range(nodes.shape[1]):
            row = number[nodes[f, i]]
            for j in range(nodes.shape[1]):
                rows[row, place[nodes[f, j] - nodes[f, i] + shift]] += (
                    penalty[f] * jump[f, i] * jump[f, j]
                    + theta * flux[f, i] * jump[f, j]
                    - jump[f, i] * flux[f, j]
                )


@compiled
def solvent_simplices(nodes, inside, corners, unit, cells):  # type: ignore[no-untyped-def]
    """Number of simplices around each node that lie in the solvent, as far as the box goes, shape (n,)."""
    kinds, count, dim = unit.shape
    found = np.zeros(len(nodes))
    position = np.empty(dim, dtype=np.int64)
    for s in range(len(nodes)):
        rest = nodes[s]
        for axis in range(dim - 1, -1, -1):
            position[axis] = rest % (cells + 1)
            rest //= cells + 1
        for kind in range(kinds):
            for own in range(count):
                there = True
                for axis in range(dim):
                    low = position[axis] - unit[kind, own, axis]
                    if low < 0 or low >= cells:
                        there = False
                if there:
                    base = nodes[s] - corners[kind, own]
                    solute = 0
                    for corner in range(count):
                        solute += inside[base + corners[kind, corner]]
                    if solute == 0:
                        found[s] += 1.0
    return found


@compiled
def add_shares(volume, nodes, ell, solvent):  # type: ignore[no-untyped-def]
    """Give the solvent part of each cut simplex to its solvent vertices, in equal shares."""
    for t in range(len(nodes)):
        count = 0
        for i in range(nodes.shape[1]):
            count += ell[t, i] > 0.0
        for i in range(nodes.shape[1]):
            if ell[t, i] > 0.0:
                volume[nodes[t, i]] += solvent[t] / count


def sparse_rows(nodes: Numbers, offsets: Ints, rows: Floats) -> Rows:
    """The entries that are not zero of rows (s, k) on the nodes at steps (k,) from their own."""
    return Rows(nodes, *keep_nonzero(nodes, offsets, rows))


@compiled
def keep_nonzero(nodes, offsets, rows):  # type: ignore[no-untyped-def]
    """Where rows begin, and their columns and entries."""
    start = np.zeros(len(nodes) + 1, dtype=np.int64)
    for s in range(len(nodes)):
        start[s + 1] = start[s]
        for k in range(len(offsets)):
            start[s + 1] += rows[s, k] != 0.0
    columns, entries = np.empty(start[-1], dtype=np.int32), np.empty(start[-1])
    count = 0
    for s in range(len(nodes)):
        for k in range(len(offsets)):
            if rows[s, k] != 0.0:
                columns[count] = nodes[s] + offsets[k]
                entries[count] = rows[s, k]
                count += 1
    return start, columns, entries
