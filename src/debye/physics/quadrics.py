"""Distance to balls and ellipsoids in 2-D and 3-D, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled

Floats = NDArray[np.float64]

STEPS = 100
"""Most steps of Newton's method for an ellipsoid; it ends at round-off after some four."""


@compiled
def ball_distances(points: Floats, center: Floats, radius: float) -> Floats:
    """Signed distance at points (n, dim), shape (n,)."""
    found = np.empty(len(points))
    for i in range(len(points)):
        square = 0.0
        for axis in range(len(center)):
            away = points[i, axis] - center[axis]
            square += away * away
        found[i] = np.sqrt(square) - radius
    return found


@compiled
def _local(point: Floats, center: Floats, cosine: float, sine: float, local: Floats) -> None:
    """Coordinates of a point in the frame of an ellipsoid that is turned in the x-y plane."""
    x, y = point[0] - center[0], point[1] - center[1]
    local[0], local[1] = x * cosine + y * sine, y * cosine - x * sine
    if len(center) > 2:
        local[2] = point[2] - center[2]


@compiled
def _level(local: Floats, axes: Floats) -> float:
    total = 0.0
    for axis in range(len(axes)):
        share = local[axis] / axes[axis]
        total += share * share
    return total - 1.0


@compiled
def ellipsoid_levels(points: Floats, center: Floats, axes: Floats, cosine: float, sine: float) -> Floats:
    """Σ (y_i/a_i)² - 1 at points (n, dim), shape (n,)."""
    found, local = np.empty(len(points)), np.empty(len(axes))
    for i in range(len(points)):
        _local(points[i], center, cosine, sine, local)
        found[i] = _level(local, axes)
    return found


@compiled
def ellipsoid_distances(points: Floats, center: Floats, axes: Floats, cosine: float, sine: float) -> Floats:
    """Signed distance at points (n, dim), shape (n,); the sign is that of `ellipsoid_levels`.

    The closest point has the coordinates a_i² y_i/(s + e_i), e_i = a_i² - min a²; writing it in s and not in s - min a²
    keeps the digits of a small s. With p_i = a_i y_i/(s + e_i), 1/|p| - 1 rises and is concave on s > 0, and nearly
    straight: Newton's method climbs to its root from the left in a few steps (J. J. Moré and D. C. Sorensen, Computing
    a trust region step, SIAM J. Sci. Stat. Comput. 4, 1983, for the same equation).
    """
    dim, least = len(axes), axes[0]
    for axis in range(1, dim):
        least = min(least, axes[axis])
    found, local, y = np.empty(len(points)), np.empty(dim), np.empty(dim)
    excess = axes * axes - least * least
    for i in range(len(points)):
        _local(points[i], center, cosine, sine, local)
        s = -np.inf
        for axis in range(dim):
            # On an axis of symmetry the closest point is a limit: a nudge far below round-off of the result takes it.
            y[axis] = max(abs(local[axis]), 1e-14 * least)
            s = max(s, axes[axis] * y[axis] - excess[axis])
        for _ in range(STEPS):
            total, slope = 0.0, 0.0
            for axis in range(dim):
                inverse = 1.0 / (s + excess[axis])
                ratio = axes[axis] * y[axis] * inverse
                total += ratio * ratio
                slope += ratio * ratio * inverse
            step = total * (np.sqrt(total) - 1.0) / slope
            # Round-off alone takes a step back.
            if not step > 1e-15 * s:
                break
            s += step
        square = 0.0
        for axis in range(dim):
            away = y[axis] - axes[axis] * axes[axis] * y[axis] / (s + excess[axis])
            square += away * away
        found[i] = -np.sqrt(square) if _level(local, axes) < 0.0 else np.sqrt(square)
    return found
