"""Coarse grids of geometric multigrid: Galerkin's rule cell by cell.

The coarse matrix is PᵀA P with P (bi-, tri-)linear and A = Σ_T ∫ε∇ψ_i·∇ψ_j, without the facet terms. P maps the 2^d
corners of a coarse cell to those of its 2^d fine cells, so that the matrix of a coarse cell is Σ_k Q_kᵀ M_k Q_k of
theirs. A cell that Γ does not cross is ε times one matrix a level; any other carries a matrix of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled
from debye.physics.mesh import kuhn_corners, strides
from debye.physics.operator import Rows, sparse_rows

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]


@dataclass(frozen=True)
class Cells:
    """The cells of one level: what PᵀA P is made of."""

    cells: int
    number: Numbers
    """Row in `matrices` of each cell, -1 where it is uniform, shape (cells,)*d flat."""
    matrices: Floats
    """Own matrices, shape (c, 2^d, 2^d)."""
    unit: Floats
    """Matrix of a uniform cell with ε = 1, shape (2^d, 2^d)."""


@dataclass(frozen=True)
class Level:
    """One level; fields as in `debye.physics.multigrid.Levels`."""

    cells: int
    stencil: Floats
    scale: Floats
    stiffness: Floats
    special: Rows


@cache
def cell_corners(dim: int) -> Ints:
    """Corners of the unit cell, shape (2^d, d), the first axis slowest."""
    return np.array(list(product((0, 1), repeat=dim)))


@cache
def interpolation(dim: int) -> Floats:
    """Q of each fine cell in a coarse one: values at its corners from those of the coarse cell, (2^d, 2^d, 2^d)."""
    corners = cell_corners(dim)
    place = 0.5 * (corners[:, None, :] + corners[None, :, :])
    weights = np.where(corners[None, None] == 1, place[:, :, None, :], 1.0 - place[:, :, None, :])
    return np.asarray(weights.prod(axis=3))


def finest_cells(
    discretisation: Discretisation, inside: NDArray[np.bool_], weight: tuple[float, float]
) -> Cells:
    """Cells of the grid itself: Kuhn's simplices put together, cut ones with their own matrices."""
    dim, cells, cut = discretisation.grid.dim, discretisation.grid.cells, discretisation.cut
    corners = kuhn_corners(dim)
    local = corners @ (1 << np.arange(dim - 1, -1, -1))
    edge = np.array([[1.0, -1.0], [-1.0, 1.0]]) / factorial(dim)
    unit = np.zeros((2**dim, 2**dim))
    for path in local:
        for pair in pairwise(path):
            unit[np.ix_(pair, pair)] += edge
    # Cut simplices are listed in the order of their cells.
    cell = cut.simplex // factorial(dim)
    new = np.concatenate([[True], cell[1:] != cell[:-1]])
    crossed = cell[new]
    number = np.full(cells**dim, -1, dtype=np.int32)
    number[crossed] = np.arange(len(crossed))
    matrices = np.zeros((len(crossed), 2**dim, 2**dim))
    add_simplices(matrices, np.cumsum(new) - 1, cut.kind, discretisation.energy, local)
    steps = strides(discretisation.grid)
    low = np.stack(np.unravel_index(crossed, (cells,) * dim), axis=1) @ steps
    add_uncut_simplices(matrices, low, corners @ steps, local, inside, np.array(weight) / factorial(dim))
    return Cells(cells, number, matrices, unit)


@compiled
def add_simplices(matrices, cell, kind, energy, local):  # type: ignore[no-untyped-def]
    """Add the matrices (n, d+1, d+1) of cut simplices to those of their cells."""
    for t in range(len(cell)):
        for i in range(local.shape[1]):
            for j in range(local.shape[1]):
                matrices[cell[t], local[kind[t], i], local[kind[t], j]] += energy[t, i, j]


