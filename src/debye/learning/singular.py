"""What the charges do in closed form: G in the solute, its compactly supported part, the screened potential outside.

With r the distance to a charge q, C the coupling and R the distance of the charge from the interface:

                 2-D                                          3-D
    G            −(C q/2πε⁻) ln r                             (C q/4πε⁻) / r
    S, r < R     −(C q/2πε⁻) (ln(r/R) + ½ (1 − (r/R)²))       (C q/4πε⁻) (1/r − (3 − (r/R)²)/(2R))
    screened     (C q/2πε⁺) K0(r/λ)                           (C q/4πε⁺) exp(−r/λ)/r

S has the singularity of G and vanishes with its first derivatives at r = R, so that it lives in the solute alone;
beyond R it is 0. G − S is finite at the charge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from debye.learning.batch import Batch
from debye.learning.bessel import k0_of_root
from debye.learning.nodes import Nodes
from debye.parameters import Grid, Medium


def square_distances(position: Tensor, grid: Grid) -> Iterator[Tensor]:
    """Squared distance of all nodes to one charge after the other, each of shape (b, x, y[, z]), Å²."""
    axis = torch.as_tensor(grid.axis, dtype=position.dtype, device=position.device)
    for charge in range(position.shape[1]):
        square = position.new_zeros(())
        for k in range(grid.dim):
            along = [len(axis) if number == k else 1 for number in range(grid.dim)]
            square = square + ((axis - position[:, charge, k, None]) ** 2).reshape(-1, *along)
        yield square


def prefactor(medium: Medium, eps: float, dim: int) -> float:
    """C/(2πε) in 2-D, C/(4πε) in 3-D, Å or kT Å/e²."""
    return medium.coupling / ((2 if dim == 2 else 4) * math.pi * eps)


def _kernel(square: Tensor, dim: int) -> Tensor:
    return -0.5 * torch.log(square) if dim == 2 else square.rsqrt()


def coulomb_potential(
    position: Tensor, value: Tensor, grid: Grid, medium: Medium, nearest: float = 0.0
) -> Tensor:
    """Potential G of the charges in an infinite medium with the solute's permittivity, at the nodes.

    The same formula as `debye.store.coulomb_potential`, for a batch on any device.

    Parameters
    ----------
    position, value : Tensor
        Shapes (b, c, dim) and (b, c), float64; value 0 where padded.
    nearest : float
        Distance from a charge within which the potential no longer rises, Å.

    Returns
    -------
    Tensor
        Shape (b, x, y[, z]), float64, kT/e; with `nearest` 0 not finite at a node that holds a charge.
    """
    potential = position.new_zeros(len(position), *grid.shape)
    for charge, square in enumerate(square_distances(position, grid)):
        kernel = _kernel(square.clamp(min=nearest**2), grid.dim)
        weight = value[:, charge].reshape(-1, *(1,) * grid.dim)
        # A padded charge may sit on a node: 0 times infinity must stay 0.
        potential += torch.where(weight == 0, torch.zeros_like(kernel), weight * kernel)
    return prefactor(medium, medium.eps_solute, grid.dim) * potential


def charge_depths(batch: Batch, grid: Grid) -> Tensor:
    """Distance R of every charge from the interface, shape (b, c), Å: the signed distance at the nodes, interpolated.

    At least a tenth of a cell, so that S is defined also where a charge has come too near.
    """
    spot = (batch.position + grid.half_width) / grid.spacing
    low = spot.floor().clamp(0, grid.cells - 1)
    share = spot - low
    corner, samples = low.long(), torch.arange(len(spot), device=spot.device)[:, None]
    depth = torch.zeros_like(batch.value)
    for number in range(2**grid.dim):
        bits = [(number >> k) & 1 for k in range(grid.dim)]
        index = [corner[..., k] + bit for k, bit in enumerate(bits)]
        weight = torch.ones_like(depth)
        for k, bit in enumerate(bits):
            weight = weight * (share[..., k] if bit else 1 - share[..., k])
        depth -= weight * batch.level_set[(samples, *index)]
    return depth.clamp(min=0.1 * grid.spacing)


def coulomb_inside(inside: Nodes, medium: Medium, nearest: float) -> Tensor:
    """G at the nodes of the solute, (m,), kT/e; `nearest` as in `coulomb_potential`, here positive."""
    potential = inside.zeros()
    for _, square, value in inside.charges():
        potential += (value * _kernel(square.clamp_(min=nearest**2), inside.grid.dim)).sum(0)
    return prefactor(medium, medium.eps_solute, inside.grid.dim) * potential


def without_compact(inside: Nodes, medium: Medium) -> Tensor:
    """G − S at the nodes of the solute: finite everywhere.

    Returns
    -------
    Tensor
        Shape (m,), float64, kT/e.
    """
    grid = inside.grid
    depths = charge_depths(inside.batch, grid)
    potential = inside.zeros()
    for which, square, value in inside.charges():
        radius = inside.per_sample(depths[:, which])
        limit = radius.square()
        # Beyond R it is G; within, the value of G at R and a parabola.
        bowl = (square / limit).neg_().add_(1.0).clamp_(min=0.0).mul_(0.5)
        if grid.dim == 3:
            bowl /= radius
        potential += (value * (_kernel(torch.maximum(square, limit), grid.dim) + bowl)).sum(0)
    return prefactor(medium, medium.eps_solute, grid.dim) * potential


def screened_potential(outside: Nodes, medium: Medium) -> Tensor:
    """Debye-Hückel potential of the charges at the nodes of the solvent, as if all were solvent.

    The formula of the boundary values "debye-huckel". Without ions it is the Coulomb potential of the solvent.

    Returns
    -------
    Tensor
        Shape (m,), float64, kT/e.
    """
    grid, length = outside.grid, medium.debye_length
    potential = outside.zeros()
    for _, square, value in outside.charges():
        # In the solvent no charge is near; a padded one may be.
        square.clamp_(min=(0.1 * grid.spacing) ** 2)
        if math.isinf(length):
            kernel = _kernel(square, grid.dim)
        elif grid.dim == 2:
            kernel = k0_of_root(square.div_(length**2))
        else:
            distance = square.sqrt()
            kernel = torch.exp(-distance / length) / distance
        potential += (value * kernel).sum(0)
    return prefactor(medium, medium.eps_solvent, grid.dim) * potential


def smeared_charges(nodes: Nodes, medium: Medium) -> Tensor:
    """Right-hand side of the equation for u − S: every charge spread evenly over the ball in which its S lives.

    −∇·(ε⁻ ∇(u − S)) = C q / |ball of radius R|, since the Laplacian of S is that of the point charge less a constant.

    Parameters
    ----------
    nodes : Nodes
        All nodes of the solute, and those less than a cell from it.

    Returns
    -------
    Tensor
        h² C ρ / ε⁺, shape (m,), float64, kT/e; the nodes' charges add up to the charge.
    """
    grid, samples = nodes.grid, len(nodes.batch.value)
    depths, density = charge_depths(nodes.batch, grid), nodes.zeros()
    for which, square, value in nodes.charges():
        radius = nodes.per_sample(depths[:, which])
        # The part of a node's cell in the ball, as if its surface were flat and across the cell.
        share = (radius - square.sqrt_()).div_(grid.spacing).add_(0.5).clamp_(0.0, 1.0)
        whole = share.new_zeros(len(share), samples).index_add_(1, nodes.sample, share).clamp_(min=1e-9)
        density += (value * share / nodes.per_sample(whole.T)).sum(0)
    return medium.coupling / medium.eps_solvent * grid.spacing ** (2 - grid.dim) * density
