"""What the level set says of Γ at the nodes near it: normal, curvature, foot point; and values beside it.

For a signed distance |∇φ| = 1, n = ∇φ, x − φ n is the foot point on Γ, and Δφ is the sum of the principal curvatures
of the level surface through x. Each of these, k, is k/(1 − φk) on Γ itself, so that with S = Δφ and, in 3-D, the
product K = ½ (S² − |∇∇φ|²) of the two,

    H = (S − 2 φ K) / (1 − φ S + φ² K),      in 2-D with K = 0:  H = S / (1 − φ S).

H > 0 where the solute is convex: 1/a for a disc and 2/a for a ball of radius a. Where two points of Γ are equally near,
and at the corners of Γ itself, φ has a kink and ∇φ, by central differences, is shorter than 1: nodes where |∇φ| differs
from 1 by more than `KINK` have neither normal nor curvature. That leaves out the nodes where n turns by more than some
16° from one neighbour to the other, and every level set that is not a distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from debye.analysis.nodes import Floats, Mask, Nodes

KINK = 0.01
"""Largest | |∇φ| − 1 | at which a node counts as having one nearest point on Γ."""


@dataclass(frozen=True)
class Near:
    """Nodes near Γ that have one nearest point on it; arrays of n nodes, in the order of samples and nodes."""

    sample: NDArray[np.intp]
    """(n,)"""
    node: NDArray[np.intp]
    """(n,)"""
    normal: Floats
    """From solute to solvent, (n, dim)."""
    foot: Floats
    """Nearest points on Γ, (n, dim), Å."""


def near_interface(nodes: Nodes, width: float) -> Near:
    """Nodes with |φ| < `width` cells that have a normal; none on the border of the box."""
    sample, node = _candidates(nodes, width)
    gradient = np.stack([(above - below) / (2 * nodes.grid.spacing) for below, above in
                         (_neighbours(nodes, sample, node, step) for step in _strides(nodes))], axis=1)  # fmt: skip
    length = np.sqrt((gradient**2).sum(axis=1))
    kept = np.abs(length - 1.0) <= KINK
    sample, node = sample[kept], node[kept]
    normal = gradient[kept] / length[kept, None]
    foot = nodes.grid.points()[node] - nodes.level_set[sample, node, None] * normal
    return Near(sample, node, normal, foot)


def curvature(nodes: Nodes, near: Near) -> Floats:
    """Curvature H of Γ at the foot points, the sum of the principal curvatures, (n,), 1/Å; see the head of this module.

    Examples
    --------
    >>> from debye import schema
    >>> from debye.analysis.errors import potential_error
    >>> from debye.config import Analysis
    >>> disc = schema.mock(1)
    >>> errors = potential_error(disc.assign(potential=disc["regular_potential"]), disc["regular_potential"])
    >>> nodes = Nodes(errors, Analysis(bands=(-1, 1), near_charge=2.0))
    >>> radius = float(disc["geometry_parameter"][0, 2])
    >>> bool(abs(radius * curvature(nodes, near_interface(nodes, 2.0)).mean() - 1.0) < 0.05)
    True
    """
    spacing, strides = nodes.grid.spacing, _strides(nodes)
    middle = nodes.level_set[near.sample, near.node]
    second = [
        (below - 2 * middle + above) / spacing**2
        for below, above in (_neighbours(nodes, near.sample, near.node, step) for step in strides)
    ]
    trace: Floats = np.sum(second, axis=0)
    gauss = np.zeros_like(trace)
    if nodes.grid.dim == 3:
        square: Floats = np.sum([one**2 for one in second], axis=0)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            (aa, ab), (ba, bb) = (
                _neighbours(nodes, near.sample, near.node + sign * strides[one], strides[other])
                for sign in (-1, 1)
            )
            square += 2 * ((aa - ab - ba + bb) / (4 * spacing**2)) ** 2
        gauss = 0.5 * (trace**2 - square)
    moved = 1.0 - middle * trace + middle**2 * gauss
    # Within the width of the band a distance without a kink keeps this far from zero.
    result: Floats = (trace - 2 * middle * gauss) / np.where(moved > 0.1, moved, np.nan)
    return result


def interpolate(
    nodes: Nodes, sample: NDArray[np.intp], points: Floats, fields: tuple[Floats, ...], inside: bool
) -> tuple[tuple[Floats, ...], Mask]:
    """Multilinear interpolation of fields at points, from the corners on one side of Γ alone.

    Parameters
    ----------
    nodes : Nodes
    sample : ndarray, shape (n,)
        Sample of each point.
    points : ndarray, shape (n, dim)
        Å.
    fields : tuple of ndarray, shape (sample, node)
    inside : bool
        The side: solute or solvent.

    Returns
    -------
    values : tuple of ndarray, shape (n,)
        NaN where the point lies outside the box or in a cell without a corner on that side. In a cell that Γ cuts the
        weights of the corners on that side are scaled up to 1: first order in h, second elsewhere.
    whole : ndarray, shape (n,)
        Whether all corners are on that side.
    """
    grid, strides = nodes.grid, _strides(nodes)
    place = (points + grid.half_width) / grid.spacing
    within: Mask = np.all((place >= 0) & (place <= grid.cells), axis=1)
    cell = np.clip(np.floor(np.where(within[:, None], place, 0.0)).astype(int), 0, grid.cells - 1)
    offset = place - cell
    sums, total, whole = [np.zeros(len(points)) for _ in fields], np.zeros(len(points)), within.copy()
    for corner in product((0, 1), repeat=grid.dim):
        node, weight = np.zeros(len(points), dtype=int), np.ones(len(points))
        for axis, up in enumerate(corner):
            node += (cell[:, axis] + up) * strides[axis]
            weight = weight * (offset[:, axis] if up else 1.0 - offset[:, axis])
        here = (nodes.level_set[sample, node] < 0) == inside
        whole &= here
        weight = np.where(here, weight, 0.0)
        total += weight
        for sum_, field in zip(sums, fields, strict=True):
            sum_ += weight * field[sample, node]
    divisor = np.where(within & (total > 0), total, np.nan)
    return tuple(sum_ / divisor for sum_ in sums), whole


def _strides(nodes: Nodes) -> list[int]:
    """Steps from a node to its neighbour along each axis."""
    return [(nodes.grid.cells + 1) ** (nodes.grid.dim - 1 - axis) for axis in range(nodes.grid.dim)]


def _candidates(nodes: Nodes, width: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Nodes with |φ| < `width` cells that are not on the border of the box: samples and nodes."""
    inner = np.zeros(nodes.grid.shape, dtype=bool)
    inner[(slice(1, -1),) * nodes.grid.dim] = True
    sample, node = np.nonzero((np.abs(nodes.distance) < width) & inner.ravel())
    return sample, node


def _neighbours(
    nodes: Nodes, sample: NDArray[np.intp], node: NDArray[np.intp], step: int
) -> tuple[Floats, Floats]:
    """φ a step below and a step above nodes."""
    return nodes.level_set[sample, node - step], nodes.level_set[sample, node + step]
