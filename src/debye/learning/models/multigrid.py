"""Learned multigrid: gated cycles, each of which sees how far the image before it is from solving the equation.

The unknown is the target "compact", u − S: it has no singularity and no jump, solves

    −∇·(ε∇x) + χ_solvent (ε⁺/λ²) f(x) = ρ        f = sinh, or the identity,

with the charges smeared into ρ (`debye.learning.singular.smeared_charges`), and is known on the border of the box. In
units of ε⁺ and of cells, and with the edge weights of `debye.learning.stiffness` as A, a cycle is

    r = D⁻¹ (ρ − A x − k f(x)),  on the border x_border − x         how far x is from solving it; D the diagonal
    x ← x + head(cycle([r, x, screened], shape))                    a gated V-cycle, see `debye.learning.models.gated`

from x = the Debye-Hückel potential in the solvent, 0 in the solute. Were each cycle one of a multigrid solver, this
would be that solver, stopped after a few cycles. The discrete equation is that of the labels without its last
refinements; what it lacks near the interface is learned too, in the last cycle above all.

All of it is linear in the charges but for the sinh, which is odd: superposition holds exactly with `sinh` false, and
u(−q) = −u(q) always. There is no bias and no activation on the path of the charges; gates from the shape multiply it.
The network computes in kT/e, not in units of the training split, because sinh asks for that.

=====================================  ==========  =================================
channels/coarse/halvings/cycles/gates  parameters  multiply-adds a sample (65² nodes)
=====================================  ==========  =================================
8 / 16 / 5 / 3 / 8                     0.176 M     0.083 G
4 / 8 / 5 / 2 / 4                      0.030 M     0.016 G
2 / 4 / 5 / 2 / 4                      0.009 M     0.006 G
=====================================  ==========  =================================

The coarsest grid has 3² nodes: every node of the output sees the whole box.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from debye import networks
from debye.learning.models.gated import Cycle, GatedBlock, GatedHead, ShapeLadder, linear

MOST = 8.0
"""Potential in kT/e up to which sinh is followed; beyond, where only a bad estimate is, it is held."""

IONIC_GAIN = 100.0
"""The ionic weight is some hundredths of a cell's stiffness; the gates shall see it."""


class Equation:
    """The discrete equation of a batch; images (b, 1, x, y), units of ε⁺, cells and kT/e.

    Parameters
    ----------
    images : Tensor
        Edge weights to (i+1, j), to (i, j+1), to (i+1, j+1), from (i, j+1) to (i+1, j), and the ionic weight: shape
        (b, 5, x, y).
    charge, border : Tensor
        Right-hand side, and an image of the right potential on the border.
    sinh : bool
    """

    def __init__(self, images: Tensor, charge: Tensor, border: Tensor, sinh: bool) -> None:
        self.x, self.y, self.rising, self.falling, self.ionic = (images[:, k : k + 1] for k in range(5))
        self.charge, self.border, self.sinh = charge, border, sinh
        ones = torch.ones_like(charge[:1, :, 2:, 2:])
        self.inner = pad(ones, (1, 1, 1, 1))
        # What an edge weighs at its one end, it weighs at the other.
        at_ends = _scatter(self.x, self.y, self.rising[..., :-1, :-1], self.falling[..., :-1, :-1], sign=1.0)
        self.diagonal = at_ends + self.ionic

    def residual(self, potential: Tensor) -> Tensor:
        """How far a potential is from solving the equation, over the diagonal; on the border, from its value."""
        p = potential
        flow = _scatter(
            pad(self.x[..., :-1, :] * (p[..., :-1, :] - p[..., 1:, :]), (0, 0, 0, 1)),
            pad(self.y[..., :-1] * (p[..., :-1] - p[..., 1:]), (0, 1)),
            self.rising[..., :-1, :-1] * (p[..., :-1, :-1] - p[..., 1:, 1:]),
            self.falling[..., :-1, :-1] * (p[..., :-1, 1:] - p[..., 1:, :-1]),
            sign=-1.0,
        )
        ions = p.clamp(-MOST, MOST).sinh() if self.sinh else p
        missing = (self.charge - flow - self.ionic * ions) / self.diagonal
        return self.inner * missing + (1.0 - self.inner) * (self.border - p)


def _scatter(x: Tensor, y: Tensor, rising: Tensor, falling: Tensor, sign: float) -> Tensor:
    """Sum of what the edges at a node carry, with `sign` at the end where an edge does not start."""
    total = x + sign * pad(x[..., :-1, :], (0, 0, 1, 0)) + y + sign * pad(y[..., :-1], (1, 0))
    total = total + pad(rising, (0, 1, 0, 1)) + sign * pad(rising, (1, 0, 1, 0))
    return total + pad(falling, (1, 0, 0, 1)) + sign * pad(falling, (0, 1, 1, 0))


class Step(nn.Module):
    """One gated cycle from the residual to a correction: full resolution, then `Cycle` on the coarser grids."""

    def __init__(self, architecture: networks.MultigridOperator, inputs: int) -> None:
        super().__init__()
        fine, coarse, gates = architecture.channels, architecture.coarse_channels, architecture.gate_channels
        self.stem = linear(inputs, fine, 3)
        self.gate = nn.Conv2d(gates, fine, 1)
        self.down = linear(fine, coarse, 3, stride=2)
        self.cycle = Cycle([coarse] * architecture.downsample, gates)
        self.up = linear(coarse, fine, 1)
        self.after = GatedBlock(fine, gates)
        self.head = GatedHead(fine, gates)
        # The first corrections are small: the estimate is of the right size already.
        with torch.no_grad():
            self.head.last.weight *= 0.1

    def forward(
        self, image: Tensor, features: list[Tensor | None], shapes: list[Tensor]
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Correction (b, 1, x, y), and what the coarser grids hold for the next cycle."""
        fine = self.stem(image) * (1.0 + self.gate(shapes[0]))
        start, kept = self.down(fine), features[0]
        features = self.cycle([start if kept is None else start + kept, *features[1:]], shapes[1:])
        coarse = self.up(features[0])
        fine = fine + interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=True)
        return self.head(self.after(fine, shapes[0]), shapes[0]), features


class MultigridNetwork(nn.Module):
    """The network of `debye.networks.MultigridOperator`: (b, charges + shapes, x, y) → (b, 1, x, y).

    The first two images are `smeared` and `screened`, the last five those of `stiffness`.
    """

    def __init__(self, architecture: networks.MultigridOperator, inputs: networks.Inputs) -> None:
        super().__init__()
        self.inputs, self.sinh, self.depth = inputs, architecture.sinh, architecture.downsample
        self.ladder = ShapeLadder(inputs.shapes, architecture.gate_channels, architecture.downsample)
        # Each sees residual and estimate beside all images of the charges but the right-hand side.
        seen = inputs.charges + 1
        self.steps = nn.ModuleList(Step(architecture, seen) for _ in range(architecture.cycles))

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, charges + shapes, x, y) to (b, 1, x, y), kT/e."""
        charges, shape = image[:, : self.inputs.charges], image[:, self.inputs.charges :]
        stiffness = shape[:, -5:]
        shapes = self.ladder(torch.cat([shape[:, :-1], IONIC_GAIN * shape[:, -1:]], dim=1))
        screened = charges[:, 1:2]
        equation = Equation(stiffness, charges[:, :1], screened, self.sinh)
        estimate = screened
        features: list[Tensor | None] = [None] * self.depth
        for step in self.steps:
            seen = torch.cat([equation.residual(estimate), estimate, charges[:, 1:]], dim=1)
            correction, features = step(seen, features, shapes)
            estimate = estimate + correction
        return estimate
