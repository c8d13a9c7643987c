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


def without_compact(batch: Batch, grid: Grid, medium: Medium) -> Tensor:
    """G − S in the solute and 0 in the solvent, at the nodes: finite everywhere.

    Returns
    -------
    Tensor
        Shape (b, x, y[, z]), float64, kT/e.
    """
    depth = charge_depths(batch, grid)
    potential = batch.position.new_zeros(len(batch.position), *grid.shape)
    for charge, square in enumerate(square_distances(batch.position, grid)):
        shape = (-1, *(1,) * grid.dim)
        radius, weight = depth[:, charge].reshape(shape), batch.value[:, charge].reshape(shape)
        near = square < radius**2
        ratio = square / radius**2
        if grid.dim == 2:
            inner = 0.5 * (1 - ratio) - torch.log(radius)
        else:
            inner = (3 - ratio) / (2 * radius)
        # The square is kept off zero where the other branch counts: no infinity enters the sum.
        outer = _kernel(torch.where(near, radius**2, square), grid.dim)
        potential += weight * torch.where(near, inner, outer)
    potential *= prefactor(medium, medium.eps_solute, grid.dim)
    return torch.where(batch.level_set < 0, potential, torch.zeros_like(potential))


def screened_potential(batch: Batch, grid: Grid, medium: Medium) -> Tensor:
    """Debye-Hückel potential of the charges as if all were solvent, in the solvent; 0 in the solute.

    The formula of the boundary values "debye-huckel". Without ions it is the Coulomb potential of the solvent.

    Returns
    -------
    Tensor
        Shape (b, x, y[, z]), float64, kT/e.
    """
    outside = batch.level_set >= 0
    potential = batch.position.new_zeros(len(batch.position), *grid.shape)
    for charge, square in enumerate(square_distances(batch.position, grid)):
        weight = batch.value[:, charge].reshape(-1, *(1,) * grid.dim)
        # Only the solvent counts, and there no charge is near.
        square = torch.where(outside, square, torch.ones_like(square)).clamp(min=(0.1 * grid.spacing) ** 2)
        if math.isinf(medium.debye_length):
            kernel = _kernel(square, grid.dim)
        elif grid.dim == 2:
            kernel = torch.special.modified_bessel_k0(square.sqrt() / medium.debye_length)
        else:
            distance = square.sqrt()
            kernel = torch.exp(-distance / medium.debye_length) / distance
        potential += weight * kernel
    potential *= prefactor(medium, medium.eps_solvent, grid.dim)
    return torch.where(outside, potential, torch.zeros_like(potential))


def smeared_charges(batch: Batch, grid: Grid, medium: Medium) -> Tensor:
    """Right-hand side of the equation for u − S: every charge spread evenly over the ball in which its S lives.

    −∇·(ε⁻ ∇(u − S)) = C q / |ball of radius R|, since the Laplacian of S is that of the point charge less a constant.

    Returns
    -------
    Tensor
        h² C ρ / ε⁺ at the nodes, shape (b, x, y[, z]), float64, kT/e; the nodes' charges add up to the charge.
    """
    depth = charge_depths(batch, grid)
    density = batch.position.new_zeros(len(batch.position), *grid.shape)
    for charge, square in enumerate(square_distances(batch.position, grid)):
        radius = depth[:, charge].reshape(-1, *(1,) * grid.dim)
        # The part of a node's cell in the ball, as if its surface were flat and across the cell.
        share = ((radius - square.sqrt()) / grid.spacing + 0.5).clamp(0.0, 1.0)
        whole = share.flatten(1).sum(1).clamp(min=1e-9)
        density += (batch.value[:, charge] / whole).reshape(-1, *(1,) * grid.dim) * share
    return medium.coupling / medium.eps_solvent * grid.spacing ** (2 - grid.dim) * density
