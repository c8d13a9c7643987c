from __future__ import annotations

import itertools

import pytest
import torch

from debye.errors import ConfigError
from debye.learning.models import build, multiply_adds, parameters
from debye.learning.models.resnet import ResidualNetwork, receptive_field, widths
from debye.networks import Inputs, Network, ResNet, Training
from debye.parameters import Grid

GRID = Grid(cells=64, half_width=16.0)
TWO = Inputs(charges=1, shapes=1)


def size(channels: int = 64, blocks: int = 8, downsample: int = 3) -> ResNet:
    return ResNet(kind="resnet", channels=channels, blocks=blocks, downsample=downsample)


def network_of(architecture: ResNet) -> Network:
    return Network(architecture=architecture, training=Training(epochs=1, batch_size=1, learning_rate=1e-3))


def by_hand(architecture: ResNet) -> int:
    """Weights and biases, counted from the layout in the docstring of the module."""
    width = widths(architecture)

    def conv(inputs: int, outputs: int) -> int:
        return 9 * inputs * outputs + outputs

    blocks = architecture.blocks * 2 * conv(width[-1], width[-1])
    ways = sum(conv(a, b) + conv(b, a) + 2 * conv(a, a) for a, b in itertools.pairwise(width))
    return conv(2, width[0]) + blocks + ways + conv(width[0], 1)


@pytest.mark.parametrize("architecture", [size(), size(48, 6, 2), size(8, 3, 1), size(16, 2, 0)])
def test_parameter_count_of_small_networks(architecture: ResNet) -> None:
    assert parameters(build(network_of(architecture), GRID)) == by_hand(architecture)


def test_the_network_of_the_paper_has_about_fifty_million_parameters() -> None:
    with torch.device("meta"):
        count = parameters(build(network_of(size(512, 10, 2)), GRID))
    assert 48e6 < count < 52e6
    assert count == by_hand(size(512, 10, 2))


def test_multiply_adds_by_hand() -> None:
    # 17² nodes, no halving: stem 2→8, one block, head 8→1, each 3×3.
    count = multiply_adds(network_of(size(8, 1, 0)), Grid(cells=16, half_width=8.0))
    assert count == 17**2 * 9 * (2 * 8 + 2 * 8 * 8 + 8)


@pytest.mark.parametrize("downsample", [0, 1, 2, 3])
def test_an_image_keeps_its_size(downsample: int) -> None:
    model = build(network_of(size(8, 1, downsample)), GRID)
    assert model(torch.zeros(2, 2, 65, 65)).shape == (2, 1, 65, 65)


@pytest.mark.parametrize("architecture", [size(4, 1, 0), size(4, 1, 1), size(4, 2, 1), size(4, 1, 2)])
def test_receptive_field(architecture: ResNet) -> None:
    model = ResidualNetwork(architecture, TWO).double()
    for weight in model.parameters():
        # All positive: no path cancels and no activation is shut.
        torch.nn.init.constant_(weight, 0.1)
    half = receptive_field(architecture) + 8
    half += -half % 8
    reach = 0
    for shift in range(4):
        image = torch.ones(1, 2, 2 * half + 1, 2 * half + 1, dtype=torch.float64, requires_grad=True)
        model(image)[0, 0, half + shift, half].backward()
        assert image.grad is not None
        seen = torch.nonzero(image.grad[0].abs().sum((0, 2))).flatten()
        reach = max(reach, int(seen.max()) - half - shift, half + shift - int(seen.min()))
    assert reach == receptive_field(architecture)


def test_blocks_are_the_identity_at_the_start() -> None:
    model = ResidualNetwork(size(8, 3, 1), TWO)
    image = torch.randn(1, 8, 5, 5)
    assert torch.equal(model.blocks(image), image)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid(cells=18, half_width=8.0), "2 halvings of 18 cells"),
        (Grid(cells=4, half_width=8.0), "2 halvings of 4 cells"),
        (Grid(cells=16, half_width=8.0, dim=3), "dim 3"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(grid: Grid, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(network_of(size(8, 1, 2)), grid)
