"""The outline of a solute as a closed line."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from bokeh.plotting import contour
from numpy.typing import NDArray

from debye.physics.molecule import Molecule
from debye.physics.shapes import Ball, Ellipsoid, level
from debye.serve.drawing import Solute

Floats = NDArray[np.float64]

POINTS = 241
"""Points of an outline that has a formula, and of the grid along each axis on which a molecule's is found."""


@lru_cache(maxsize=16)
def outline(solute: Solute, reach: float) -> tuple[Floats, Floats]:
    """Outline of a solute, x and y with NaN between parts; kept, for a charge is dragged in one solute.

    Parameters
    ----------
    solute : Solute
    reach : float
        Half width of the box; of a molecule nothing is drawn outside of it.

    Examples
    --------
    >>> x, y = outline(Ball((1.0, 0.0), 2.0), 16.0)
    >>> float(x[0]), float(y[0])
    (3.0, 0.0)
    """
    if isinstance(solute, Molecule):
        axis = np.linspace(-reach, reach, POINTS)
        points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        values = level(solute, points).reshape(POINTS, POINTS)
        lines = contour.contour_data(axis, axis, values, [0.0], want_fill=False).line_data
        return np.asarray(lines.xs[0]), np.asarray(lines.ys[0])
    angle = np.linspace(0.0, 2 * np.pi, POINTS)
    x, y = np.cos(angle), np.sin(angle)
    if isinstance(solute, Ball):
        x, y = solute.radius * x, solute.radius * y
    elif isinstance(solute, Ellipsoid):
        cosine, sine = math.cos(solute.angle), math.sin(solute.angle)
        x, y = solute.semi_axes[0] * x, solute.semi_axes[1] * y
        x, y = cosine * x - sine * y, sine * x + cosine * y
    else:
        modes = np.arange(2, len(solute.amplitudes) + 2)
        waves = np.cos(np.outer(angle, modes) + np.array(solute.phases)) @ np.array(solute.amplitudes)
        radius = solute.radius * (1.0 + waves)
        x, y = radius * x, radius * y
    return solute.center[0] + x, solute.center[1] + y
