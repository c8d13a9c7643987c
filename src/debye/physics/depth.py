"""How deep a point lies in a shape: exact for a distance, by rays for any other level set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.physics.shapes import Shape, values_at

Floats = NDArray[np.float64]

REACH = 4.0
"""Length of a ray in cells: deeper than that counts as that deep."""

STEPS = 32
"""Looks along a ray."""

RAYS = {2: 64, 3: 400}
"""Number of rays from a point in 2-D and 3-D."""


def distance_inside(solute: Shape, points: Floats, spacing: float) -> Floats:
    """Distance to the interface at `points`, positive inside, shape (n,), Å.

    Where the shape says that it is a distance, it is taken at its word. Any other level set is asked along rays for
    the first point outside, because its values say nothing about lengths; the answer ends at `REACH` cells.
    """
    value = values_at(solute, points)
    if getattr(solute, "is_distance", False):
        return -value
    rays = _directions(points.shape[1])
    radii = np.linspace(0.0, REACH * spacing, STEPS + 1)
    distance = np.where(value < 0, radii[-1], -np.abs(value))
    for number in np.flatnonzero(value < 0):
        places = points[number] + radii[:, None, None] * rays
        outside = values_at(solute, places.reshape(-1, points.shape[1])).reshape(len(radii), len(rays)) >= 0
        hit = np.flatnonzero(outside.any(axis=0))
        if not hit.size:
            continue
        first = outside[:, hit].argmax(axis=0)
        low, high = radii[first - 1], radii[first]
        for _ in range(10):
            middle = 0.5 * (low + high)
            beyond = values_at(solute, points[number] + middle[:, None] * rays[hit]) >= 0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        distance[number] = low.min()
    return distance


def _directions(dim: int) -> Floats:
    """Unit vectors spread evenly, on a spiral in 3-D, shape (rays, dim)."""
    count = RAYS[dim]
    if dim == 2:
        angle = 2 * np.pi * np.arange(count) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    height = 1.0 - (2 * np.arange(count) + 1.0) / count
    turn = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    around = np.sqrt(1.0 - height**2)
    return np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1)
