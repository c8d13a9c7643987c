"""The equation's stiffness as images: edge weights of immersed P1 elements, from the signed distance at the nodes.

On a triangle cut by Γ the immersed basis is ψ_i = λ_i + c_i ω (docs/method.md, section 3), so that the gradients are

    ∇ψ_i = ∇λ_i − c_i g  in the solute,   ∇λ_i + c_i (n − g)  in the solvent,   g = ∇(Iℓ⁺),
    c_i = −(ε⁺ − ε⁻) n·∇λ_i / (ε⁺ (1 − s) + ε⁻ s),   s = n·g,

constant on each side, and the stiffness of an edge is −Σ_T ∫_T ε ∇ψ_i·∇ψ_j. A network cannot guess these numbers, which
contrast 40:1 within a cell; with them it can tell how far an image is from solving the equation. Differences from the
solver's matrix: here Γ is where the signed distance, linear between nodes, vanishes; no terms on facets; and every cell
is cut in two both ways and the mean is taken, so that the images have the symmetries of the square.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from debye.learning.fraction import volume_fraction
from debye.parameters import Grid, Medium

Corners = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

LOWER: Corners = ((0, 0), (1, 0), (1, 1))
UPPER: Corners = ((0, 0), (0, 1), (1, 1))
"""Corners of the two triangles of a cell, in cells from its first node; the middle one holds the right angle."""

SLOPES = {
    LOWER: [[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]],
    UPPER: [[0.0, -1.0], [-1.0, 1.0], [1.0, 0.0]],
}
"""Gradients of the barycentric coordinates of a triangle's corners, 1/cell."""


class Edges(NamedTuple):
    """Weights of the edges that start at a node, (b, x, y), in units of ε⁺; 0 where one would leave the grid."""

    x: Tensor
    """To (i+1, j)."""
    y: Tensor
    """To (i, j+1)."""
    rising: Tensor
    """To (i+1, j+1)."""
    falling: Tensor
    """From (i, j+1) to (i+1, j)."""


def edge_weights(level_set: Tensor, grid: Grid, medium: Medium) -> Edges:
    """Stiffness of all edges of a grid of squares.

    Parameters
    ----------
    level_set : Tensor
        Signed distance at the nodes, shape (b, x, y), Å.

    Returns
    -------
    Edges
        float64.
    """
    distance = level_set.double() / grid.spacing
    # A node on the interface belongs to the solvent, a hair beyond it: no division by zero.
    distance = torch.where(distance.abs() < 1e-6, torch.full_like(distance, 1e-6), distance)
    corners = torch.stack(
        [distance[:, :-1, :-1], distance[:, 1:, :-1], distance[:, :-1, 1:], distance[:, 1:, 1:]], dim=-1
    )
    outside = corners >= 0
    cut = outside.any(-1) & ~outside.all(-1)
    inner = medium.eps_solute / medium.eps_solvent
    # Half of the permittivity of a cell goes to each of its edges; a cell that is cut has its own numbers.
    solvent = outside[..., 0].to(distance.dtype)
    plain = torch.where(cut, torch.zeros_like(solvent), 0.5 * (solvent + inner * (1.0 - solvent)))
    none = torch.zeros_like(plain)
    cells = torch.stack([plain, plain, plain, plain, none, none])
    cells[:, cut] = _cell(corners[cut], inner)
    low_x, high_x, low_y, high_y, rising, falling = cells
    return Edges(
        pad(pad(low_x, (0, 1)) + pad(high_x, (1, 0)), (0, 0, 0, 1)),
        pad(pad(low_y, (0, 0, 0, 1)) + pad(high_y, (0, 0, 1, 0)), (0, 1)),
        pad(rising, (0, 1, 0, 1)),
        pad(falling, (0, 1, 0, 1)),
    )


def ionic_weight(level_set: Tensor, grid: Grid, medium: Medium) -> Tensor:
    """h² κ² at the nodes of the solvent, times the part of solvent in the cell around them; (b, x, y), float64."""
    share = volume_fraction(level_set.double(), grid) * (level_set >= 0)
    return medium.screening / medium.eps_solvent * grid.spacing**2 * share


def _cell(corners: Tensor, inner: float) -> Tensor:
    """Weights of the edges of cells, (6, k): at low and high y along x, at low and high x along y, rising, falling.

    `corners` (k, 4) are the distances at (0, 0), (1, 0), (0, 1) and (1, 1), `inner` is ε⁻/ε⁺.
    """
    ways = []
    for mirrored in (False, True):
        # Mirrored in y, the falling diagonal is the rising one.
        a, b, c, d = (corners[:, k] for k in ((2, 3, 0, 1) if mirrored else (0, 1, 2, 3)))
        bottom, right, low = _triangle(torch.stack([a, b, d]), LOWER, inner)
        left, top, high = _triangle(torch.stack([a, c, d]), UPPER, inner)
        none = torch.zeros_like(low)
        if mirrored:
            ways.append(torch.stack([top, bottom, left, right, none, low + high]))
        else:
            ways.append(torch.stack([bottom, top, left, right, low + high, none]))
    return 0.5 * (ways[0] + ways[1])


def _triangle(values: Tensor, corners: Corners, inner: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the edges 0-1, 1-2 and 0-2 of triangles with these distances at their corners (3, k)."""
    slopes = values.new_tensor(SLOPES[corners])
    gradient = torch.einsum("ic,i...->c...", slopes, values)
    length = gradient.square().sum(0).sqrt().clamp(min=1e-9)
    normal, line = gradient / length, values / length
    hinge = torch.einsum("ic,i...->c...", slopes, line.clamp(min=0.0))
    s = (normal * hinge).sum(0)
    kink = -(1.0 - inner) * torch.einsum("ic,c...->i...", slopes, normal) / (1.0 - s + inner * s)
    outside = values >= 0
    cut = outside.any(0) & ~outside.all(0)
    kink = torch.where(cut, kink, torch.zeros_like(kink))
    flat = slopes[..., None]
    low = flat - kink[:, None] * hinge
    high = flat + kink[:, None] * (normal - hinge)
    share = _share_outside(values)
    weights = []
    for i, j in ((0, 1), (1, 2), (0, 2)):
        below, above = (low[i] * low[j]).sum(0), (high[i] * high[j]).sum(0)
        weights.append(-0.5 * (inner * (1.0 - share) * below + share * above))
    return weights[0], weights[1], weights[2]


def _share_outside(values: Tensor) -> Tensor:
    """Part of a triangle where a linear function with these values (3, …) at its corners is positive."""
    outside = values >= 0
    share = outside.all(0).to(values.dtype)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        lone = (outside[i] != outside[j]) & (outside[j] == outside[k])
        one = torch.ones_like(share)
        corner = torch.where(lone, values[i] / torch.where(lone, values[i] - values[j], one), one)
        corner = corner * torch.where(lone, values[i] / torch.where(lone, values[i] - values[k], one), one)
        share = torch.where(lone, torch.where(outside[i], corner, 1.0 - corner), share)
    return share
