"""What a network costs, counted on the operations that torch runs and not on the layers that we know of.

Counted are convolutions, products of matrices (of any `einsum` too) and fast Fourier transforms, in multiply-adds of
real numbers:

- one product of complex numbers in a sum is four;
- a transform of N complex numbers takes 5 N log₂ N operations, half as many of real ones (the count by which FFTW
  states speeds: M. Frigo & S. G. Johnson, Proc. IEEE 93, 2005), and two operations are one multiply-add. A transform
  over some axes is counted by the product of their lengths. This is a convention, exact for powers of two only.

Not counted is what is done once a node and channel: activations, interpolation, sums and products of images. It is a
percent or so of what is counted, except in networks of very few channels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Count = Any
"""A rule of the counter: (operands of an operation, its result in `out_val`) → operations, two a multiply-add."""


def multiply_adds(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of one pass.

    Parameters
    ----------
    model : Module
        On the device "meta", where nothing is computed, or on any other.
    shape : tuple of int
        Of its input (b, channels, x, y).

    Examples
    --------
    >>> multiply_adds(nn.Conv2d(2, 8, 3, padding=1), (1, 2, 17, 17)) == 17**2 * 9 * 2 * 8
    True
    """
    device = next(model.parameters()).device
    counter = FlopCounterMode(display=False, custom_mapping=_rules())
    # Not under no_grad: the counter attaches hooks to what weights become, and fails where that has no gradient.
    with counter:
        model(torch.zeros(shape, device=device))
    return counter.get_total_flops() // 2


def _rules() -> dict[Any, Count]:
    """Rules for what torch's counter leaves out, or counts as real."""
    aten = torch.ops.aten
    rules: dict[Any, Count] = {
        aten.bmm: _product,
        aten.mm: _product,
        aten._fft_r2c: lambda image, axes, *_, **__: _transform(image.shape, axes, 2.5),
        aten._fft_c2c: lambda image, axes, *_, **__: _transform(image.shape, axes, 5.0),
        aten._fft_c2r: lambda _, axes, *__, out_val, **___: _transform(out_val.shape, axes, 2.5),
    }
    for rule in rules.values():
        # The counter passes tensors instead of shapes to a rule with this mark.
        rule._get_raw = True
    return rules


def _product(left: Tensor, right: Tensor, *_: Any, **__: Any) -> int:
    """Operations of a product of (stacks of) matrices."""
    return 2 * left.numel() * right.shape[-1] * (4 if left.is_complex() else 1)


def _transform(shape: torch.Size, axes: list[int], operations: float) -> int:
    """Operations of a Fourier transform over some axes of an array."""
    length = math.prod(shape[axis] for axis in axes)
    return round(operations * math.prod(shape) * math.log2(length))
