"""Means with their two-sided 95 % intervals, after Student: what a few seeds can say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

QUANTILES = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
)  # fmt: skip
"""Student's t below which 97.5 % lie, for 1 to 30 degrees of freedom."""


def interval(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean of some values, and the interval that holds their expectation with 95 %.

    Parameters
    ----------
    values : sequence of float or None
        Two at least, one for each seed; None where there is no such figure.

    Returns
    -------
    dict
        `values` themselves, `mean`, `low` and `high`; the last three None where a value is missing.

    Examples
    --------
    >>> found = interval([1.0, 2.0, 3.0])
    >>> found["mean"], round(found["low"], 3), round(found["high"], 3)
    (2.0, -0.484, 4.484)
    """
    known = [value for value in values if value is not None]
    found: dict[str, Any] = {"values": list(values), "mean": None, "low": None, "high": None}
    if len(known) < len(values):
        return found
    mean = float(np.mean(known))
    half = QUANTILES[len(known) - 2] * float(np.std(known, ddof=1)) / math.sqrt(len(known))
    return found | {"mean": mean, "low": mean - half, "high": mean + half}


def change(values: Sequence[float | None], base: Sequence[float | None]) -> dict[str, Any]:
    """Interval of the mean difference of values from those of the base with the same seeds.

    Returns
    -------
    dict
        As of `interval`, and `separable`: whether 0 lies outside.

    Examples
    --------
    >>> change([2.0, 3.1], [1.0, 2.0])["separable"]
    True
    """
    pairs = zip(values, base, strict=True)
    found = interval([None if one is None or other is None else one - other for one, other in pairs])
    separable = found["mean"] is not None and not found["low"] <= 0.0 <= found["high"]
    return found | {"separable": separable}
