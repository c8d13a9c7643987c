"""The residual network with skip connections: halve the image, residual blocks, and back up.

    x ── stem ─ ↓ ─ ↓ ─ [block] × blocks ─ ↑+ ─ ↑+ ─ head ── u
           │    └────── skip connection ───┘    │
           └─────────── skip connection ────────┘

A block adds two 3×3 convolutions to its input (He, Zhang, Ren & Sun 2016, pre-activation). A halving is a
3×3 convolution with stride 2: with a number of cells divisible by 2^downsample the coarse nodes are every
second fine node (65 → 33 → 17). The way up interpolates linearly between the same nodes (`align_corners`),
convolves, adds the image that was there on the way down and refines it with one block.

There is no normalisation layer. The potential is proportional to the charges (nearly so for sinh), and a
layer that divides an image by its own standard deviation takes that size away; statistics over the batch
would moreover make small batches and exact resume fragile. Instead the second convolution of each block
starts at zero, so that the network starts as its skip connections (Zhang, Dauphin & Ma, *Fixup
initialization*, 2019).

Size. The image `downsample` halvings below the full resolution has `channels` channels, and each finer one
half as many, though not fewer than 16. At `channels` C a block has 18 C² weights, so at 512 × 10 the blocks
hold 47 of the network's 51.6 million. `debye.learning.models` counts parameters and multiply-adds of any
network here; `receptive_field` tells how far it sees.

=========================  ==========  ==================================  ====================
channels/blocks/halvings   parameters  multiply-adds a sample (65² nodes)  receptive field
=========================  ==========  ==================================  ====================
512 / 10 / 2               51.6 M      19.4 G                              97 nodes to a side
64 / 8 / 3                 0.67 M      0.105 G                             165 nodes to a side
48 / 6 / 2                 0.29 M      0.137 G                             65 nodes to a side
=========================  ==========  ==================================  ====================
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn
from torch.nn.functional import interpolate

from debye import networks

LEAST = 16
"""Fewest channels at any resolution (unless the network has fewer in all)."""


def widths(architecture: networks.ResNet) -> list[int]:
    """Channels from the full resolution down.

    Examples
    --------
    >>> widths(networks.ResNet(kind="resnet", channels=512, blocks=10, downsample=2))
    [128, 256, 512]
    """
    least = min(LEAST, architecture.channels)
    depth = architecture.downsample
    return [max(least, architecture.channels // 2 ** (depth - level)) for level in range(depth + 1)]


def receptive_field(architecture: networks.ResNet) -> int:
    """How many nodes to either side of a node its output depends on, for an image large enough.

    Counted along the longest path, in nodes of the full resolution.
    """
    # Full resolution: the stem, one convolution up, a block, the head. Each coarser level: one halving
    # down, and on the way up one convolution and a block. An interpolated node depends on both coarse
    # neighbours, up to one coarse spacing less one fine one away.
    reach, spacing = 1, 1
    for _ in range(architecture.downsample):
        reach += spacing
        spacing *= 2
    reach += 2 * architecture.blocks * spacing
    for _ in range(architecture.downsample):
        finer = spacing // 2
        reach += finer + 3 * finer
        spacing = finer
    return reach + 1


class Block(nn.Module):
    """x + conv(relu(conv(relu(x)))), the second convolution zero at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, channels, x, y) in and out."""
        change: Tensor = self.second(self.first(image.relu()).relu())
        return image + change


class ResidualNetwork(nn.Module):
    """The network of `debye.networks.ResNet`: (b, channels, x, y) → (b, 1, x, y)."""

    def __init__(self, architecture: networks.ResNet, inputs: networks.Inputs) -> None:
        super().__init__()
        width = widths(architecture)
        steps = list(itertools.pairwise(width))
        self.stem = nn.Conv2d(sum(inputs), width[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in steps)
        self.blocks = nn.Sequential(*(Block(width[-1]) for _ in range(architecture.blocks)))
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in reversed(steps))
        self.refine = nn.ModuleList(Block(fine) for fine, _ in reversed(steps))
        self.head = nn.Conv2d(width[0], 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, inputs, x, y) to (b, 1, x, y)."""
        image = self.stem(image)
        skips = []
        for down in self.down:
            skips.append(image)
            image = down(image.relu())
        image = self.blocks(image)
        for up, refine in zip(self.up, self.refine, strict=True):
            skip = skips.pop()
            image = interpolate(image.relu(), size=skip.shape[-2:], mode="bilinear", align_corners=True)
            image = refine(up(image) + skip)
        result: Tensor = self.head(image.relu())
        return result
