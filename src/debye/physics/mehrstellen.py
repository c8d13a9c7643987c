"""The high-order equation applied: Mehrstellen stencils away from the interface, window rows near it; compiled, 2-D.

Where a node and its eight neighbours lie on one side, with g = f(u)/λ_D² in the solvent and 0 in the solute,

    (4 Σ_near + Σ_far - 20) w / 6h² = g + (Σ_near - 4) g / 12

is of fourth order, of sixth where g = 0 (L. Collatz, The Numerical Treatment of Differential Equations, 1960). All rows
are scaled to those of the second-order matrix, so that its multigrid is a preconditioner.
"""

from __future__ import annotations

import numpy as np

from debye.physics.compiled import compiled
from debye.physics.fit import REACH, WINDOW

DIAGONAL = 10.0 / 3.0
"""Diagonal of the nine-point stencil -h²Δ."""


@compiled
def apply(w, g, scale, ring, weight, source, out):  # type: ignore[no-untyped-def]
    """Left-hand side of every row, zero on the box.

    Parameters
    ----------
    w, g : ndarray, shape (n, n)
        Nodal values; h² times the ionic term, 0 in the solute.
    scale : ndarray, shape (n, n)
        ε of each node's own side.
    ring : ndarray of int, shape (r,)
        Flat numbers of the nodes that have a window row.
    weight, source : ndarray, shape (r, WINDOW)
        `fit.window_rows`.
    out : ndarray, shape (n, n)
        Filled.
    """
    n = len(w)
    out[0], out[-1], out[:, 0], out[:, -1] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            near = w[i - 1, j] + w[i + 1, j] + w[i, j - 1] + w[i, j + 1]
            far = w[i - 1, j - 1] + w[i - 1, j + 1] + w[i + 1, j - 1] + w[i + 1, j + 1]
            ions = 8.0 * g[i, j] + g[i - 1, j] + g[i + 1, j] + g[i, j - 1] + g[i, j + 1]
            out[i, j] = scale[i, j] * ((20.0 * w[i, j] - 4.0 * near - far) / 6.0 + ions / 12.0)
    for r in range(len(ring)):
        i, j = ring[r] // n, ring[r] % n
        total = 0.0
        for k in range(WINDOW):
            a, b = i + k // (2 * REACH + 1) - REACH, j + k % (2 * REACH + 1) - REACH
            if 0 <= a < n and 0 <= b < n:
                total += weight[r, k] * w[a, b] + source[r, k] * g[a, b]
        out[i, j] = DIAGONAL * scale[i, j] * total


@compiled
def apply_near(w, scale, ring, weight, source, out):  # type: ignore[no-untyped-def]
    """Window rows of a w without ionic term, at their nodes in `out`, flat; arguments as in `apply`."""
    n = len(w)
    for r in range(len(ring)):
        i, j = ring[r] // n, ring[r] % n
        total = 0.0
        for k in range(WINDOW):
            a, b = i + k // (2 * REACH + 1) - REACH, j + k % (2 * REACH + 1) - REACH
            if 0 <= a < n and 0 <= b < n:
                total += weight[r, k] * w[a, b]
        out[ring[r]] = DIAGONAL * scale[i, j] * total


@compiled
def neighbours(n, number, ring):  # type: ignore[no-untyped-def]
    """Columns of the block of the ring's own unknowns, row by row, as in CSR; `number` is -1 off the ring."""
    start, columns = np.zeros(len(ring) + 1, dtype=np.int32), np.empty(len(ring) * WINDOW, dtype=np.int32)
    for r in range(len(ring)):
        i, j = ring[r] // n, ring[r] % n
        start[r + 1] = start[r]
        for k in range(WINDOW):
            a, b = i + k // (2 * REACH + 1) - REACH, j + k % (2 * REACH + 1) - REACH
            if 0 <= a < n and 0 <= b < n and number[a * n + b] >= 0:
                columns[start[r + 1]] = number[a * n + b]
                start[r + 1] += 1
    return start, columns[: start[-1]]


@compiled
def fill_band(band, width, place, slope, scale, ring, weight, source):  # type: ignore[no-untyped-def]
    """Put the block of the ring's own unknowns into LAPACK's band storage.

    `place` is each one's place in the band, `slope` h² times the derivative of the ionic term.
    """
    n = len(scale)
    for r in range(len(ring)):
        i, j = ring[r] // n, ring[r] % n
        row = place[ring[r]]
        for k in range(WINDOW):
            a, b = i + k // (2 * REACH + 1) - REACH, j + k % (2 * REACH + 1) - REACH
            if 0 <= a < n and 0 <= b < n and place[a * n + b] >= 0:
                column = place[a * n + b]
                entry = weight[r, k] + source[r, k] * slope[a, b]
                band[2 * width + row - column, column] = DIAGONAL * scale[i, j] * entry


@compiled
def find_ring(inside, near_interface):  # type: ignore[no-untyped-def]
    """Mark the inner nodes that lie within a 3x3 block of nodes of both sides; return how many there are."""
    n, count = len(inside), 0
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            own, other = inside[i, j], False
            for a in range(i - 1, i + 2):
                for b in range(j - 1, j + 2):
                    other |= inside[a, b] != own
            near_interface[i, j] = other
            count += other
    return count
