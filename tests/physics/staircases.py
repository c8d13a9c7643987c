"""Quadrature on the two sides of a flat cut through simplices of any dimension, by another way than the solver's.

The pieces are triangulated as a product of simplices (staircase paths): with p negative vertices a_i, q positive
ones b_j and the points m_ij where ℓ vanishes on the edges, the interface is the union of the simplices along monotone
paths from m_11 to m_pq, and either side joins those paths to the vertices.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from debye.physics.quadrature import Quadrature

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@cache
def staircases(first: int, p: int, q: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Monotone lattice paths from (first, 0) to (p-1, q-1)."""

    def walk(i: int, j: int) -> Iterator[tuple[tuple[int, int], ...]]:
        if (i, j) == (p - 1, q - 1):
            yield ((i, j),)
        for i_next, j_next in ((i + 1, j), (i, j + 1)):
            if i_next < p and j_next < q:
                for rest in walk(i_next, j_next):
                    yield ((i, j), *rest)

    return tuple(walk(first, 0))


@cache
def pieces(p: int, q: int) -> dict[str, Ints]:
    """Sub-simplices of a simplex with p negative and q positive vertices.

    Returns
    -------
    dict
        "negative", "positive": shape (pieces, p+q); "interface": shape (pieces, p+q-1). Entries number the points:
        0 … p-1 are a_i, p … p+q-1 are b_j, p+q+i·q+j are m_ij.

    Examples
    --------
    >>> {side: table.shape for side, table in pieces(2, 2).items()}
    {'interface': (2, 3), 'negative': (3, 4), 'positive': (3, 4)}
    """
    zero = p + q

    def points(path: tuple[tuple[int, int], ...]) -> list[int]:
        return [zero + i * q + j for i, j in path]

    def swapped(path: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((i, j) for j, i in path)

    negative = [[*range(i + 1), *points(path)] for i in range(p) for path in staircases(i, p, q)]
    positive = [
        [*range(p, p + j + 1), *points(swapped(path))] for j in range(q) for path in staircases(j, q, p)
    ]
    return {
        "interface": np.array([points(path) for path in staircases(0, p, q)]),
        "negative": np.array(negative),
        "positive": np.array(positive),
    }


def _rule(k: int) -> Floats:
    """Barycentric points of the degree-2 rule on a k-simplex, shape (k+1, k+1); equal weights."""
    small = (1.0 - 1.0 / np.sqrt(k + 2.0)) / (k + 1.0)
    points: Floats = np.full((k + 1, k + 1), small) + np.eye(k + 1) * (1.0 - (k + 1) * small)
    return points


def classes(ell: Floats) -> Iterator[tuple[Ints, Floats, int, int]]:
    """Group simplices by number of negative vertices; yield rows, all points (rows, points, d+1), p and q."""
    corners = ell.shape[1]
    order = np.argsort(ell > 0, axis=1, kind="stable")
    negatives = (ell <= 0).sum(axis=1)
    for p in range(1, corners):
        rows = np.flatnonzero(negatives == p)
        if not rows.size:
            continue
        q = corners - p
        vertices = np.eye(corners)[order[rows]]
        low = np.take_along_axis(ell[rows], order[rows], axis=1)
        share = low[:, None, p:] / (low[:, None, p:] - low[:, :p, None])
        zeros = share[..., None] * vertices[:, :p, None] + (1.0 - share)[..., None] * vertices[:, None, p:]
        yield rows, np.concatenate([vertices, zeros.reshape(len(rows), p * q, corners)], axis=1), p, q


def side_quadrature(ell: Floats, side: str) -> Quadrature:
    """Quadrature on one side of the zero set of ℓ in each simplex.

    Parameters
    ----------
    ell : ndarray, shape (n, k+1)
        Values of ℓ at the vertices, of both signs in each row.
    side : {"negative", "positive"}

    Returns
    -------
    Quadrature
        Weights are shares of the simplex: they sum to 1 over both sides.
    """
    corners = ell.shape[1]
    rule = _rule(corners - 1)
    elements, coordinates, weights = [], [], []
    for rows, points, p, q in classes(ell):
        simplices = points[:, pieces(p, q)[side]]
        share = np.abs(np.linalg.det(simplices))
        elements.append(np.repeat(rows, share.shape[1] * corners))
        coordinates.append((rule @ simplices).reshape(-1, corners))
        weights.append(np.repeat(share.ravel() / corners, corners))
    return _gather(elements, coordinates, weights, corners)


def _gather(
    elements: list[Ints], coordinates: list[Floats], weights: list[Floats], corners: int
) -> Quadrature:
    if not elements:
        return Quadrature(np.zeros(0, dtype=np.int64), np.zeros((0, corners)), np.zeros(0))
    return Quadrature(np.concatenate(elements), np.concatenate(coordinates), np.concatenate(weights))
