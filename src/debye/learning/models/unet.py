"""The U-Net: two convolutions at every resolution, on the way down and on the way up beside it.

    x ── [level 0] ─────────── beside ───────────→ [level 0] ── head ── u
             ↓                                         ↑
         [level 1] ─────────── beside ───────→ [level 1]
             ↓                                     ↑
                          [ level 2 ] ─────────────┘

After O. Ronneberger, P. Fischer & T. Brox, *U-Net: convolutional networks for biomedical image segmentation*
(MICCAI 2015). A level is two 3×3 convolutions, each followed by a ReLU. Each coarser level has twice the channels, up
to `MOST` times those of the first. On the way up the image of the same level on the way down is put beside the
enlarged one as further channels, and the level's first convolution reads both. Changed against the paper:

- Images keep their nodes (the paper's shrink by two at each convolution), and coarse nodes are every second fine node,
  as in `debye.learning.models.resnet`: a convolution with stride 2 in the place of the pooling, which would take the
  largest of four nodes around no node at all, and linear interpolation (`align_corners`) back up.
- No normalisation layer and no dropout, for the reasons given there. Instead a level's second convolution is added to
  what it reads and starts at zero, like the blocks there: without either, training hardly got under way.
- Widths stop doubling at `MOST`. The paper's do not, and at 1024 channels, on 5×5 nodes, hold nearly all weights.

Size at 65² nodes, with two channels in:

===================  ==========  ==============  ====================
channels/halvings    parameters  multiply-adds   receptive field
===================  ==========  ==============  ====================
64 / 4               22.7 M      3.77 G          122 nodes to a side
32 / 4               5.68 M      0.944 G         122 nodes to a side
16 / 4               1.42 M      0.237 G         122 nodes to a side
16 / 3               0.54 M      0.190 G         58 nodes to a side
===================  ==========  ==============  ====================
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from debye import networks
from debye.learning.models.layers import convolution, enlarged

MOST = 8
"""Channels at any resolution, in those of the full one."""


def widths(architecture: networks.UNet) -> list[int]:
    """Channels from the full resolution down.

    Examples
    --------
    >>> widths(networks.UNet(kind="unet", channels=16, downsample=4))
    [16, 32, 64, 128, 128]
    """
    return [architecture.channels * min(2**level, MOST) for level in range(architecture.downsample + 1)]


def receptive_field(architecture: networks.UNet) -> int:
    """How many nodes to either side of a node its output depends on, for an image large enough.

    Counted along the longest path, in nodes of the full resolution.
    """
    # Down: two convolutions, then for each coarser level the halving and two more. Up: an interpolated node depends on
    # coarse neighbours up to one coarse spacing less one fine one away, and two convolutions follow. The head is 1×1.
    reach, spacing = 2, 1
    for _ in range(architecture.downsample):
        reach += spacing + 2 * (2 * spacing)
        spacing *= 2
    for _ in range(architecture.downsample):
        spacing //= 2
        reach += spacing + 2 * spacing
    return reach


class Level(nn.Module):
    """Two 3×3 convolutions, the second added to what it reads: (b, inputs, x, y) → (b, outputs, x, y)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs)
        self.second = convolution(outputs, outputs)
        nn.init.zeros_(self.second.weight)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, inputs, x, y) to (b, outputs, x, y)."""
        first = self.first(image).relu()
        result: Tensor = (first + self.second(first)).relu()
        return result


class UNetwork(nn.Module):
    """The network of `debye.networks.UNet`: (b, channels, x, y) → (b, 1, x, y)."""

    def __init__(self, architecture: networks.UNet, inputs: networks.Inputs) -> None:
        super().__init__()
        width = widths(architecture)
        steps = list(itertools.pairwise(width))
        self.first = Level(sum(inputs), width[0])
        self.halve = nn.ModuleList(convolution(fine, fine, stride=2) for fine, _ in steps)
        self.down = nn.ModuleList(Level(fine, coarse) for fine, coarse in steps)
        self.up = nn.ModuleList(Level(coarse + fine, fine) for fine, coarse in reversed(steps))
        self.head = convolution(width[0], 1, size=1, gain="linear")

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, inputs, x, y) to (b, 1, x, y)."""
        image = self.first(image)
        beside = []
        for halve, down in zip(self.halve, self.down, strict=True):
            beside.append(image)
            image = down(halve(image).relu())
        for up in self.up:
            fine = beside.pop()
            image = up(torch.cat([enlarged(image, fine), fine], dim=1))
        result: Tensor = self.head(image)
        return result
