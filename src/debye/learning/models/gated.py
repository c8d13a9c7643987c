"""The compact operator network: linear in the charges, gated by the shape, cycles over a ladder of grids.

For a fixed shape, and linear ions, the map from the charges to the potential is linear. So the charges' features pass
through convolutions without bias and without activation alone, and what they meet of the shape are factors:

    gated block     x + W₂ (g(s) ⊙ (W₁ x)),      g(s) = 1 + V s

    shape  s₀ ─↓─ s₁ ─↓─ … ─↓─ s_L               ordinary convolutions with activations
           ⋮      ⋮            ⋮  gates
    charge x₀ ─↓─ x₁ ─↓─ … ─↓─ x_L ─↑+─ … ─↑+─ x₀ ── head ── u          once for every cycle

A cycle is that of multigrid (Brandt, *Math. Comp.* 31 (1977); as a network He & Xu, *Sci. China Math.* 62 (2019)):
blocks take the part of smoothers, strided convolutions that of restrictions, interpolations with a 1×1 convolution lead
back up; the grids are nested as in `resnet`. From the second cycle on every grid also gets what the cycle before had
there.

Superposition, u(q₁ + q₂) = u(q₁) + u(q₂), then holds exactly, up to round-off. For sinh it must not: `odd_channels`
adds a second, narrower way down and up which is odd in the charges, f(−q) = −f(q), as the equation is. It is not
linear: its blocks have the odd activation tanh, no bias, and are gated too; what it sees is the result of the linear
part.

Nothing here divides by a size found in an image: see `resnet`.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from debye import networks


def widths(channels: int, downsample: int) -> list[int]:
    """Features of the charges from the full resolution down: twice as many on all coarser grids.

    Examples
    --------
    >>> widths(12, 3)
    [12, 24, 24, 24]
    """
    return [channels] + [2 * channels] * downsample


def linear(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


class GatedBlock(nn.Module):
    """x + W₂ (g ⊙ a(W₁ x)) with gates g from the shape; W₂ zero at the start; a is the identity, or tanh if `odd`."""

    def __init__(self, channels: int, gates: int, odd: bool = False) -> None:
        super().__init__()
        self.first, self.second = linear(channels, channels, 3), linear(channels, channels, 3)
        self.gate = nn.Conv2d(gates, channels, 1)
        self.odd = odd
        nn.init.zeros_(self.second.weight)

    def forward(self, feature: Tensor, shape: Tensor) -> Tensor:
        """Shapes (b, channels, x, y) and (b, gates, x, y) to (b, channels, x, y)."""
        middle = self.first(feature)
        if self.odd:
            middle = middle.tanh()
        change: Tensor = self.second(middle * (1.0 + self.gate(shape)))
        return feature + change


class Cycle(nn.Module):
    """One way down and up."""

    def __init__(self, width: list[int], gates: int, odd: bool = False) -> None:
        super().__init__()
        steps = list(itertools.pairwise(width))
        self.before = nn.ModuleList(GatedBlock(fine, gates, odd) for fine, _ in steps)
        self.down = nn.ModuleList(linear(fine, coarse, 3, stride=2) for fine, coarse in steps)
        self.coarsest = GatedBlock(width[-1], gates, odd)
        self.up = nn.ModuleList(linear(coarse, fine, 1) for fine, coarse in steps)
        self.after = nn.ModuleList(GatedBlock(fine, gates, odd) for fine, _ in steps)

    def forward(self, features: list[Tensor | None], shapes: list[Tensor]) -> list[Tensor | None]:
        """Features of every grid, the finest first, None where there is nothing yet; and the same after the cycle."""
        found: list[Tensor] = []
        arriving = features[0]
        for level, (before, down) in enumerate(zip(self.before, self.down, strict=True)):
            feature = before(arriving, shapes[level])
            found.append(feature)
            arriving, kept = down(feature), features[level + 1]
            arriving = arriving if kept is None else arriving + kept
        found.append(self.coarsest(arriving, shapes[-1]))
        for level in reversed(range(len(self.up))):
            size = found[level].shape[-2:]
            # A 1×1 convolution commutes with the interpolation and costs a quarter on the coarse grid.
            correction = self.up[level](found[level + 1])
            correction = interpolate(correction, size=size, mode="bilinear", align_corners=True)
            found[level] = self.after[level](found[level] + correction, shapes[level])
        return list(found)


class ShapeLadder(nn.Module):
    """Features of the shape on every grid, from which gates are made."""

    def __init__(self, inputs: int, gates: int, downsample: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs, gates, 3, padding=1)
        self.refine = nn.ModuleList(nn.Conv2d(gates, gates, 3, padding=1) for _ in range(downsample + 1))
        self.down = nn.ModuleList(nn.Conv2d(gates, gates, 3, stride=2, padding=1) for _ in range(downsample))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Shape (b, inputs, x, y) to one (b, gates, x, y) a grid, the finest first."""
        feature = self.stem(image).relu()
        shapes = [self.refine[0](feature).relu()]
        for down, refine in zip(self.down, itertools.islice(self.refine, 1, None), strict=True):
            feature = down(shapes[-1]).relu()
            shapes.append(refine(feature).relu())
        return shapes


