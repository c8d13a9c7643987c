"""The networks by the kind of their architecture, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from debye.learning.models import cost
from debye.learning.models.dilated import DilatedNetwork
from debye.learning.models.fourier import FourierNetwork
from debye.learning.models.gated import GatedNetwork
from debye.learning.models.multigrid import MultigridNetwork
from debye.learning.models.resnet import ResidualNetwork
from debye.learning.models.unet import UNetwork
from debye.networks import Inputs, Network, require_grid
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
    require_grid(network.architecture, grid)
    return BUILDERS[network.architecture.kind](network.architecture, network.inputs)


def parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def multiply_adds(network: Network, grid: Grid) -> int:
    """Count the multiply-adds for one sample on the grid, forward, without doing them.

    What is counted, and what is not, stands in `debye.learning.models.cost`.
    """
    with torch.device("meta"):
        return cost.multiply_adds(build(network, grid), (1, sum(network.inputs), *grid.shape))
