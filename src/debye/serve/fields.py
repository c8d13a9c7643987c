"""What the picture shows of a potential: values between the nodes, isolines, a colour scale that holds still.

Between nodes w is interpolated and the Coulomb part added in closed form, so that the peak at a charge is where the
charge is, on no node. In cells that the interface crosses, where w jumps and u has a kink, the immersed elements of the
solver are evaluated, for a network's answer too: interpolated, u would be wrong there by kT/e.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from bokeh.plotting import contour
from numpy.typing import NDArray

from debye.analysis.figures import POTENTIAL_QUANTILE, robust_limit
from debye.parameters import Grid, Medium
from debye.physics.charges import PointCharges, coulomb_potential

Floats = NDArray[np.float64]

FINER = 3
"""Pixels of the picture in a cell, along each axis."""
HUGE = 1e3
"""kT/e that stand for infinity, at a charge."""
LEAST = 1e-9
"""kT/e; no colour scale ends below, whatever charges were drawn."""
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True)
class Field:
    """A potential at the nodes, and what it is made of."""

    grid: Grid
    regular: Floats
    """w, (cells+1, cells+1), kT/e."""
    level_set: Floats
    """(cells+1, cells+1), negative in the solute."""
    charges: PointCharges
    medium: Medium
    evaluate: Callable[[Floats], Floats]
    """U at points (n, 2), with immersed elements."""

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Nodes in the solute."""
        return self.level_set < 0

    @cached_property
    def potential(self) -> Floats:
        """U at the nodes; ±inf where one holds a charge."""
        potential = np.array(self.regular, dtype=float)
        points = self.grid.points()[self.inside.ravel()]
        potential[self.inside] += coulomb_potential(points, self.charges, self.medium)
        return potential

    def at(self, points: Floats) -> Floats:
        """U at points (n, 2) in the box, shape (n,), kT/e; finite."""
        place = (points + self.grid.half_width) / self.grid.spacing
        cell = np.clip(np.floor(place).astype(np.intp), 0, self.grid.cells - 1)
        s, t = (place - cell).T
        weights = np.stack([(1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t])
        low = cell @ np.array([self.grid.cells + 1, 1])
        corners = low + np.array([0, 1, self.grid.cells + 1, self.grid.cells + 2])[:, None]
        inside = self.inside.ravel()[corners]
        deep, cut = inside.all(axis=0), inside.any(axis=0)
        cut &= ~deep
        found = (weights * self.regular.ravel()[corners]).sum(axis=0)
        found[deep] += coulomb_potential(points[deep], self.charges, self.medium)
        if cut.any():
            found[cut] = self.evaluate(points[cut])
        return np.asarray(np.clip(found, -HUGE, HUGE))

    @cached_property
    def picture(self) -> Floats:
        """U on the picture's own points, x along axis 0; see `axis_of`."""
        axis = axis_of(self.grid)
        points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        return self.at(points).reshape(len(axis), len(axis))

    @property
    def limit(self) -> float:
        """Limit of its colour scale, kT/e."""
        return scale(robust_limit([self.potential], POTENTIAL_QUANTILE))


def axis_of(grid: Grid) -> Floats:
    """Coordinates of the picture's points along an axis, Å."""
    return np.linspace(-grid.half_width, grid.half_width, FINER * grid.cells + 1)


def scale(limit: float) -> float:
    """Next round number, so that a scale does not creep while a charge is dragged.

    Examples
    --------
    >>> scale(2.3), scale(0.0071), scale(1.0)
    (3.0, 0.01, 1.0)
    """
    limit = max(limit, LEAST)
    decade = 10.0 ** math.floor(math.log10(limit) + 1e-9)
    return next((decade * step for step in STEPS if decade * step >= limit * (1 - 1e-9)), 10 * decade)


def levels(limit: float) -> list[float]:
    """Positive levels of the isolines, in steps of about three, so that the weak potential in the solvent shows too.

    Examples
    --------
    >>> levels(2.0)
    [0.01, 0.03, 0.1, 0.3, 1.0]
    """
    top = 10.0 ** math.floor(math.log10(limit) + 1e-9)
    return [float(f"{top * step:.12g}") for step in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0) if top * step < limit]


def isolines(field: Floats, axis: Floats, at: list[float]) -> dict[str, NDArray[np.float32]]:
    """Isolines of a picture as one line with gaps: columns x and y.

    Parameters
    ----------
    field : ndarray
        x along axis 0.
    axis : ndarray
        Coordinates along either axis.
    at : list of float
        Levels, rising.
    """
    lines = contour.contour_data(axis, axis, field.T, at, want_fill=False).line_data
    gap = np.array([np.nan])
    columns = {}
    for name in ("xs", "ys"):
        parts = [part for line in getattr(lines, name) if len(line) for part in (line, gap)]
        columns[name[0]] = np.concatenate(parts or [gap]).astype(np.float32)
    return columns


def relative(difference: Floats, reference: Floats) -> float:
    """Relative L2 difference over the nodes at which the reference is finite; 0 where both vanish."""
    known = np.isfinite(reference) & np.isfinite(difference)
    size = float(np.linalg.norm(reference[known]))
    found = float(np.linalg.norm(difference[known]))
    return found / size if size else math.inf if found else 0.0
