"""Which edges and simplices the interface crosses or may cross, and where.

Compiled passes over the grid, and one search for all roots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Grid
from debye.physics.compiled import compiled
from debye.physics.mesh import coordinates, edge_offsets, kuhn_corners
from debye.physics.shapes import Shape, level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NUDGE = 1e-10
"""Least |φ| at a node, in cells: a vertex on the interface is moved off it by this much."""

ROOT = 1e-13
"""Share of an edge to which its root is found."""

MOST_STEPS = 200
"""Most steps of the search for a root; bisection alone needs 43."""


@dataclass(frozen=True)
class Crossings:
    """The edges that the interface crosses, in the order of their low ends."""

    low: Ints
    """Flat numbers of the low ends, rising, shape (m,)."""
    number: Ints
    """Which of `mesh.edge_offsets` leads to the high ends, shape (m,)."""
    first: NDArray[np.int32]
    """Row of a node's first edge, shape (nodes,); set only at nodes that are the low end of a crossed edge."""
    share: Floats
    """Share t of the way from the low to the high end at which the edge is crossed, shape (m,)."""


@cache
def _steps(cells: int, dim: int) -> tuple[Ints, Ints]:
    """Steps in the flat node number along the edge offsets, and to the corners of the simplices of each kind."""
    step = (cells + 1) ** np.arange(dim - 1, -1, -1)
    return edge_offsets(dim) @ step, kuhn_corners(dim) @ step


def survey(grid: Grid, values: Floats) -> tuple[Ints, Ints, NDArray[np.int32], Ints, Ints, Ints]:
    """Find what the interface crosses.

    Parameters
    ----------
    grid : Grid
    values : ndarray, shape (nodes,)
        Level set, not negative at the nodes of the box.

    Returns
    -------
    low, number, first
        As in `Crossings`.
    nodes : ndarray, shape (n, dim+1)
        Vertices of the simplices with vertices on both sides.
    simplex, kind : ndarray, shape (n,)
        Their numbers as in `mesh.locate`, rising, and their permutations.
    """
    inside = values < 0.0
    offsets, corners = _steps(grid.cells, grid.dim)
    low_corners = np.flatnonzero(_mixed(inside, grid.cells, grid.dim, offsets))
    first = np.empty(len(values), dtype=np.int32)
    edges, simplices = _counted(inside, low_corners, offsets, corners)
    low, number = np.empty((2, edges), dtype=np.int64)
    simplex, kind = np.empty((2, simplices), dtype=np.int64)
    nodes = np.empty((simplices, grid.dim + 1), dtype=np.int64)
    _fill(inside, low_corners, offsets, corners, grid.cells, low, number, first, nodes, simplex, kind)
    return low, number, first, nodes, simplex, kind


@compiled
def _mixed(inside: Bools, cells: int, dim: int, offsets: Ints) -> Bools:
    """Mark the low corners of the cubes with corners on both sides."""
    mixed = np.zeros(len(inside), dtype=np.bool_)
    for row in range(cells ** (dim - 1)):
        start = row // cells * (cells + 1) ** 2 + row % cells * (cells + 1) if dim == 3 else row * (cells + 1)
        for o in range(len(offsets)):
            step = offsets[o]
            for node in range(start, start + cells):
                mixed[node] |= inside[node] != inside[node + step]
    return mixed


@compiled
def _counted(inside: Bools, low_corners: Ints, offsets: Ints, corners: Ints) -> tuple[int, int]:
    """Number of crossed edges and of simplices with vertices on both sides."""
    edges, simplices = 0, 0
    for node in low_corners:
        for o in range(len(offsets)):
            edges += inside[node + offsets[o]] != inside[node]
        for k in range(corners.shape[0]):
            solute = 0
            for c in range(corners.shape[1]):
                solute += inside[node + corners[k, c]]
            simplices += 0 < solute < corners.shape[1]
    return edges, simplices


@compiled
def _fill(
    inside: Bools, low_corners: Ints, offsets: Ints, corners: Ints, cells: int,
    low: Ints, number: Ints, first: NDArray[np.int32], nodes: Ints, simplex: Ints, kind: Ints,
) -> None:  # fmt: skip
    kinds, all_corners = corners.shape
    edge, row = 0, 0
    for node in low_corners:
        first[node] = edge
        for o in range(len(offsets)):
            if inside[node + offsets[o]] != inside[node]:
                low[edge], number[edge] = node, o
                edge += 1
        cube, rest, stride = 0, node, 1
        for _ in range(all_corners - 1):
            cube += rest % (cells + 1) * stride
            rest //= cells + 1
            stride *= cells
        for k in range(kinds):
            solute = 0
            for c in range(all_corners):
                solute += inside[node + corners[k, c]]
            if 0 < solute < all_corners:
                simplex[row], kind[row] = cube * kinds + k, k
                for c in range(all_corners):
                    nodes[row, c] = node + corners[k, c]
                row += 1


def edge_shares(grid: Grid, shape: Shape, values: Floats, low: Ints, number: Ints) -> Floats:
    """Share t of the way from the low to the high end at which each edge is crossed, shape (m,).

    All edges are searched at once, so the shape is asked a few times for many points.
    """
    start = coordinates(grid, low)
    step = grid.spacing * edge_offsets(grid.dim)[number].astype(float)
    count = len(low)
    ends = level(shape, np.concatenate([start, start + step]))
    state = np.empty((7, count))
    active = np.arange(count)
    points = np.empty_like(start)
    left = _begin(state, ends[:count], ends[count:], active, start, step, points)
    for _ in range(MOST_STEPS):
        if not left:
            break
        left = _advance(state, level(shape, points[:left]), active[:left], start, step, points, ROOT)
    share = state[6]
    # A node that was nudged off the interface may leave no bracket: the root is then at that node.
    at_low = np.abs(values[low]) < np.abs(values[low + _steps(grid.cells, grid.dim)[0][number]])
    share = np.where(np.isfinite(share), share, np.where(at_low, 0.0, 1.0))
    return np.asarray(np.clip(share, NUDGE, 1.0 - NUDGE))


