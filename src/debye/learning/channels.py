"""The images that a network sees: of the charges, each linear in them, and of the shape."""

from __future__ import annotations

import itertools
import math
from functools import cached_property

import torch
from torch import Tensor

from debye.learning.batch import Batch
from debye.learning.nodes import Nodes
from debye.learning.singular import coulomb_inside, prefactor, screened_potential, without_compact
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
            `charges`: cloud-in-cell, e or e/Å; `coulomb`: G in the solute, `compact`: its compactly supported part S,
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


def shape_image(kind: ShapeChannel, level_set: Tensor, grid: Grid) -> Tensor:
    """One shape channel.

    Parameters
    ----------
    kind : str
        `mask`: 1 in the solute and 0 outside; `volume_fraction`: of solvent in the cell around each node, 0 to 1;
        `signed_distance`: in half widths of the box, negative in the solute.
    level_set : Tensor
        Signed distance at the nodes, shape (b, x, y[, z]), Å.

    Returns
    -------
    Tensor
        The same shape.
    """
    if kind == "mask":
        return (level_set < 0).to(level_set.dtype)
    if kind == "volume_fraction":
        return volume_fraction(level_set, grid)
    return level_set / grid.half_width


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