class GatedNetwork(nn.Module):
    """The network of `debye.networks.GatedOperator`: (b, charges + shapes, x, y) → (b, 1, x, y)."""

    def __init__(self, architecture: networks.GatedOperator, inputs: networks.Inputs) -> None:
        super().__init__()
        self.inputs = inputs
        depth, gates = architecture.downsample, architecture.gate_channels
        self.ladder = ShapeLadder(inputs.shapes, gates, depth)
        width = widths(architecture.channels, depth)
        self.stem = linear(inputs.charges, width[0], 3)
        self.cycles = nn.ModuleList(Cycle(width, gates) for _ in range(architecture.cycles))
        self.head = GatedHead(width[0], gates)
        self.odd: OddCorrection | None = None
        if architecture.odd_channels:
            self.odd = OddCorrection(inputs.charges + 1, architecture.odd_channels, gates, depth)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, charges + shapes, x, y) to (b, 1, x, y)."""
        charges, shape = image[:, : self.inputs.charges], image[:, self.inputs.charges :]
        shapes = self.ladder(shape)
        features: list[Tensor | None] = [self.stem(charges)] + [None] * (len(shapes) - 1)
        for cycle in self.cycles:
            features = cycle(features, shapes)
        result: Tensor = self.head(features[0], shapes[0])
        if self.odd is not None:
            result = result + self.odd(torch.cat([result, charges], dim=1), shapes)
        return result


class GatedHead(nn.Module):
    """Σ_k g_k ⊙ (W x)_k: the features of the finest grid, weighted by gates that see the interface."""

    def __init__(self, channels: int, gates: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(gates, channels, 3, padding=1)
        self.last = linear(channels, 1, 3)

    def forward(self, feature: Tensor, shape: Tensor) -> Tensor:
        """Shapes (b, channels, x, y) and (b, gates, x, y) to (b, 1, x, y)."""
        result: Tensor = self.last(feature * (1.0 + self.gate(shape)))
        return result


class OddCorrection(nn.Module):
    """What sinh adds to the linear answer: one narrow cycle, odd in its input, zero at the start."""

    def __init__(self, inputs: int, channels: int, gates: int, downsample: int) -> None:
        super().__init__()
        width = widths(channels, downsample)
        self.stem = linear(inputs, width[0], 3)
        self.cycle = Cycle(width, gates, odd=True)
        self.head = GatedHead(width[0], gates)
        nn.init.zeros_(self.head.last.weight)

    def forward(self, image: Tensor, shapes: list[Tensor]) -> Tensor:
        """Shape (b, inputs, x, y) to (b, 1, x, y)."""
        features: list[Tensor | None] = [self.stem(image)] + [None] * (len(shapes) - 1)
        result: Tensor = self.head(self.cycle(features, shapes)[0], shapes[0])
        return result
