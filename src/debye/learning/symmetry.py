"""The eight symmetries of the square, by which samples are turned and mirrored."""

from __future__ import annotations

import torch
from torch import Tensor


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
