"""Quadrature on the flat pieces of interface, and the share of a simplex on either side of them, compiled.

Where ℓ, affine on a simplex, vanishes on an edge from a vertex a with ℓ <= 0 to one b with ℓ > 0, it does so at the
share s_ab = ℓ_a/(ℓ_a - ℓ_b) of the way. The piece of interface is the hull of these points: a segment in 2-D, in 3-D a
triangle, or, between two vertices and two, a quadrangle that is cut along the diagonal from (a₁, b₁) to (a₂, b₂).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST = 1e-24
"""Least length or area of a piece, on a simplex of size 1. A piece in the tip of a simplex loses its last digits, but
never all of its size: means over it divide by that."""


@dataclass(frozen=True)
class Quadrature:
    """Points in simplices, flat over all of them.

    The rule of degree 2 with k+1 points on each k-simplex (A. H. Stroud, Approximate Calculation of Multiple
    Integrals, 1971).
    """

    element: Ints
    """Row of the simplex that a point lies in, rising, shape (m,)."""
    barycentric: Floats
    """Barycentric coordinates of the points, shape (m, d+1)."""
    weight: Floats
    """Weights: length or area, shape (m,)."""


def edge_points(ell: Floats) -> Floats:
    """Barycentric coordinates of the points where ℓ vanishes on the edges, shape (n, most, d+1), NaN-padded.

    Parameters
    ----------
    ell : ndarray, shape (n, d+1)
        Values of ℓ at the vertices, of both signs in each row.
    """
    corners = ell.shape[1]
    points = np.full((len(ell), (corners // 2) * (corners - corners // 2), corners), np.nan)
    _fill_edge_points(np.ascontiguousarray(ell), points)
    return points


@compiled
def _fill_edge_points(ell: Floats, points: Floats) -> None:
    count, corners = ell.shape
    for row in range(count):
        at = 0
        for a in range(corners):
            if ell[row, a] <= 0.0:
                for b in range(corners):
                    if ell[row, b] > 0.0:
                        share = ell[row, b] / (ell[row, b] - ell[row, a])
                        points[row, at] = 0.0
                        points[row, at, a], points[row, at, b] = share, 1.0 - share
                        at += 1


def piece_middles(points: Floats, vertices: Floats) -> Floats:
    """Means of the `edge_points` of each simplex, shape (n, d), Å.

    Parameters
    ----------
    points : ndarray, shape (n, most, d+1)
        Barycentric, NaN-padded.
    vertices : ndarray, shape (n, d+1, d)
        Å.
    """
    return np.asarray(_piece_middles(points, vertices))


@compiled
def _piece_middles(points: Floats, vertices: Floats) -> Floats:
    count, corners, dim = vertices.shape
    middles = np.zeros((count, dim))
    for row in range(count):
        given = 0
        while given < points.shape[1] and np.isfinite(points[row, given, 0]):
            given += 1
        for vertex in range(corners):
            total = 0.0
            for k in range(given):
                total += points[row, k, vertex]
            for axis in range(dim):
                middles[row, axis] += total / given * vertices[row, vertex, axis]
    return middles


def negative_share(ell: Floats) -> Floats:
    """Share of each simplex (triangle or tetrahedron) in which ℓ <= 0, shape (n,).

    Examples
    --------
    >>> negative_share(np.array([[-1.0, 1.0, 1.0], [-1.0, -1.0, 1.0]]))
    array([0.25, 0.75])
    """
    return np.asarray(_negative_share(np.ascontiguousarray(ell)))


@compiled
def _negative_share(ell: Floats) -> Floats:
    count, corners = ell.shape
    found = np.empty(count)
    along = np.empty(4)
    for row in range(count):
        at, negatives = 0, 0
        for a in range(corners):
            if ell[row, a] <= 0.0:
                negatives += 1
                for b in range(corners):
                    if ell[row, b] > 0.0:
                        along[at] = ell[row, a] / (ell[row, a] - ell[row, b])
                        at += 1
        tip, rest = 1.0, 1.0
        for point in range(at):
            tip *= along[point]
            rest *= 1.0 - along[point]
        if negatives == 1:
            found[row] = tip
        elif negatives == corners - 1:
            found[row] = 1.0 - rest
        else:
            # Two and two: the tetrahedra a₁a₂m₂₁m₂₂, a₁m₁₁m₁₂m₂₂ and a₁m₁₁m₂₁m₂₂.
            s11, s12, s21, s22 = along[0], along[1], along[2], along[3]
            found[row] = s21 * s22 + s11 * s12 * (1.0 - s22) + s11 * s22 * (1.0 - s21)
    return found


def interface_quadrature(ell: Floats, vertices: Floats) -> Quadrature:
    """Quadrature on the zero set of ℓ in each simplex; weights sum to its area (length in 2-D).

    Parameters
    ----------
    ell : ndarray, shape (n, d+1)
        Values of ℓ at the vertices, of both signs in each row.
    vertices : ndarray, shape (n, d+1, d)
        Å.
    """
    corners = ell.shape[1]
    points = edge_points(ell)
    # Of three or four points NaN-padding leaves the fourth out.
    pieces = np.ones(len(ell), dtype=np.int64)
    if corners == 4:
        pieces += np.isfinite(points[:, 3, 0])
    element = np.repeat(np.arange(len(ell)), pieces * (corners - 1))
    barycentric, weight = np.empty((len(element), corners)), np.empty(len(element))
    _fill_interface(points, pieces, np.ascontiguousarray(vertices), _rule(corners - 2), barycentric, weight)
    return Quadrature(element, barycentric, weight)


def _rule(k: int) -> Floats:
    """Barycentric points of the degree-2 rule on a k-simplex, shape (k+1, k+1); equal weights."""
    small = (1.0 - 1.0 / np.sqrt(k + 2.0)) / (k + 1.0)
    points: Floats = np.full((k + 1, k + 1), small) + np.eye(k + 1) * (1.0 - (k + 1) * small)
    return points


@compiled
def _fill_interface(
    points: Floats, pieces: Ints, vertices: Floats, rule: Floats, barycentric: Floats, weight: Floats
) -> None:
    count, corners, dim = vertices.shape
    corner, chosen = np.empty((dim, dim)), np.empty(dim, dtype=np.int64)
    at = 0
    for row in range(count):
        size = 0.0
        for axis in range(dim):
            low = high = vertices[row, 0, axis]
            for vertex in range(1, corners):
                low, high = min(low, vertices[row, vertex, axis]), max(high, vertices[row, vertex, axis])
            size = max(size, high - low)
        for piece in range(pieces[row]):
            # A segment 0 1, a triangle 0 1 2, or of a quadrangle the triangles 0 1 3 and 0 2 3.
            for k in range(dim):
                chosen[k] = k
            if pieces[row] == 2:
                chosen[1], chosen[2] = piece + 1, 3
            for k in range(dim):
                for axis in range(dim):
                    corner[k, axis] = 0.0
                    for vertex in range(corners):
                        corner[k, axis] += points[row, chosen[k], vertex] * vertices[row, vertex, axis]
            measure = max(_measure(corner), SMALLEST * size ** (dim - 1))
            for node in range(dim):
                for vertex in range(corners):
                    barycentric[at, vertex] = 0.0
                    for k in range(dim):
                        barycentric[at, vertex] += rule[node, k] * points[row, chosen[k], vertex]
                weight[at] = measure / dim
                at += 1


@compiled
def _measure(corner: Floats) -> float:
    """Length of a segment in 2-D, area of a triangle in 3-D."""
    if len(corner) == 2:
        return float(np.hypot(corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1]))
    square = 0.0
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        part = (corner[1, j] - corner[0, j]) * (corner[2, k] - corner[0, k])
        part -= (corner[1, k] - corner[0, k]) * (corner[2, j] - corner[0, j])
        square += part * part
    return float(0.5 * np.sqrt(square))
