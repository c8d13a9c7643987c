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

from debye.learning.channels import volume_fraction
from debye.parameters import Grid, Medium

Corners = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

LOWER: Corners = ((0, 0), (1, 0), (1, 1))
UPPER: Corners = ((0, 0), (0, 1), (1, 1))
"""Corners of the two triangles of a cell, in cells from its first node; the middle one holds the right angle."""


class Edges(NamedTuple):
    """Weights of the edges that start at a node, each (b, x, y), in units of ε⁺; 0 where an edge would leave the grid."""

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
    x, y, rising = _one_way(distance, medium)
    mirrored_x, mirrored_y, falling = (part.flip(2) for part in _one_way(distance.flip(2), medium))
    return Edges(
        pad(0.5 * (x + mirrored_x), (0, 0, 0, 1)),
        pad(0.5 * (y + mirrored_y), (0, 1)),
        pad(0.5 * rising, (0, 1, 0, 1)),
        pad(0.5 * falling, (0, 1, 0, 1)),
    )


def ionic_weight(level_set: Tensor, grid: Grid, medium: Medium) -> Tensor:
    """h² κ² at the nodes of the solvent, times the part of solvent in the cell around them; (b, x, y), float64."""
    share = volume_fraction(level_set.double(), grid) * (level_set >= 0)
    return medium.screening / medium.eps_solvent * grid.spacing**2 * share


def _one_way(distance: Tensor, medium: Medium) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of edges along x, along y and rising, all cells cut along the rising diagonal; distances in cells."""
    samples, n, m = distance.shape
    x, y = distance.new_zeros(samples, n - 1, m), distance.new_zeros(samples, n, m - 1)
    lower, upper = _triangle(distance, LOWER, medium), _triangle(distance, UPPER, medium)
    x[:, :, :-1] += lower[0]
    y[:, 1:, :] += lower[1]
    y[:, :-1, :] += upper[0]
    x[:, :, 1:] += upper[1]
    return x, y, lower[2] + upper[2]


def _triangle(distance: Tensor, corners: Corners, medium: Medium) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the edges 0-1, 1-2 and 0-2 of one triangle of every cell, in units of ε⁺."""
    size = distance.shape[1] - 1
    values = torch.stack([distance[:, i : i + size, j : j + size] for i, j in corners])
    vertices = torch.tensor([[1.0, i, j] for i, j in corners], dtype=distance.dtype, device=distance.device)
    slopes = torch.linalg.inv(vertices)[1:].T
    gradient = torch.einsum("ic,i...->c...", slopes, values)
    length = gradient.square().sum(0).sqrt().clamp(min=1e-9)
    normal, line = gradient / length, values / length
    hinge = torch.einsum("ic,i...->c...", slopes, line.clamp(min=0.0))
    inner = medium.eps_solute / medium.eps_solvent
    s = (normal * hinge).sum(0)
    kink = -(1.0 - inner) * torch.einsum("ic,c...->i...", slopes, normal) / (1.0 - s + inner * s)
    outside = values >= 0
    cut = outside.any(0) & ~outside.all(0)
    kink = torch.where(cut, kink, torch.zeros_like(kink))
    flat = slopes.reshape(3, 2, *(1,) * (distance.ndim))
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