@compiled
def add_uncut_simplices(matrices, low, corners, local, inside, weight):  # type: ignore[no-untyped-def]
    """Add the uncut simplices of cells that have cut ones too; `low` are the cells' low corners."""
    kinds, count = local.shape
    for c in range(len(low)):
        for kind in range(kinds):
            solute = 0
            for corner in range(count):
                solute += inside[low[c] + corners[kind, corner]]
            if 0 < solute < count:
                continue
            w = weight[1] if solute else weight[0]
            for corner in range(count - 1):
                i, j = local[kind, corner], local[kind, corner + 1]
                matrices[c, i, i] += w
                matrices[c, j, j] += w
                matrices[c, i, j] -= w
                matrices[c, j, i] -= w


def coarser_cells(
    fine: Cells, inside: NDArray[np.bool_], weight: tuple[float, float], dim: int
) -> tuple[Cells, NDArray[np.bool_]]:
    """Cells of the next level by Galerkin's rule, and which of its nodes are in the solute."""
    cells = (fine.cells + 1) // 2
    q = interpolation(dim)
    uniform = np.einsum("kfa,fg,kgb->kab", q, fine.unit, q)
    number, matrices = galerkin(
        fine.number, fine.matrices, fine.unit, q, uniform, inside, np.array(weight), dim, fine.cells
    )
    every = np.zeros((2 * cells + 1,) * dim, dtype=bool)
    every[(slice(fine.cells + 1),) * dim] = inside.reshape((fine.cells + 1,) * dim)
    return Cells(cells, number, matrices, uniform.sum(axis=0)), every[(slice(None, None, 2),) * dim].ravel()


@compiled
def galerkin(number, matrices, unit, q, uniform, inside, weight, dim, cells):  # type: ignore[no-untyped-def]
    """Σ_k Q_kᵀ M_k Q_k of each coarse cell that needs a matrix of its own, and the numbers of these cells.

    Corners of fine cells on the box carry no value, not even where an odd number of cells puts them inside a coarse
    cell.
    """
    coarse, children = (cells + 1) // 2, 2**dim
    found = np.full(coarse**dim, -1, dtype=np.int32)
    position, corner = np.empty(dim, dtype=np.int64), np.empty(dim, dtype=np.int64)
    count = 0
    for turn in range(2):
        result = np.zeros((count, children, children))
        for cell in range(coarse**dim):
            if turn == 1 and found[cell] < 0:
                continue
            rest = cell
            for axis in range(dim - 1, -1, -1):
                position[axis] = 2 * (rest % coarse)
                rest //= coarse
            for k in range(children):
                here, low, there = 0, 0, True
                for axis in range(dim):
                    corner[axis] = position[axis] + ((k >> (dim - 1 - axis)) & 1)
                    there = there and corner[axis] < cells
                    here = here * cells + corner[axis]
                    low = low * (cells + 1) + corner[axis]
                if turn == 0:
                    if not there or number[here] >= 0:
                        found[cell] = count
                        count += 1
                        break
                elif there:
                    add_child(
                        result[found[cell]], number[here], matrices, unit, q[k], uniform[k],
                        weight[1] if inside[low] else weight[0], corner, dim, cells,
                    )  # fmt: skip
    return found, result


@compiled
def add_child(result, number, matrices, unit, q, uniform, weight, corner, dim, cells):  # type: ignore[no-untyped-def]
    """Add QᵀMQ of one fine cell."""
    at_box = False
    for axis in range(dim):
        at_box = at_box or corner[axis] == cells - 1
    if number < 0 and not at_box:
        result += weight * uniform
        return
    matrix = matrices[number] if number >= 0 else weight * unit
    inner = q.copy()
    if at_box:
        for f in range(len(q)):
            for axis in range(dim):
                if corner[axis] + ((f >> (dim - 1 - axis)) & 1) == cells:
                    inner[f] = 0.0
    size = len(q)
    half = np.zeros((size, size))
    for f in range(size):
        for g in range(size):
            for b in range(size):
                half[f, b] += matrix[f, g] * inner[g, b]
    for f in range(size):
        for a in range(size):
            if inner[f, a] != 0.0:
                for b in range(size):
                    result[a, b] += inner[f, a] * half[f, b]


