"""From a problem to what the network sees, and from what it returns back to the regular potential.

The network is an image-to-image map on the nodes of the grid. Its first channels are images of the charges, the others
images of the shape (`debye.learning.channels`). It returns one image, either

    total    u = w + χ_solute G      the physical potential, with the logarithm of every charge in it
    regular  w                       the regular potential, which jumps by G at the interface
    compact  u − S                   u without the compactly supported singular part (`debye.learning.singular`)

and since G and S are known in closed form, each gives the others exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from debye.learning.batch import Batch, Normalization, Scene, charge_factor, per_sample
from debye.learning.channels import charge_image, shape_image
from debye.learning.singular import coulomb_potential, without_compact
from debye.networks import Network
from debye.parameters import Grid, Medium


@dataclass(frozen=True)
class Encoding:
    """What a network sees, what it is asked for, and the way back; the same on a CPU and a GPU."""

    grid: Grid
    medium: Medium
    network: Network
    normalization: Normalization | None = None
    """None leaves every scale 1."""

    def factor(self, batch: Batch) -> Tensor:
        """What charges are divided and outputs multiplied by, (b,), see `debye.learning.batch.charge_factor`."""
        return charge_factor(batch, self.network.charge_normalization)

    def charge_images(self, batch: Batch) -> Tensor:
        """Charge channels before scaling, shape (b, k, x, y[, z]), float64."""
        alone = batch._replace(value=batch.value / self.factor(batch)[:, None])
        images = [charge_image(kind, alone, self.grid, self.medium) for kind in self.network.charge_channels]
        return torch.stack(images, dim=1)

    def channels(self, batch: Batch) -> Tensor:
        """Input of the network: charge channels, then shape channels, shape (b, k, x, y[, z]), float32."""
        charges = self.charge_images(batch)
        if self.normalization is not None:
            scales = charges.new_tensor(self.normalization.charge_channels)
            charges = charges / scales.reshape(-1, *(1,) * self.grid.dim)
        kinds = self.network.shape_channels
        shapes = [shape_image(kind, batch.level_set, self.grid) for kind in kinds]
        return torch.cat([charges.float(), torch.stack(shapes, dim=1).float()], dim=1)

    def singular(self, batch: Batch) -> Tensor:
        """Part of the target beside w: χ G for "total", 0 for "regular", χ G − S for "compact"; float64, kT/e."""
        if self.network.target == "regular":
            return torch.zeros_like(batch.regular, dtype=torch.float64)
        if self.network.target == "compact":
            return without_compact(batch, self.grid, self.medium)
        potential = coulomb_potential(batch.position, batch.value, self.grid, self.medium)
        return torch.where(batch.level_set < 0, potential, torch.zeros_like(potential))

    def _unit(self, batch: Batch) -> Tensor:
        """Size of an output of 1 in kT/e, for each sample, shaped to multiply its field."""
        scale = 1.0 if self.normalization is None else self.normalization.target
        return per_sample(scale * self.factor(batch), batch.regular)

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
        wanted = (batch.regular.double() + singular) / self._unit(batch)
        wanted = torch.where(known, wanted, torch.zeros_like(wanted))
        return wanted.float()[:, None], known.float()[:, None]

    def scene(self, batch: Batch) -> Scene:
        """What a loss holds the output for these samples against."""
        distance = batch.level_set / self.grid.spacing
        return Scene(*self.target(batch), distance=distance.float()[:, None])

    def regular(self, output: Tensor, batch: Batch) -> Tensor:
        """Regular potential from the output of the network.

        Parameters
        ----------
        output : Tensor
            Shape (b, 1, x, y[, z]).
        batch : Batch
            The samples; of their `regular` only the shape counts.

        Returns
        -------
        Tensor
            w, shape (b, x, y[, z]), float64, kT/e. Where a node holds a charge u says nothing of w; w is
            harmonic in the solute, and the mean over the neighbours stands in.
        """
        singular = self.singular(batch)
        known = torch.isfinite(singular)
        regular = output[:, 0].double() * self._unit(batch) - singular
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
