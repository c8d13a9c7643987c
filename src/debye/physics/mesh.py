"""The uniform grid as a Kuhn triangulation: every cube cut into dim! simplices, each in the same way.

A simplex is a path from the low corner of its cube to the high one, one axis after another: a permutation of the
axes. So an uncut simplex needs no storage at all, only its cube and its permutation, and the P1 stiffness of uncut
simplices is the (2 dim + 1)-point stencil. Reference: H. W. Kuhn, Some combinatorial lemmas in topology, 1960.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from math import factorial

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Grid
from debye.physics.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@cache
def kuhn_corners(dim: int) -> Ints:
    """Corners of the simplices of the unit cube, shape (dim!, dim+1, dim), entries 0 or 1.

    Examples
    --------
    >>> kuhn_corners(2).tolist()
    [[[0, 0], [1, 0], [1, 1]], [[0, 0], [0, 1], [1, 1]]]
    """
    corners = np.zeros((factorial(dim), dim + 1, dim), dtype=np.int64)
    for kind, axes in enumerate(permutations(range(dim))):
        for step, axis in enumerate(axes):
            corners[kind, step + 1 :, axis] = 1
    return corners


@cache
def kuhn_gradients(dim: int) -> Floats:
    """Gradients of the barycentric coordinates on the unit cube, shape (dim!, dim+1, dim); divide by h."""
    gradients = np.empty((factorial(dim), dim + 1, dim))
    for kind, corners in enumerate(kuhn_corners(dim)):
        gradients[kind] = np.linalg.inv(np.column_stack([np.ones(dim + 1), corners]))[1:].T
    return gradients


@cache
def edge_offsets(dim: int) -> Ints:
    """Offsets from the low to the high end of the edges that start at a node, shape (2**dim - 1, dim)."""
    return np.array([offset for offset in product((0, 1), repeat=dim) if any(offset)])


def strides(grid: Grid) -> Ints:
    """Step in the flat node number along each axis, shape (dim,)."""
    return (grid.cells + 1) ** np.arange(grid.dim - 1, -1, -1)


def coordinates(grid: Grid, nodes: Ints) -> Floats:
    """Coordinates of nodes by their flat numbers, shape (*nodes.shape, dim), Å."""
    found = np.empty((nodes.size, grid.dim))
    _fill_coordinates(np.ravel(nodes), grid.axis, found)
    return found.reshape(*nodes.shape, grid.dim)


@compiled
def _fill_coordinates(nodes: Ints, axis: Floats, found: Floats) -> None:
    for row in range(len(nodes)):
        rest = nodes[row]
        for number in range(found.shape[1] - 1, -1, -1):
            found[row, number] = axis[rest % len(axis)]
            rest //= len(axis)


def node_points(grid: Grid) -> Floats:
    """Coordinates of all nodes as `Grid.points`, in a fraction of its time."""
    return np.asarray(_node_points(grid.axis, grid.dim))


@compiled
def _node_points(axis: Floats, dim: int) -> Floats:
    count = len(axis)
    points = np.empty((count**dim, dim))
    for row in range(count ** (dim - 1)):
        for j in range(count):
            node = row * count + j
            points[node, dim - 1] = axis[j]
            points[node, dim - 2] = axis[row % count]
            if dim == 3:
                points[node, 0] = axis[row // count]
    return points


def corner_views(nodal: NDArray[np.generic], grid: Grid, kind: int) -> list[NDArray[np.generic]]:
    """Views of a nodal array at the dim+1 corners of the simplices of one kind, each of shape (cells,)*dim."""
    return [
        nodal[tuple(slice(step, grid.cells + step) for step in corner)]
        for corner in kuhn_corners(grid.dim)[kind]
    ]


def locate(grid: Grid, points: Floats) -> tuple[Ints, Ints, Floats]:
    """Find the simplex of each point.

    Parameters
    ----------
    grid : Grid
    points : ndarray, shape (n, dim)
        Inside the box, Å.

    Returns
    -------
    nodes : ndarray, shape (n, dim+1)
        Flat numbers of the simplex's nodes.
    simplex : ndarray, shape (n,)
        Number of the simplex: cube (C order over cells) times dim! plus kind.
    barycentric : ndarray, shape (n, dim+1)
        Barycentric coordinates in the order of `nodes`.
    """
    dim = grid.dim
    scaled = (points + grid.half_width) / grid.spacing
    cell = np.clip(np.floor(scaled).astype(np.int64), 0, grid.cells - 1)
    local = scaled - cell
    # The path that goes first along the largest coordinate contains the point.
    axes = np.argsort(-local, axis=1, kind="stable")
    falling = np.take_along_axis(local, axes, axis=1)
    barycentric = -np.diff(np.column_stack([np.ones(len(points)), falling, np.zeros(len(points))]), axis=1)
    step = strides(grid)
    low = cell @ step
    nodes = np.column_stack([low, low[:, None] + np.cumsum(step[axes], axis=1)])
    order = {axes: kind for kind, axes in enumerate(permutations(range(dim)))}
    kind = np.array([order[tuple(row)] for row in axes.tolist()], dtype=np.int64)
    cube = cell @ grid.cells ** np.arange(dim - 1, -1, -1)
    return nodes, cube * factorial(dim) + kind, barycentric
