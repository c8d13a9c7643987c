"""Features of a problem that tell whether it is like those of a training, and the words for where it is not.

All are taken from what a data set holds, level set and charges, so that a data set and a problem give the same numbers.
Lengths and charges are those of the problem as it is posed to the network (`debye.surrogate.scaling`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from debye.parameters import Grid

Floats = NDArray[np.float64]
Range = tuple[float, float]

BAND = 2.0
"""Cells on either side of the interface over which length and curvature of it are taken."""


SLACK = 0.01
"""Share of a range beyond its ends within which nothing is flagged: of charges drawn up to 0.1 none is 0.1."""


@dataclass(frozen=True)
class Feature:
    """One number of a problem, and from where on it is out of the ordinary."""

    words: str
    unit: str
    low: bool = True
    """Whether less than in any sample of the training is worth a flag."""
    high: bool = True


FEATURES: dict[str, Feature] = {
    "charges": Feature("number of charges", ""),
    "largest_charge": Feature("largest |q|", " e/Å"),
    "total_charge": Feature("Σ|q|", " e/Å"),
    "depth": Feature("depth of the shallowest charge", " Å", high=False),
    "area": Feature("area of the solute", " Å²"),
    "perimeter": Feature("length of the interface", " Å"),
    "curvature": Feature("largest curvature of the interface", " /Å", low=False),
    "solvent": Feature("largest |u| in the solvent", " kT/e", low=False),
}


def shape_features(level_sets: NDArray[np.floating], grid: Grid) -> list[dict[str, float]]:
    """Area, length and largest curvature of shapes, from their signed distances.

    Parameters
    ----------
    level_sets : ndarray, shape (b, x, y[, z])
        Å; a level set that is no distance gives numbers of no meaning beyond a comparison with its like.
    grid : Grid

    Returns
    -------
    list of dict
        `area` (volume in 3-D) and `perimeter` by counting nodes, to a few per cent; `curvature` is the largest |Δφ|
        of nodes within `BAND` cells of the interface, 1/Å.

    Examples
    --------
    >>> from debye.parameters import Grid
    >>> grid = Grid(cells=64, half_width=16.0)
    >>> distance = np.hypot(*grid.points().T).reshape(1, 65, 65) - 8.0
    >>> {name: round(value, 1) for name, value in shape_features(distance, grid)[0].items()}
    {'area': 201.1, 'perimeter': 49.0, 'curvature': 0.1}
    """
    h, dim = grid.spacing, grid.dim
    axes = tuple(range(1, dim + 1))
    phi = np.asarray(level_sets, dtype=float)
    # The share of each cell's volume that is solute, linear across the interface: smooth in the shape's size.
    area = np.clip(0.5 - phi / h, 0.0, 1.0).sum(axis=axes) * h**dim
    near = np.abs(phi) < BAND * h
    perimeter = near.sum(axis=axes) * h**dim / (2 * BAND * h)
    inner = (slice(None), *(slice(1, -1),) * dim)
    laplacian = -2.0 * dim * phi[inner]
    for axis in axes:
        for way in (slice(2, None), slice(None, -2)):
            shifted = list(inner)
            shifted[axis] = way
            laplacian += phi[tuple(shifted)]
    curvature = np.where(near[inner], np.abs(laplacian), 0.0).max(axis=axes) / h**2
    return [
        {"area": float(a), "perimeter": float(p), "curvature": float(c)}
        for a, p, c in zip(area, perimeter, curvature, strict=True)
    ]


def charge_features(
    positions: Floats, values: Floats, level_set: NDArray[np.floating], grid: Grid
) -> dict[str, float]:
    """Number, sizes and least depth of charges; the depth is interpolated from the level set at the nodes.

    Parameters
    ----------
    positions : ndarray, shape (n, dim)
        Å.
    values : ndarray, shape (n,)
        e/Å (e in 3-D).
    level_set : ndarray, shape (cells+1,)*dim
        Å.
    grid : Grid
    """
    place = ((np.asarray(positions) + grid.half_width) / grid.spacing).T
    size = np.abs(values)
    return {
        "charges": float(len(values)),
        "largest_charge": float(size.max()),
        "total_charge": float(size.sum()),
        "depth": float(-map_coordinates(np.asarray(level_set, dtype=float), place, order=1).max()),
    }


def solvent_feature(w: NDArray[np.floating], level_set: NDArray[np.floating]) -> dict[str, float]:
    """Largest |u| at a solvent node, kT/e: where sinh shows what a prediction is worth."""
    return {"solvent": float(np.abs(np.where(level_set >= 0, w, 0.0)).max())}


def ranges_of(features: Mapping[str, ArrayLike]) -> dict[str, Range]:
    """Least and greatest value of each feature."""
    return {name: (float(np.min(values)), float(np.max(values))) for name, values in features.items()}


def flags_of(
    features: Mapping[str, float], ranges: Mapping[str, Range], grid: Grid, where: str = "the training data"
) -> tuple[str, ...]:
    """Sentences that name what is outside of its range, what was found, and the range.

    Examples
    --------
    >>> flags_of({"charges": 9.0}, {"charges": (1.0, 6.0)}, Grid(cells=64, half_width=16.0))
    ('number of charges: 9, 1 to 6 in the training data',)
    """
    found = []
    for name, value in features.items():
        feature = FEATURES[name]
        low, high = ranges.get(name, (-np.inf, np.inf))
        slack = SLACK * (high - low) if np.isfinite([low, high]).all() else 0.0
        if (feature.low and value < low - slack) or (feature.high and value > high + slack):
            cells = f" ({value / grid.spacing:.2g} cells)" if name == "depth" else ""
            limits = f"{low:.3g} to {high:.3g}" if feature.low and feature.high else (
                f"at least {low:.3g}" if feature.low else f"at most {high:.3g}"
            )  # fmt: skip
            found.append(f"{feature.words}: {value:.3g}{feature.unit}{cells}, {limits} in {where}")
    return tuple(found)
