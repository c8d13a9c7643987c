"""Where the interface is in a cell, from the signed distance at the nodes."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from debye.parameters import Grid


def normals(level_set: Tensor, grid: Grid) -> tuple[Tensor, ...]:
    """Unit normals to the level lines from solute to solvent, one array (b, x, y[, z]) a component."""
    axes = tuple(range(1, level_set.ndim))
    slopes = torch.gradient(level_set, spacing=grid.spacing, dim=axes)
    length = torch.stack(list(slopes)).square().sum(0).sqrt().clamp(min=1e-6)
    return tuple(slope / length for slope in slopes)


def volume_fraction(level_set: Tensor, grid: Grid) -> Tensor:
    """Part of solvent in the cube of edge h around each node, 0 to 1, where the interface is a plane in it.

    A point uniform in the cube lies n·y beyond its centre, a sum of independent uniform variables with the widths
    a_k = h |n_k|; their distribution function at φ is a sum over the corners of the cube,
    Σ_s (Π_k s_k) (φ + ½ Σ_k s_k a_k)₊^d / (d! Π_k a_k) (Irwin-Hall; W. J. Rider & D. B. Kothe, J. Comput. Phys. 141
    (1998), do the same geometrically).

    Parameters
    ----------
    level_set : Tensor
        Signed distance at the nodes, shape (b, x, y[, z]), Å.

    Returns
    -------
    Tensor
        The same shape and type.

    Examples
    --------
    An interface along y, a quarter of a cell beyond the nodes of the middle column: these keep a quarter of solvent.

    >>> grid = Grid(cells=4, half_width=2.0)
    >>> line = (torch.as_tensor(grid.axis)[:, None] - 0.25).expand(grid.shape)[None]
    >>> volume_fraction(line, grid)[0, :, 0].round(decimals=4)
    tensor([0.0000, 0.0000, 0.2500, 1.0000, 1.0000], dtype=torch.float64)
    """
    distance = level_set.double() / grid.spacing
    # A width of zero would be 0/0; 1e-3 of a cell changes the fraction by less than that.
    widths = [part.abs().clamp(min=1e-3) for part in normals(level_set.double(), grid)]
    total = torch.zeros_like(distance)
    for signs in itertools.product((1.0, -1.0), repeat=grid.dim):
        shift = sum(0.5 * sign * width for sign, width in zip(signs, widths, strict=True))
        total += math.prod(signs) * (distance + shift).clamp(min=0.0) ** grid.dim
    volume = math.prod(widths[1:], start=widths[0]) * math.factorial(grid.dim)
    # Far from the interface the terms are large and cancel.
    fraction = torch.where(distance.abs() < grid.dim**0.5, total / volume, (distance > 0).double())
    return fraction.clamp(0.0, 1.0).to(level_set.dtype)
