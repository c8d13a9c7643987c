"""The networks by the kind of their architecture, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from debye.errors import ConfigError, explain
from debye.learning.models.resnet import ResidualNetwork
from debye.networks import Inputs, Network
from debye.parameters import Grid

BUILDERS: dict[str, Callable[[Any, Inputs], nn.Module]] = {"resnet": ResidualNetwork}
"""Kind of architecture → class of the network; a new architecture is added here and in `debye.config`."""


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
        If the grid is not two-dimensional or cannot be halved `downsample` times.
    """
    architecture = network.architecture
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
    return BUILDERS[architecture.kind](architecture, network.inputs)


def parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def multiply_adds(network: Network, grid: Grid) -> int:
    """Count the multiply-adds of the convolutions for one sample on the grid, forward, without doing them."""
    total = 0

    def count(layer: nn.Conv2d, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * layer.weight[0].numel()

    with torch.device("meta"):
        model = build(network, grid)
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(count)
        model(torch.zeros(1, sum(network.inputs), *grid.shape))
    return total
