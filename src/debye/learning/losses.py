"""What a training minimises: one number a sample, averaged over the samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def mse(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error over the nodes with weight, of each sample.

    Parameters
    ----------
    output, target, weight : Tensor
        Shape (b, 1, x, y[, z]); the weight is 1 where the target is known and 0 elsewhere.

    Returns
    -------
    Tensor
        Shape (b,).
    """
    square = weight * (output - target) ** 2
    return square.flatten(1).sum(1) / weight.flatten(1).sum(1)


def relative_l2(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Relative L2 error ‖output − target‖ / ‖target‖ over the nodes with weight, of each sample.

    Parameters and result as in `mse`.

    Examples
    --------
    >>> one = torch.ones(1, 1, 2, 2)
    >>> relative_l2(1.5 * one, one, one)
    tensor([0.5000])
    """
    # vector_norm has the gradient zero where the error vanishes; a square root has none.
    error = torch.linalg.vector_norm((weight * (output - target)).flatten(1), dim=1)
    size = torch.linalg.vector_norm((weight * target).flatten(1), dim=1)
    relative: Tensor = error / size.clamp(min=torch.finfo(size.dtype).tiny)
    return relative


LOSSES: dict[str, Loss] = {"mse": mse, "relative_l2": relative_l2}
