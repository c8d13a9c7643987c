"""Measured orders of convergence."""

import numpy as np


def fitted_rate(cells, errors):
    """Slope of log error against log h, and the table for an assertion's message."""
    rate = -np.polyfit(np.log(cells), np.log(errors), 1)[0]
    table = "\n".join(f"N = {n:4d}  {error:.3e}" for n, error in zip(cells, errors, strict=True))
    return rate, f"rate {rate:.2f}\n{table}"


def relative_l2(found, expected):
    """Nodal relative L2 norm of the difference."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
