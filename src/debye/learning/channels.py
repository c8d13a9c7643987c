"""The images that a network sees: of the charges, each linear in them, and of the shape."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from debye.learning.batch import Batch
from debye.learning.fraction import normals, volume_fraction
from debye.learning.nodes import Nodes
from debye.learning.singular import (
    coulomb_inside,
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


class ChargeImages:
    """The charge channels of a batch, not scaled; what several of them need is computed once."""

    def __init__(self, batch: Batch, grid: Grid, medium: Medium) -> None:
        self.batch, self.grid, self.medium = batch, grid, medium

    def image(self, kind: ChargeChannel) -> Tensor:
        """One charge channel.

        Parameters
        ----------
        kind : str
            `charges`: cloud-in-cell, e or e/Å; `smeared`: each evenly in the ball in which its S lives, as a right-hand
            side in kT/e; `coulomb`: G in the solute, `compact`: its compactly supported part S,
            `screened`: the Debye-Hückel potential in the solvent, kT/e; `jump` and `flux_jump`: J0 = G in kT/e and
            J1 = ε⁻ ∂ₙG in kT/(e Å) at the nearest point of the interface, falling linearly to 0 over `BAND` cells
            from it.

        Returns
        -------
        Tensor
            Shape (b, x, y[, z]), float64; finite.
        """
        if kind == "charges":
            return cloud_in_cell(self.batch.position, self.batch.value, self.grid)
        if kind == "smeared":
            # The rim of a ball that touches the interface lies in cells beyond it.
            near = Nodes(self.batch, self.grid, self.batch.level_set < self.grid.spacing)
            return near.image(smeared_charges(near, self.medium))
        if kind == "screened":
            outside = Nodes(self.batch, self.grid, self.batch.level_set >= 0)
            return outside.image(screened_potential(outside, self.medium))
        if kind in ("jump", "flux_jump"):
            return self._band.image(self.medium, flux=kind == "flux_jump")
        if kind == "compact":
            return self._inside.image(self._coulomb - without_compact(self._inside, self.medium))
        return self._inside.image(self._coulomb)

    @cached_property
    def _inside(self) -> Nodes:
        return Nodes(self.batch, self.grid, self.batch.level_set < 0)

    @cached_property
    def _coulomb(self) -> Tensor:
        return coulomb_inside(self._inside, self.medium, NEAREST * self.grid.spacing)

    @cached_property
    def _band(self) -> Band:
        return Band(self.batch, self.grid)


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


class Band:
    """Nodes less than `BAND` cells from the interface, and what the charges do at its nearest points."""

    def __init__(self, batch: Batch, grid: Grid) -> None:
        distance = batch.level_set.double()
        fall = (1.0 - distance.abs() / (BAND * grid.spacing)).clamp(min=0.0)
        self.nodes = nodes = Nodes(batch, grid, fall > 0)
        self.fall, away = fall[nodes.where], distance[nodes.where]
        self.value = nodes.per_sample(batch.value)
        axis = torch.as_tensor(grid.axis, dtype=torch.float64, device=distance.device)
        self.square = self.along = torch.zeros_like(self.value)
        # Component by component: sums over an axis of two or three numbers are slow.
        for k, component in enumerate(normals(distance, grid)):
            normal = component[nodes.where]
            foot = axis[nodes.where[1 + k]] - away * normal
            offset = foot - nodes.per_sample(batch.position[..., k])
            self.square, self.along = self.square + offset.square(), self.along + offset * normal
        # A charge on the interface, which no data set holds, must not make the image infinite.
        self.square = self.square.clamp(min=(NEAREST * grid.spacing) ** 2)

    def image(self, medium: Medium, flux: bool) -> Tensor:
        """J0 = G or J1 = ε⁻ ∂ₙG at the nearest point, less and less away from it; (b, x, y[, z]), float64."""
        dim, eps = self.nodes.grid.dim, medium.eps_solute
        if flux:
            kernel = -self.along / (self.square if dim == 2 else self.square**1.5)
        else:
            kernel = -0.5 * torch.log(self.square) if dim == 2 else self.square.rsqrt()
        scale = prefactor(medium, eps, dim) * (eps if flux else 1.0)
        return self.nodes.image((self.value * kernel).sum(0) * scale * self.fall)
