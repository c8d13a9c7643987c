"""The networks by the kind of their architecture, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from debye.errors import ConfigError, explain
from debye.learning.models import cost
from debye.learning.models.dilated import DilatedNetwork
from debye.learning.models.fourier import FourierNetwork
from debye.learning.models.gated import GatedNetwork
from debye.learning.models.multigrid import MultigridNetwork
from debye.learning.models.resnet import ResidualNetwork
from debye.learning.models.unet import UNetwork
from debye.networks import Architecture, Inputs, Network
from debye.parameters import Grid

BUILDERS: dict[str, Callable[[Any, Inputs], nn.Module]] = {
    "resnet": ResidualNetwork,
    "unet": UNetwork,
    "dilated_resnet": DilatedNetwork,
    "fno": FourierNetwork,
    "gated": GatedNetwork,
    "multigrid": MultigridNetwork,
}
"""Kind of architecture → class of the network; a new architecture is added here and in `debye.networks`."""


def build(network: Network, grid: Grid) -> nn.Module:
    """Make a network with fresh weights, drawn from torch's global stream.

    Parameters
    ----------
    network : Network
        Its architecture, and what it sees.
    grid : Grid
        The grid that it will work on.

    Raises
    ------
    ConfigError
        If the grid is not two-dimensional, cannot be halved `downsample` times, or has fewer cells than `modes`.
    MissingExtra
        If the network needs a library that is not installed.
    """
    _check(network.architecture, grid)
    return BUILDERS[network.architecture.kind](network.architecture, network.inputs)


def _check(architecture: Architecture, grid: Grid) -> None:
    """Refuse a grid on which the architecture cannot work."""
    if grid.dim != 2:
        raise ConfigError(
            explain("grid", f"dim {grid.dim}", "dim 2", f"a {architecture.kind} works on images")
        )
    halvings = getattr(architecture, "downsample", 0)
    if grid.cells % 2**halvings or grid.cells < 2 ** (halvings + 1):
        raise ConfigError(
            explain(
                "architecture: downsample",
                f"{halvings} halvings of {grid.cells} cells",
                "a number of cells that can be halved so often, so that coarse nodes are fine nodes",
                "lower downsample or change grid: cells",
            )
        )
    modes = getattr(architecture, "modes", 0)
    if modes > grid.cells:
        raise ConfigError(
            explain(
                "architecture: modes",
                f"{modes} modes on {grid.cells} cells",
                "at most as many as cells: the shortest wave of a grid has two cells",
                "lower modes or raise grid: cells",
            )
        )


def parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def multiply_adds(network: Network, grid: Grid) -> int:
    """Count the multiply-adds for one sample on the grid, forward, without doing them.

    What is counted, and what is not, stands in `debye.learning.models.cost`.
    """
    with torch.device("meta"):
        return cost.multiply_adds(build(network, grid), (1, sum(network.inputs), *grid.shape))
