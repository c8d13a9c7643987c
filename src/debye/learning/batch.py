"""Samples as the networks' side of the house holds them, and the scales of a training split."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from debye.learning.symmetry import symmetry
from debye.parameters import Model, Positive


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


class Scene(NamedTuple):
    """What a loss holds an output against; images that are turned together, shape (b, 1, x, y[, z]), float32."""

    target: Tensor
    """What the network was to return; normalised, 0 where unknown."""
    weight: Tensor
    """1 where the target is known, 0 elsewhere."""
    distance: Tensor
    """Signed distance to the interface, cells; < 0 in the solute."""

    def turned(self, which: Tensor) -> Scene:
        """Turn and mirror each sample, see `debye.learning.symmetry.symmetry`."""
        return Scene(*(symmetry(part, which) for part in self))


class Normalization(Model):
    """Scales of the training split. Nothing is shifted: a problem without charges has the potential zero."""

    charge_channels: tuple[Positive, ...] = Field(
        min_length=1,
        description="root mean square of each charge channel over nodes and samples, in the channel's unit",
    )
    target: Positive = Field(description="root mean square of the target over nodes and samples, kT/e")


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """Numbers (b,) shaped so that they multiply fields (b, …)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def charge_factor(batch: Batch, kind: str) -> Tensor:
    """What the charges of each sample are divided by, and its output multiplied by.

    The equation is odd, u(−q) = −u(q), and for linear ions homogeneous. The sign is that of the total charge, or
    where that vanishes of the first component of the dipole moment that does not.

    Parameters
    ----------
    batch : Batch
    kind : {"none", "sign", "scale"}
        1, the sign, or the sign times the root of the sum of squares of the charges.

    Returns
    -------
    Tensor
        Shape (b,), float64; never 0.

    Examples
    --------
    >>> charges = torch.tensor([[0.3, -0.4], [-0.3, -0.4]]).double()
    >>> charge_factor(Batch(charges, charges, torch.zeros(2, 2, 2).double(), charges), "scale")
    tensor([-0.5000, -0.5000], dtype=torch.float64)
    """
    value = batch.value
    if kind == "none":
        return value.new_ones(len(value))
    size = value.square().sum(1).sqrt()
    moments = [value.sum(1), *(value[..., None] * batch.position).sum(1).unbind(1)]
    reach = batch.position.abs().flatten(1).amax(1) if batch.position.shape[1] else torch.zeros_like(size)
    sign = torch.zeros_like(size)
    for number, moment in enumerate(moments):
        # Round-off of a sum is no sign.
        rest = 1e-9 * size * (reach if number else 1.0)
        sign = torch.where((sign == 0) & (moment.abs() > rest), moment.sign(), sign)
    sign = torch.where(sign == 0, torch.ones_like(sign), sign)
    if kind == "sign":
        return sign
    return sign * torch.where(size == 0, torch.ones_like(size), size)
