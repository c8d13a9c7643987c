"""The laws of the ions: f(u) = sinh u, or u, with integral and derivative, and a node's own equation with sinh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST_EXPONENT = 100.0
"""Beyond this |u|, sinh goes on as its tangent: still monotone, so the energy stays convex, and nothing overflows."""


def sinh(u: Floats) -> tuple[Floats, Floats, Floats]:
    """Sinh u with its integral and derivative (cosh u - 1, sinh u, cosh u), continued by the tangent for large |u|."""
    inner = np.clip(u, -LARGEST_EXPONENT, LARGEST_EXPONENT)
    over = u - inner
    value, slope = np.sinh(inner), np.cosh(inner)
    return slope - 1.0 + over * value + 0.5 * slope * over**2, value + slope * over, slope


def identity(u: Floats) -> tuple[Floats, Floats, Floats]:
    """The linear ionic term in the shape of `sinh`: (u²/2, u, 1)."""
    return 0.5 * u**2, u, np.ones_like(u)


def node_equation(balance: Floats, tau: Floats) -> Floats:
    """The u of balance·u + sinh u = tau for each node, by Newton's method from above, where it falls monotonically.

    Parameters
    ----------
    balance : ndarray, shape (n,)
        Positive, 1.
    tau : ndarray, shape (n,)
        1.

    Returns
    -------
    ndarray, shape (n,)
    """
    target = np.abs(tau)
    # Above the root of either term alone, of the continued sinh beyond its largest exponent.
    _, top, slope = sinh(np.array(LARGEST_EXPONENT))
    alone = np.where(target <= top, np.arcsinh(target), LARGEST_EXPONENT + (target - top) / slope)
    u = np.minimum(target / balance, alone)
    for _ in range(100):
        _, value, steepness = sinh(u)
        step = (balance * u + value - target) / (balance + steepness)
        u = u - step
        if (np.abs(step) <= 1e-14 * (1.0 + u)).all():
            break
    return np.copysign(u, tau)
