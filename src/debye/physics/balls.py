"""Signed distance to a union of balls, exact on both sides, in 2-D and 3-D.

Outside, it is the least |x - c_i| - R_i. Inside, let i be the ball in which x lies deepest. Every exposed point is at
least that depth away, so either the radial projection of x onto sphere i is exposed, and the distance is the depth;
or it is covered by another ball, and the nearest exposed point lies on an edge of the union: where two circles meet in
2-D, on an arc in which two spheres meet in 3-D. The edges are found once, as in M. L. Connolly, Analytical molecular
surface calculation, J. Appl. Cryst. 16 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAF = 256
"""Most points treated at once: they lie together, so few balls and arcs can be nearest to them."""

TOLERANCE = 1e-10
"""Depth, as a share of the largest radius, below which a ball does not count as covering a point of its surface."""

SHORTEST_ARC = 1e-7
"""Radians; a shorter exposed arc is round-off of none."""


class BallUnion:
    """A union of balls with its exposed edges.

    Parameters
    ----------
    centers : ndarray, shape (n, dim)
        Å.
    radii : ndarray, shape (n,)
        Positive, Å.

    Examples
    --------
    >>> pair = BallUnion(np.array([[-3.0, 0.0], [3.0, 0.0]]), np.array([5.0, 5.0]))
    >>> pair.corners.round(12) + 0.0
    array([[ 0.,  4.],
           [ 0., -4.]])
    >>> pair.signed_distance(np.array([[0.0, 0.0], [10.0, 0.0]]))
    array([-4.,  2.])
    """

    def __init__(self, centers: Floats, radii: Floats) -> None:
        kept = _not_contained(centers, radii)
        self.centers, self.radii = centers[kept], radii[kept]
        self._slack = TOLERANCE * float(radii.max())
        pairs = self._pairs()
        self._tabulate_neighbours(pairs)
        if centers.shape[1] == 2:
            self.corners = self._meeting_points(pairs)
        else:
            self.arcs = _Arcs(*self._exposed_arcs(pairs))
            self.corners = self.arcs.points(np.array([-1.0, 1.0]))
        self._corner_tree = cKDTree(self.corners)

    def signed_distance(self, points: Floats, deep: float = np.inf) -> Floats:
        """Signed distance to the surface of the union, negative inside.

        Parameters
        ----------
        points : ndarray, shape (m, dim)
            Å.
        deep : float
            Points deeper than this within one ball get the depth in that ball, which is at most the distance; saves
            time where the sign alone counts.

        Returns
        -------
        ndarray, shape (m,)
            Å.
        """
        found = np.empty(len(points))
        for rows in _leaves(points):
            block = points[rows]
            middle = 0.5 * (block.min(axis=0) + block.max(axis=0))
            reach = float(np.sqrt(((block - middle) ** 2).sum(axis=1).max()))
            gap, ball = self._nearest_ball(block, middle, reach)
            check = np.flatnonzero((gap < 0) & (gap >= -deep))
            covered = check[self._covered(block[check], ball[check])]
            if covered.size:
                gap[covered] = -self._to_edges(block[covered], middle, reach)
            found[rows] = gap
        return found

    def _nearest_ball(self, block: Floats, middle: Floats, reach: float) -> tuple[Floats, Ints]:
        """Least |x - c_i| - R_i and the ball that has it."""
        bound = np.sqrt(((self.centers - middle) ** 2).sum(axis=1)) - self.radii
        near = np.flatnonzero(bound <= bound.min() + 2 * reach)
        square = sum((block[:, axis, None] - self.centers[near, axis]) ** 2 for axis in range(block.shape[1]))
        gap = np.sqrt(square) - self.radii[near]
        best = gap.argmin(axis=1)
        return gap[np.arange(len(block)), best], near[best]

    def _covered(self, points: Floats, ball: Ints) -> Bools:
        """Whether the projection of each point onto the sphere of its ball lies inside another ball."""
        away = points - self.centers[ball]
        length = np.sqrt((away**2).sum(axis=1))
        # From the centre all directions are the same: either its sphere has no edge and any of them tells, or its
        # edge is as near as the rest of the sphere.
        away[length == 0.0, 0] = 1.0
        away /= np.where(length == 0.0, 1.0, length)[:, None]
        along = np.einsum("pkx,px->pk", self._toward[ball], away)
        return np.asarray((along > self._threshold[ball]).any(axis=1))

    def _to_edges(self, points: Floats, middle: Floats, reach: float) -> Floats:
        """Distance to the nearest exposed edge."""
        distance = self._corner_tree.query(points)[0]
        if points.shape[1] == 3:
            distance = np.minimum(distance, self.arcs.distance(points, middle, reach))
        return np.asarray(distance)

    def _pairs(self) -> Ints:
        """Pairs of balls whose surfaces meet, shape (pairs, 2)."""
        pairs = cKDTree(self.centers).query_pairs(2 * self.radii.max(), output_type="ndarray")
        first, second = pairs.T
        apart = np.sqrt(((self.centers[first] - self.centers[second]) ** 2).sum(axis=1))
        meet = apart < self.radii[first] + self.radii[second] - self._slack
        return np.asarray(pairs[meet], dtype=np.int64)

    def _tabulate_neighbours(self, pairs: Ints) -> None:
        """Row i: w = c_k - c_i of the balls k that meet ball i; k covers c_i + R_i u where u·w > threshold."""
        both = np.concatenate([pairs, pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        count = np.bincount(both[:, 0], minlength=len(self.radii))
        column = np.arange(len(both)) - np.repeat(np.cumsum(count) - count, count)
        shape = (len(self.radii), max(1, int(count.max())))
        first, second = both.T
        self._neighbour = np.full(shape, -1)
        self._neighbour[first, column] = second
        self._toward = np.zeros((*shape, self.centers.shape[1]))
        self._toward[first, column] = self.centers[second] - self.centers[first]
        square = (self._toward[first, column] ** 2).sum(axis=1)
        radius, other = self.radii[first], self.radii[second]
        self._threshold = np.full(shape, np.inf)
        self._threshold[first, column] = (radius**2 - other**2 + square) / (2 * radius) + self._slack

    def _circles(self, pairs: Ints) -> tuple[Floats, Floats, Floats]:
        """Centre, radius and unit axis of the circle (pair of points in 2-D) in which two spheres meet."""
        first, second = pairs.T
        axis = self.centers[second] - self.centers[first]
        apart = np.sqrt((axis**2).sum(axis=1))
        axis = axis / apart[:, None]
        along = (apart**2 + self.radii[first] ** 2 - self.radii[second] ** 2) / (2 * apart)
        radius = np.sqrt(np.maximum(self.radii[first] ** 2 - along**2, 0.0))
        return self.centers[first] + along[:, None] * axis, radius, axis

    def _meeting_points(self, pairs: Ints) -> Floats:
        """2-D: exposed points where two circles meet, shape (k, 2)."""
        centre, radius, axis = self._circles(pairs)
        across = radius[:, None] * np.stack([-axis[:, 1], axis[:, 0]], axis=1)
        points = np.concatenate([centre + across, centre - across])
        return points[~self._covered(points, np.tile(pairs[:, 0], 2))]

    def _exposed_arcs(self, pairs: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """3-D: centre, radius, frame and half the extent of the exposed arcs, as `_Arcs` takes them."""
        centre, radius, axis = self._circles(pairs)
        frame = _frames(axis)
        arcs: list[tuple[int, float, float]] = []
        for rows in np.array_split(np.arange(len(pairs)), 1 + len(pairs) // 4096):
            third = self._neighbour[pairs[rows, 0]]
            toward = self.centers[third] - centre[rows, None]
            flat = np.einsum("pkx,pfx->pkf", toward, frame[rows])
            excess = (toward**2).sum(axis=2) + radius[rows, None] ** 2 - self.radii[third] ** 2
            excess += 2 * self._slack * self.radii.max()
            most = 2 * radius[rows, None] * np.sqrt((flat**2).sum(axis=2))
            other = (third >= 0) & (third != pairs[rows, 1:])
            open_rows = np.flatnonzero(~(other & (excess < -most)).any(axis=1))
            partly = other & (np.abs(excess) < most)
            for row in open_rows:
                cutting = partly[row]
                middle = np.arctan2(flat[row, cutting, 1], flat[row, cutting, 0])
                half = np.arccos(excess[row, cutting] / most[row, cutting])
                arcs += [(rows[row], start, extent) for start, extent in _gaps(middle, half)]
        chosen = np.array([arc[0] for arc in arcs], dtype=np.int64)
        start, extent = np.array([arc[1:] for arc in arcs]).reshape(-1, 2).T
        turn = (start + 0.5 * extent)[:, None]
        one, two = frame[chosen].transpose(1, 0, 2)
        turned = np.cos(turn) * one + np.sin(turn) * two, np.cos(turn) * two - np.sin(turn) * one
        return centre[chosen], radius[chosen], np.stack([*turned, axis[chosen]], axis=1), 0.5 * extent


class _Arcs:
    """Exposed arcs in 3-D: x(θ) = centre + radius (cos θ e_0 + sin θ e_1), |θ| <= half; e_2 = e_0 × e_1."""

    def __init__(self, centre: Floats, radius: Floats, frame: Floats, half: Floats) -> None:
        self.centre, self.radius, self.frame, self.half = centre, radius, frame, half
        samples = 33
        self._tree = cKDTree(self.points(np.linspace(-1.0, 1.0, samples)))
        self._owner = np.tile(np.arange(len(half)), samples)
        # Half the longest way along an arc between two of its samples.
        self._spacing = float((radius * half).max(initial=0.0)) / (samples - 1)

    def points(self, shares: Floats) -> Floats:
        """Points at shares of half the arcs' extents, shape (shares * arcs, 3)."""
        angle = (shares[:, None] * self.half)[..., None]
        away = np.cos(angle) * self.frame[:, 0] + np.sin(angle) * self.frame[:, 1]
        return np.asarray((self.centre + self.radius[:, None] * away).reshape(-1, 3))

    def distance(self, points: Floats, middle: Floats, reach: float) -> Floats:
        """Distance to the nearest interior point of an arc, for points within `reach` of `middle`; inf if none."""
        nearest = self._tree.query(middle)[0]
        if not np.isfinite(nearest):
            return np.full(len(points), np.inf)
        samples = self._tree.query_ball_point(middle, nearest + 2 * reach + self._spacing)
        near = np.unique(self._owner[samples])
        offset = np.einsum("kfx,kx->fk", self.frame[near], self.centre[near] - middle)
        along, across, height = (points - middle) @ self.frame[near].transpose(1, 2, 0) - offset[:, None]
        ring = np.sqrt(along**2 + across**2)
        square = height**2 + (ring - self.radius[near]) ** 2
        square[along < ring * np.cos(self.half[near])] = np.inf
        return np.asarray(np.sqrt(square.min(axis=1)))


