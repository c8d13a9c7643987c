"""From a problem to what the network sees, and from what it returns back to the regular potential.

The network is an image-to-image map on the nodes of the grid. Channel 1 holds the charges, spread over the
nodes of their cell by cloud-in-cell (Hockney & Eastwood, *Computer Simulation Using Particles*, 1988,
section 5-2); channel 2 holds the shape. It returns one image, either

    total    u = w + χ_solute G      the physical potential, with the logarithm of every charge in it
    regular  w                       the regular potential, which jumps by G at the interface

and since G is known in closed form, either gives the other exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from debye.config import Network
from debye.parameters import Grid, Medium, Model


class Batch(NamedTuple):
    """Samples as they are read from a data set; `b` samples, at most `c` charges, grid `x, y[, z]`."""

    regular: Tensor
    """Regular potential w, shape (b, x, y[, z]), float32, kT/e."""
    level_set: Tensor
    """Signed distance to the interface, shape (b, x, y[, z]), float32, Å; < 0 in the solute."""
    position: Tensor
    """Positions of the charges, shape (b, c, dim), float64, Å; 0 where padded."""
    value: Tensor
    """Charges, shape (b, c), float64, e/Å in 2-D and e in 3-D; 0 where padded."""

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self))


class Normalization(Model):
    """Scales of the training split. Nothing is shifted: a problem without charges has the potential zero."""

    charge: float = Field(
        gt=0, description="root mean square of the charge channel over nodes and samples, e/Å or e"
    )
    target: float = Field(gt=0, description="root mean square of the target over nodes and samples, kT/e")


UNSCALED = Normalization(charge=1.0, target=1.0)


def cloud_in_cell(position: Tensor, value: Tensor, grid: Grid) -> Tensor:
    """Spread charges over the nodes of their cells, multilinearly.

    A charge gives a node the share Π_k max(0, 1 − |x_k − x_node,k| / h): the total charge and its first
    moment are kept.

    Parameters
    ----------
    position : Tensor
        Shape (b, c, dim), Å, inside the box.
    value : Tensor
        Shape (b, c); 0 where padded.
    grid : Grid
        Nodes, of any dimension.

    Returns
    -------
    Tensor
        Charge at the nodes, shape (b, x, y[, z]), in the unit of `value`.

    Examples
    --------
    >>> grid = Grid(cells=4, half_width=2.0)
    >>> nodes = cloud_in_cell(torch.tensor([[[0.25, 0.5]]]), torch.tensor([[1.0]]), grid)
    >>> nodes[0, 2:4, 2:4]
    tensor([[0.3750, 0.3750], [0.1250, 0.1250]])
    """
    axis = torch.as_tensor(grid.axis, dtype=position.dtype, device=position.device)
    hats = (1.0 - (position[..., None] - axis).abs() / grid.spacing).clamp(min=0.0)
    spread = value
    for k in range(grid.dim - 1):
        spread = spread[..., None] * hats[:, :, k].reshape(*value.shape, *(1,) * k, -1)
    # The last axis is where the charges are summed: in 2-D no array holds both charges and all nodes.
    return torch.einsum("bc...,bcn->b...n", spread, hats[:, :, grid.dim - 1])


def coulomb_potential(position: Tensor, value: Tensor, grid: Grid, medium: Medium) -> Tensor:
    """Potential G of the charges in an infinite medium with the solute's permittivity, at the nodes.

    The same formula as `debye.store.coulomb_potential`, for a batch on any device.

    Parameters
    ----------
    position, value : Tensor
        Shapes (b, c, dim) and (b, c), float64; value 0 where padded.

    Returns
    -------
    Tensor
        Shape (b, x, y[, z]), float64, kT/e; not finite at a node that holds a charge.
    """
    axis = torch.as_tensor(grid.axis, dtype=position.dtype, device=position.device)
    potential = position.new_zeros(len(position), *grid.shape)
    for charge in range(position.shape[1]):
        square = position.new_zeros(())
        for k in range(grid.dim):
            along = [len(axis) if number == k else 1 for number in range(grid.dim)]
            square = square + ((axis - position[:, charge, k, None]) ** 2).reshape(-1, *along)
        kernel = -torch.log(square) if grid.dim == 2 else square.rsqrt()
        weight = value[:, charge].reshape(-1, *(1,) * grid.dim)
        # A padded charge may sit on a node: 0 times infinity must stay 0.
        potential += torch.where(weight == 0, torch.zeros_like(kernel), weight * kernel)
    return medium.coupling / (4 * math.pi * medium.eps_solute) * potential


def shape_channel(level_set: Tensor, grid: Grid, kind: str) -> Tensor:
    """Channel 2: 1 in the solute and 0 outside ("mask"), or the signed distance in half widths of the box."""
    if kind == "mask":
        return (level_set < 0).to(level_set.dtype)
    return level_set / grid.half_width


def symmetry(field: Tensor, which: Tensor) -> Tensor:
    """Turn and mirror every image of a batch by one of the 8 symmetries of the square.

    Parameters
    ----------
    field : Tensor
        Shape (b, …, n, n); the last two axes are x and y.
    which : Tensor
        Integers 0 … 7, shape (b,): bit 0 mirrors x, bit 1 mirrors y, then bit 2 exchanges x and y.

    Returns
    -------
    Tensor
        A new batch of the same shape.
    """
    moved = torch.empty_like(field)
    which = which.to(field.device)
    for number in range(8):
        chosen = torch.nonzero(which == number).flatten()
        if len(chosen):
            images = field[chosen]
            mirrored = [axis for bit, axis in ((1, -2), (2, -1)) if number & bit]
            images = images.flip(mirrored) if mirrored else images
            moved[chosen] = images.transpose(-1, -2) if number & 4 else images
    return moved


@dataclass(frozen=True)
class Encoding:
    """What a network sees, what it is asked for, and the way back."""

    grid: Grid
    medium: Medium
    network: Network
    normalization: Normalization = UNSCALED

    def channels(self, batch: Batch) -> Tensor:
        """Input of the network, shape (b, 2, x, y[, z]), float32."""
        charges = cloud_in_cell(batch.position, batch.value, self.grid) / self.normalization.charge
        shape = shape_channel(batch.level_set, self.grid, self.network.shape_channel)
        return torch.stack([charges.float(), shape.float()], dim=1)

    def singular(self, batch: Batch) -> Tensor:
        """Part of the target beside w: χ_solute G for "total", 0 for "regular"; float64, kT/e."""
        if self.network.target == "regular":
            return torch.zeros_like(batch.regular, dtype=torch.float64)
        potential = coulomb_potential(batch.position, batch.value, self.grid, self.medium)
        return torch.where(batch.level_set < 0, potential, torch.zeros_like(potential))

    def target(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Normalised target and its weight.

        Returns
        -------
        target : Tensor
            Shape (b, 1, x, y[, z]), float32.
        weight : Tensor
            The same shape: 0 at a node that holds a charge, where u is infinite, and 1 elsewhere.
        """
        singular = self.singular(batch)
        # Of the singular part alone: a label that is not a number must not be masked but make the loss fail.
        known = torch.isfinite(singular)
        wanted = (batch.regular.double() + singular) / self.normalization.target
        wanted = torch.where(known, wanted, torch.zeros_like(wanted))
        return wanted.float()[:, None], known.float()[:, None]

    def regular(self, output: Tensor, batch: Batch) -> Tensor:
        """Regular potential from the output of the network.

        Parameters
        ----------
        output : Tensor
            Shape (b, 1, x, y[, z]).
        batch : Batch
            The samples; their `regular` is not looked at.

        Returns
        -------
        Tensor
            w, shape (b, x, y[, z]), float64, kT/e. Where a node holds a charge u says nothing of w; w is
            harmonic in the solute, and the mean over the neighbours stands in.
        """
        singular = self.singular(batch)
        known = torch.isfinite(singular)
        regular = output[:, 0].double() * self.normalization.target - singular
        return regular if bool(known.all()) else _bridge(regular, known)


def _bridge(field: Tensor, known: Tensor) -> Tensor:
    """Replace what is not known by the mean of the known nearest neighbours; (b, x, y[, z])."""
    values = torch.where(known, field, torch.zeros_like(field))
    total, count = torch.zeros_like(field), torch.zeros_like(field)
    for axis in range(1, field.ndim):
        for way in (1, -1):
            total += values.roll(way, axis)
            count += known.to(field.dtype).roll(way, axis)
    return torch.where(known, values, total / count.clamp(min=1.0))
