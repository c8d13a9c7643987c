"""Radial power spectra of the error and of the potential.

A field v on the N^d nodes −L, −L + h, …, L − h along each axis is multiplied with a Hann window along each axis,
W = Π ½ (1 + cos πx/L) / √(3/8), which vanishes on the border of the box and has mean square 1. With

    V_n = N^−d Σ_x W(x) v(x) exp(−πi n·(x + L)/L),      P_j = Σ_{j − ½ ≤ |n| < j + ½} |V_n|²

Parseval's identity is Σ_j P_j = N^−d Σ (W v)²: the power of a shell is its part of the windowed mean square. Shell j
has the wave number j/2L in cycles per Å; the last, N/2, holds the corners of the transform beyond it as well.

u is infinite at charges and w jumps at Γ, which would fill the spectrum of the potential at large wave numbers. Its
spectrum is that of u with each charge spread evenly over the ball that reaches from it to Γ: the field is the same
outside these balls, continuous, and finite everywhere. The error is the same for all of these potentials.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from debye.analysis.interface import interpolate
from debye.analysis.nodes import Floats, Nodes
from debye.parameters import Grid


def wave_numbers(grid: Grid) -> Floats:
    """Wave numbers of the shells, shape (N//2 + 1,), cycles per Å.

    Examples
    --------
    >>> wave_numbers(Grid(cells=4, half_width=8.0))
    array([0.    , 0.0625, 0.125 ])
    """
    return np.arange(grid.cells // 2 + 1) / (2 * grid.half_width)


def radial_power(field: Floats, grid: Grid) -> Floats:
    """Power P_j of a field in each shell.

    Parameters
    ----------
    field : ndarray, shape (cells+1,)*dim
    grid : Grid

    Returns
    -------
    ndarray, shape (N//2 + 1,)
        In squares of the field's unit.
    """
    shell, multiplicity = _shells(grid)
    transform = np.fft.rfftn(field[(slice(-1),) * grid.dim] * _window(grid)) / grid.cells**grid.dim
    power = multiplicity * (transform.real**2 + transform.imag**2)
    shells: NDArray[Any] = np.bincount(shell.ravel(), weights=power.ravel(), minlength=grid.cells // 2 + 1)
    return shells


def spectra(nodes: Nodes) -> Floats:
    """Power of the error and of the smeared potential, shape (sample, 2, shell), (kT/e)²."""
    # One sample at a time: a transform of several may be rounded otherwise, and takes more memory.
    pairs = zip(nodes.on_grid(nodes.error), smeared_potential(nodes), strict=True)
    return np.array([[radial_power(field, nodes.grid) for field in pair] for pair in pairs])


def smeared_potential(nodes: Nodes) -> Floats:
    """Potential u with each charge spread evenly over the ball that reaches to Γ, (sample, x, y[, z]), kT/e.

    A charge q at depth R has, with s = min(r, R), the potential (C q/2πε⁻) (½ (1 − s²/R²) − ln max(r, R)) in 2-D and
    (C q/4πε⁻) ((1 − s²/R²)/2R + 1/max(r, R)) in 3-D in place of G.
    """
    grid, points = nodes.grid, nodes.grid.points()
    sample, number = np.nonzero(nodes.charge)
    places = nodes.position[sample, number]
    (level,), _ = interpolate(nodes, sample, places, (nodes.level_set,), inside=True)
    depth = np.maximum(np.nan_to_num(-level), 1e-3 * grid.spacing)
    factor = nodes.coupling * (1.0 / (2 * np.pi * (grid.dim - 1) * nodes.medium["eps_solute"]))
    result = nodes.regular.copy()
    for row, place, radius, charge in zip(sample, places, depth, nodes.charge[sample, number], strict=True):
        inside = np.flatnonzero(nodes.level_set[row] < 0)
        square = ((points[inside] - place) ** 2).sum(axis=1)
        bowl = 0.5 * (1.0 - np.minimum(square / radius**2, 1.0))
        beyond = np.maximum(square, radius**2)
        kernel = bowl - 0.5 * np.log(beyond) if grid.dim == 2 else bowl / radius + 1.0 / np.sqrt(beyond)
        result[row, inside] += factor[row] * charge * kernel
    field: Floats = nodes.on_grid(result)
    return field


@cache
def _window(grid: Grid) -> Floats:
    one: Floats = (1.0 + np.cos(np.pi * grid.axis[:-1] / grid.half_width)) / 2 / np.sqrt(3 / 8)
    window = one
    for _ in range(grid.dim - 1):
        window = np.multiply.outer(window, one)
    return window


@cache
def _shells(grid: Grid) -> tuple[NDArray[np.intp], Floats]:
    """Shell of each coefficient of a real transform, and how many coefficients of the full one it stands for."""
    cells = grid.cells
    full = np.fft.fftfreq(cells, 1 / cells)
    half = np.fft.rfftfreq(cells, 1 / cells)
    axes = np.meshgrid(*(full,) * (grid.dim - 1), half, indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    alone = (axes[-1] == 0) | (2 * axes[-1] == cells)
    return np.minimum(np.floor(radius + 0.5).astype(int), cells // 2), np.where(alone, 1.0, 2.0)
