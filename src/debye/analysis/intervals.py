"""Means with their two-sided 95 % intervals, after Student: what a few seeds can say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

QUANTILES = (
    12.7062,
    4.3027,
    3.1824,
    2.7764,
    2.5706,
    2.4469,
    2.3646,
    2.3060,
    2.2622,
    2.2281,
    2.2010,
    2.1788,
    2.1604,
    2.1448,
    2.1314,
    2.1199,
    2.1098,
    2.1009,
    2.0930,
    2.0860,
    2.0796,
    2.0739,
    2.0687,
    2.0639,
    2.0595,
    2.0555,
    2.0518,
    2.0484,
    2.0452,
    2.0423,
)
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