def _not_contained(centers: Floats, radii: Floats) -> Ints:
    """Balls that lie in no other; of equal ones the first."""
    slack = 1e-12 * radii.max()
    pairs = cKDTree(centers).query_pairs(np.ptp(radii) + 2 * slack, output_type="ndarray")
    larger = np.where(radii[pairs[:, 0]] >= radii[pairs[:, 1]], 0, 1)
    rows = np.arange(len(pairs))
    outer, inner = pairs[rows, larger], pairs[rows, 1 - larger]
    apart = np.sqrt(((centers[outer] - centers[inner]) ** 2).sum(axis=1))
    return np.setdiff1d(np.arange(len(radii)), inner[apart + radii[inner] <= radii[outer] + slack])


def _frames(axis: Floats) -> Floats:
    """Two unit vectors that make a right-handed frame with each axis, shape (n, 2, 3)."""
    # The coordinate axis least along it is never parallel to it.
    other = np.eye(3)[np.abs(axis).argmin(axis=1)]
    one = np.cross(axis, other)
    one /= np.sqrt((one**2).sum(axis=1))[:, None]
    return np.stack([one, np.cross(axis, one)], axis=1)


def _gaps(middle: Floats, half: Floats) -> list[tuple[float, float]]:
    """Starts and extents of what intervals middle ± half leave free of a circle."""
    if not middle.size:
        return [(0.0, 2 * np.pi)]
    # Angles are counted from the start of one interval.
    origin = middle[0] - half[0]
    start = np.mod(middle - half - origin, 2 * np.pi)
    start[0] = 0.0
    order = np.argsort(start)
    end = (start + 2 * half)[order]
    # What runs past the full turn covers the beginning.
    end = np.maximum.accumulate(np.maximum(end, end.max() - 2 * np.pi))
    until = np.append(start[order][1:], 2 * np.pi)
    free = until - end > SHORTEST_ARC
    return [(float(origin + a), float(b - a)) for a, b in zip(end[free], until[free], strict=True)]


def _leaves(points: Floats) -> Iterator[Ints]:
    """Rows of points that lie together, at most `LEAF` at a time."""
    if len(points) <= LEAF // 8:
        if len(points):
            yield np.arange(len(points))
        return
    stack: list[Any] = [cKDTree(points, leafsize=LEAF, balanced_tree=False).tree]
    while stack:
        node = stack.pop()
        if node.split_dim == -1:
            yield np.asarray(node.indices)
        else:
            stack += [node.lesser, node.greater]
