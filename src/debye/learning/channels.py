"""The images that a network sees: of the charges, each linear in them, and of the shape."""

from __future__ import annotations

import torch
from torch import Tensor

from debye.learning.batch import Batch
from debye.learning.fraction import normals, volume_fraction
from debye.learning.singular import (
    coulomb_potential,
    prefactor,
    screened_potential,
    smeared_charges,
    without_compact,
)
from debye.learning.stiffness import edge_weights, ionic_weight
from debye.networks import ChargeChannel, ShapeChannel
from debye.parameters import Grid, Medium

NEAREST = 0.5
"""Cells from a charge within which the images of singular potentials no longer rise."""

BAND = 2.0
"""Half width in cells of the band around the interface in which its data J0 and J1 are shown."""


def charge_image(kind: ChargeChannel, batch: Batch, grid: Grid, medium: Medium) -> Tensor:
    """One charge channel, not scaled.

    Parameters
    ----------
    kind : str
        `charges`: cloud-in-cell, e or e/Å; `smeared`: each evenly in the ball in which its S lives, as a right-hand
        side in kT/e; `coulomb`: G in the solute, `compact`: its compactly supported part S,
        `screened`: the Debye-Hückel potential in the solvent, kT/e; `jump` and `flux_jump`: J0 = G in kT/e and
        J1 = ε⁻ ∂ₙG in kT/(e Å) at the nearest point of the interface, falling linearly to 0 over `BAND` cells from it.

    Returns
    -------
    Tensor
        Shape (b, x, y[, z]), float64; finite.
    """
    if kind == "charges":
        return cloud_in_cell(batch.position, batch.value, grid)
    if kind == "smeared":
        return smeared_charges(batch, grid, medium)
    if kind == "screened":
        return screened_potential(batch, grid, medium)
    if kind in ("jump", "flux_jump"):
        return interface_data(batch, grid, medium, flux=kind == "flux_jump")
    inside = batch.level_set < 0
    potential = coulomb_potential(batch.position, batch.value, grid, medium, NEAREST * grid.spacing)
    if kind == "compact":
        potential = potential - without_compact(batch, grid, medium)
    return torch.where(inside, potential, torch.zeros_like(potential))


def shape_images(kind: ShapeChannel, level_set: Tensor, grid: Grid, medium: Medium) -> list[Tensor]:
    """Images of one shape channel.

    Parameters
    ----------
    kind : str
        `mask`: 1 in the solute and 0 outside; `volume_fraction`: of solvent in the cell around each node, 0 to 1;
        `signed_distance`: in half widths of the box, negative in the solute; `stiffness`: the four edge weights and the
        ionic weight of `debye.learning.stiffness`.
    level_set : Tensor
        Signed distance at the nodes, shape (b, x, y[, z]), Å.

    Returns
    -------
    list of Tensor
        Each of the same shape.
    """
    if kind == "mask":
        return [(level_set < 0).to(level_set.dtype)]
    if kind == "volume_fraction":
        return [volume_fraction(level_set, grid)]
    if kind == "stiffness":
        return [*edge_weights(level_set, grid, medium), ionic_weight(level_set, grid, medium)]
    return [level_set / grid.half_width]


def cloud_in_cell(position: Tensor, value: Tensor, grid: Grid) -> Tensor:
    """Spread charges over the nodes of their cells, multilinearly.

    A charge gives a node the share Π_k max(0, 1 − |x_k − x_node,k| / h): the total charge and its first
    moment are kept (Hockney & Eastwood, *Computer Simulation Using Particles*, 1988, section 5-2).

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


def interface_data(batch: Batch, grid: Grid, medium: Medium, flux: bool) -> Tensor:
    """J0 = G or J1 = ε⁻ ∂ₙG at the nearest point of the interface, in a band around it; (b, x, y[, z]), float64."""
    distance = batch.level_set.double()
    normal = normals(distance, grid)
    fall = (1.0 - distance.abs() / (BAND * grid.spacing)).clamp(min=0.0)
    # Few nodes are near: they are taken out, all samples in one list.
    where = torch.nonzero(fall > 0, as_tuple=True)
    sample = where[0]
    axis = torch.as_tensor(grid.axis, dtype=torch.float64, device=distance.device)
    node = torch.stack([axis[index] for index in where[1:]], dim=-1)
    along = torch.stack([part[where] for part in normal], dim=-1)
    foot = node - distance[where][:, None] * along
    offset = foot[:, None, :] - batch.position[sample]
    # A charge on the interface, which no data set holds, must not make the image infinite.
    square = offset.square().sum(-1).clamp(min=(NEAREST * grid.spacing) ** 2)
    if flux:
        projected = (offset * along[:, None, :]).sum(-1)
        kernel = -projected / (square if grid.dim == 2 else square**1.5)
    else:
        kernel = -0.5 * torch.log(square) if grid.dim == 2 else square.rsqrt()
    eps = medium.eps_solute
    values = (
        (batch.value[sample] * kernel).sum(-1) * prefactor(medium, eps, grid.dim) * (eps if flux else 1.0)
    )
    image = torch.zeros_like(distance)
    image[where] = values * fall[where]
    return image