@compiled
def _begin(
    state: Floats, low: Floats, high: Floats, active: Ints, start: Floats, step: Floats, points: Floats
) -> int:
    """Set up the search: state holds x1, f1, x2, f2, the next share of the bracket, its place and the root."""
    left = 0
    for i in range(len(low)):
        state[6, i] = np.nan
        if low[i] == 0.0 or high[i] == 0.0:
            state[6, i] = 0.0 if low[i] == 0.0 else 1.0
        elif (low[i] < 0.0 and high[i] > 0.0) or (low[i] > 0.0 and high[i] < 0.0):
            state[0, i], state[1, i], state[2, i], state[3, i] = 0.0, low[i], 1.0, high[i]
            # Where an edge is crossed three times, the start decides which root is found: the middle favours none.
            state[4, i] = 0.5
            state[5, i] = state[4, i]
            for axis in range(start.shape[1]):
                points[left, axis] = start[i, axis] + state[5, i] * step[i, axis]
            active[left] = i
            left += 1
    return left


@compiled
def _advance(
    state: Floats, found: Floats, active: Ints, start: Floats, step: Floats, points: Floats, tolerance: float
) -> int:
    """One step of T. R. Chandrupatla's search (Adv. Eng. Softw. 28, 1997): inverse quadratic where safe, or bisection.

    `found` are the values at the points of the active edges. Returns how many edges stay active; `active` and `points`
    then begin with those.
    """
    left = 0
    for row in range(len(active)):
        i = active[row]
        x, f = state[5, i], found[row]
        if not np.isfinite(f):
            continue
        x1, f1, x2, f2 = state[0, i], state[1, i], state[2, i], state[3, i]
        if (f > 0.0) == (f1 > 0.0):
            x3, f3 = x1, f1
        else:
            x3, f3, x2, f2 = x2, f2, x1, f1
        x1, f1 = x, f
        best = x1 if abs(f1) < abs(f2) else x2
        width = abs(x2 - x1)
        if width < tolerance or f1 == 0.0:
            state[6, i] = x1 if f1 == 0.0 else best
            continue
        xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        t = 0.5
        if 1.0 - np.sqrt(1.0 - xi) < phi and phi < np.sqrt(xi):
            alpha = (x3 - x1) / (x2 - x1)
            t = f1 / (f1 - f2) * f3 / (f3 - f2) - alpha * f1 / (f3 - f1) * f2 / (f2 - f3)
        least = 0.5 * tolerance / width
        t = min(max(t, least), 1.0 - least)
        state[0, i], state[1, i], state[2, i], state[3, i], state[4, i] = x1, f1, x2, f2, t
        state[5, i] = x1 + t * (x2 - x1)
        for axis in range(start.shape[1]):
            points[left, axis] = start[i, axis] + state[5, i] * step[i, axis]
        active[left] = i
        left += 1
    return left


def edges_within_reach(grid: Grid, values: Floats) -> tuple[Ints, Ints, Floats]:
    """Find the edges with both ends on one side between which the level set may reach zero nevertheless.

    Returns
    -------
    low, number : ndarray, shape (m,)
        As in `Crossings`.
    reach : ndarray, shape (2**dim - 1,)
        How much the level set changes at most along an edge in each direction: its steepest change from a node to the
        next along an axis, times the length.
    """
    count, offsets = grid.cells + 1, edge_offsets(grid.dim)
    reach = np.asarray(_steepest(values, count, grid.dim) * np.sqrt(offsets.sum(axis=1)), dtype=float)
    near = np.flatnonzero(np.abs(values) <= reach.max())
    steps = _steps(grid.cells, grid.dim)[0]
    none = np.empty((2, 0), dtype=np.int64)
    low, number = np.empty(
        (2, _within_reach(values, near, count, offsets, steps, reach, *none)), dtype=np.int64
    )
    _within_reach(values, near, count, offsets, steps, reach, low, number)
    return low, number, reach


@compiled
def _steepest(values: Floats, count: int, dim: int) -> float:
    """Largest difference of values at neighbours on a grid with `count` nodes along each axis."""
    most = 0.0
    for row in range(len(values) // count):
        start = row * count
        for node in range(start, start + count - 1):
            most = max(most, abs(values[node + 1] - values[node]))
        if row % count < count - 1:
            for node in range(start, start + count):
                most = max(most, abs(values[node + count] - values[node]))
        if dim == 3 and row // count < count - 1:
            for node in range(start, start + count):
                most = max(most, abs(values[node + count * count] - values[node]))
    return most


@compiled
def _within_reach(
    values: Floats, near: Ints, count: int, offsets: Ints, steps: Ints, reach: Floats, low: Ints, number: Ints
) -> int:
    """Find the edges with both ends on one side and both values together within the reach of their direction.

    They begin at the nodes `near`. Returns how many there are; low ends and directions are written as far as there is
    room.
    """
    dim = offsets.shape[1]
    found = 0
    for node in near:
        value = values[node]
        place, row = node % count, node // count
        for o in range(len(steps)):
            fits = place + offsets[o, dim - 1] < count and row % count + offsets[o, dim - 2] < count
            if dim == 3:
                fits = fits and row // count + offsets[o, 0] < count
            if fits:
                other = values[node + steps[o]]
                if (other < 0.0) == (value < 0.0) and abs(value) + abs(other) <= reach[o]:
                    if found < len(low):
                        low[found], number[found] = node, o
                    found += 1
    return found
