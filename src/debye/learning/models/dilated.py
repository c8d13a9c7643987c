"""The dilated residual network: every convolution at the full resolution, some of them far apart.

    x ── stem ── [+ block] × blocks ── head ── u          block: 3×3 convolutions, dilations 1 2 4 8 4 2 1

After K. Stachenfeld et al., *Learned coarse models for efficient turbulence simulation* (ICLR 2022, arXiv:2112.15275),
"Dil-ResNet": a convolution with dilation d reads nodes d apart, so that a block of seven sees 22 nodes to a side with
nothing interpolated. The interface is never seen on a coarser grid than its own; the price is that all arithmetic is
done on all nodes. Changed against the paper:

- ReLUs come before the convolutions instead of behind them, and the last convolution of each block starts at zero, so
  that the network starts as its skip connections and a block can also lower an image (see
  `debye.learning.models.resnet`, also for why there is no normalisation).
- Zeros beyond the edge: the paper's boxes are periodic, ours ends in a boundary condition.

Size at 65² nodes, with two channels in and the paper's dilations (its own size is 48 / 4):

===============  ==========  ==============  ====================
channels/blocks  parameters  multiply-adds   receptive field
===============  ==========  ==============  ====================
48 / 4           0.58 M      2.46 G          90 nodes to a side
32 / 4           0.26 M      1.09 G          90 nodes to a side
24 / 2           0.07 M      0.31 G          46 nodes to a side
===============  ==========  ==============  ====================
"""

from __future__ import annotations

from torch import Tensor, nn

from debye import networks
from debye.learning.models.layers import convolution


def receptive_field(architecture: networks.DilatedResNet) -> int:
    """How many nodes to either side of a node its output depends on, for an image large enough.

    Examples
    --------
    >>> receptive_field(networks.DilatedResNet(kind="dilated_resnet", channels=48, blocks=4))
    90
    """
    return 2 + architecture.blocks * sum(architecture.dilations)


class DilatedBlock(nn.Module):
    """The image plus what a row of dilated 3×3 convolutions makes of it; nothing, at the start."""

    def __init__(self, channels: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(convolution(channels, channels, dilation=each) for each in dilations)
        for weight in self.layers[-1].parameters():
            nn.init.zeros_(weight)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, channels, x, y) in and out."""
        change = image
        for layer in self.layers:
            change = layer(change.relu())
        return image + change


class DilatedNetwork(nn.Module):
    """The network of `debye.networks.DilatedResNet`: (b, channels, x, y) → (b, 1, x, y)."""

    def __init__(self, architecture: networks.DilatedResNet, inputs: networks.Inputs) -> None:
        super().__init__()
        width = architecture.channels
        self.stem = convolution(sum(inputs), width, gain="linear")
        self.blocks = nn.Sequential(
            *(DilatedBlock(width, architecture.dilations) for _ in range(architecture.blocks))
        )
        self.head = convolution(width, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, inputs, x, y) to (b, 1, x, y)."""
        result: Tensor = self.head(self.blocks(self.stem(image)).relu())
        return result