@cache
def neighbourhood(dim: int) -> tuple[Ints, Ints]:
    """Steps to the 3^d nodes around one, shape (3^d, d), and the number there of corner b seen from corner a."""
    corners = cell_corners(dim)
    place = (corners[None, :, :] - corners[:, None, :] + 1) @ 3 ** np.arange(dim - 1, -1, -1)
    return np.array(list(product((-1, 0, 1), repeat=dim))), place


def make_level(cells: Cells, inside: NDArray[np.bool_], weight: tuple[float, float], dim: int) -> Level:
    """Stencil, diagonal and special rows of a level from its cells."""
    n, centre = cells.cells + 1, 3**dim // 2
    steps, place = neighbourhood(dim)
    whole = np.bincount(place.ravel(), cells.unit.ravel(), 3**dim)
    # Along one, two and three axes: the entry of the neighbour in the highest corner of each kind.
    axes = 3 ** np.arange(dim)
    stencil = np.concatenate([whole[centre + np.cumsum(axes)], np.zeros(3 - dim)])
    scale, diagonal = np.zeros(n**dim), np.ones(n**dim)
    eps = np.array(weight)
    fill_inner(scale, diagonal, inside, eps, whole[centre], dim, n)
    special, rows = special_rows(
        cells.number, cells.matrices, cells.unit, inside, eps, cell_corners(dim), place, dim, cells.cells
    )
    diagonal[special] = rows[:, centre]
    rows[:, centre] = 0.0
    offsets = steps @ n ** np.arange(dim - 1, -1, -1)
    return Level(cells.cells, stencil, scale, diagonal, sparse_rows(special, offsets, rows))


@compiled
def fill_inner(scale, diagonal, inside, weight, centre, dim, n):  # type: ignore[no-untyped-def]
    """ε of the inner nodes and their diagonal without cells of their own."""
    for line in range((n - 2) ** (dim - 1)):
        start = (line + 1) * n + 1
        if dim == 3:
            start = ((line // (n - 2) + 1) * n + line % (n - 2) + 1) * n + 1
        for i in range(start, start + n - 2):
            scale[i] = weight[1] if inside[i] else weight[0]
            diagonal[i] = centre * scale[i]


@compiled
def special_rows(number, matrices, unit, inside, weight, corners, place, dim, cells):  # type: ignore[no-untyped-def]
    """Inner nodes with a cell around that has its own matrix, and their rows on the 3^d nodes around, (s, 3^d)."""
    n, around = cells + 1, 2**dim
    own = np.zeros(n**dim, dtype=np.bool_)
    position, count = np.empty(dim, dtype=np.int64), 0
    for cell in range(len(number)):
        if number[cell] < 0:
            continue
        rest = cell
        for axis in range(dim - 1, -1, -1):
            position[axis] = rest % cells
            rest //= cells
        for a in range(around):
            node, inner = 0, True
            for axis in range(dim):
                here = position[axis] + corners[a, axis]
                inner = inner and 0 < here < cells
                node = node * n + here
            if inner and not own[node]:
                own[node] = True
                count += 1
    nodes, rows, s = np.empty(count, dtype=np.int32), np.zeros((count, 3**dim)), 0
    for node in range(len(own)):
        if not own[node]:
            continue
        rest = node
        for axis in range(dim - 1, -1, -1):
            position[axis] = rest % n
            rest //= n
        for a in range(around):
            cell, low = 0, 0
            for axis in range(dim):
                cell = cell * cells + position[axis] - corners[a, axis]
                low = low * n + position[axis] - corners[a, axis]
            w = weight[1] if inside[low] else weight[0]
            for b in range(around):
                if number[cell] >= 0:
                    rows[s, place[a, b]] += matrices[number[cell], a, b]
                else:
                    rows[s, place[a, b]] += w * unit[a, b]
        nodes[s] = node
        s += 1
    return nodes, rows
