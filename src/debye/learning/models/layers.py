"""Parts that several networks share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate


def convolution(
    inputs: int, outputs: int, *, size: int = 3, stride: int = 1, dilation: int = 1, gain: str = "relu"
) -> nn.Conv2d:
    """Convolution that keeps the nodes of an image (with stride 2: every second node), zeros beyond its edge.

    Weights are drawn for the activation that comes before it, so that images keep their size through many layers
    (He, Zhang, Ren & Sun 2015); without normalisation layers torch's own smaller weights would let them fade.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    size, stride, dilation : int
        Edge of the kernel (odd), step between its nodes, and spacing of its entries.
    gain : {"relu", "linear"}
        What the inputs went through.

    Examples
    --------
    >>> import torch
    >>> convolution(2, 4, stride=2)(torch.zeros(1, 2, 65, 65)).shape
    torch.Size([1, 4, 33, 33])
    """
    layer = nn.Conv2d(inputs, outputs, size, stride=stride, padding=dilation * (size // 2), dilation=dilation)
    nn.init.kaiming_normal_(layer.weight, nonlinearity=gain)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def enlarged(image: Tensor, like: Tensor) -> Tensor:
    """Interpolate linearly to the nodes of a finer image, of which the coarse nodes are every second one."""
    return interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=True)
