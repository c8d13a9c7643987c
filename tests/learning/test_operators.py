"""The networks that are linear in the charges: superposition, sign, and the equation inside the learned multigrid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from debye import schema
from debye.learning.batch import Batch
from debye.learning.encode import Encoding
from debye.learning.models import build
from debye.learning.models.multigrid import MOST, Equation
from debye.networks import GatedOperator, MultigridOperator, Network, Training
from debye.parameters import Grid, Medium

GRID = Grid(cells=32, half_width=8.0)
LINEAR = Medium(ions="linear")
TRAINING = Training(epochs=1, batch_size=1, learning_rate=1e-3)


def gated(odd_channels: int = 0) -> Network:
    return Network(
        architecture=GatedOperator(
            kind="gated", channels=6, downsample=3, cycles=2, gate_channels=4, odd_channels=odd_channels
        ),
        charge_channels=("smeared", "coulomb", "jump", "flux_jump"),
        shape_channels=("volume_fraction", "signed_distance"),
        target="compact",
        training=TRAINING,
    )


def multigrid(sinh: bool = False) -> Network:
    return Network(
        architecture=MultigridOperator(
            kind="multigrid",
            channels=4,
            coarse_channels=6,
            downsample=3,
            cycles=3,
            gate_channels=4,
            sinh=sinh,
        ),
        charge_channels=("smeared", "screened"),
        shape_channels=("volume_fraction", "signed_distance", "stiffness"),
        target="compact",
        training=TRAINING,
    )


def stirred(network: Network) -> nn.Module:
    """The network with weights that leave nothing out, float64."""
    torch.manual_seed(4)
    model = build(network, GRID).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7 / weight[0].numel() ** 0.5 if weight.ndim > 1 else 0.1)
    return model


def samples(values: list[list[float]]) -> Batch:
    """The same two charges in the same shape, with these values in each sample."""
    one = schema.mock(samples=1, grid=GRID)
    count = len(values)
    fields = [torch.from_numpy(np.array(one[name].values)) for name in ("regular_potential", "level_set")]
    position = torch.tensor([[[0.4, -0.9], [-1.1, 0.7]]], dtype=torch.float64).expand(count, 2, 2)
    regular, level_set = (field.expand(count, *GRID.shape) for field in fields)
    return Batch(regular, level_set, position, torch.tensor(values, dtype=torch.float64))


def potentials(network: Network, medium: Medium, values: list[list[float]]) -> torch.Tensor:
    """Regular potentials that a network gives, (b, x, y)."""
    encoding, batch = Encoding(GRID, medium, network), samples(values)
    model = stirred(network)
    with torch.no_grad():
        return encoding.regular(model(encoding.channels(batch).double()), batch)


@pytest.mark.parametrize("network", [gated(), multigrid()], ids=["gated", "multigrid"])
def test_one_sample_of_two_charges_is_the_sum_of_two(network: Network) -> None:
    both, first, second = potentials(network, LINEAR, [[0.1, -0.07], [0.1, 0.0], [0.0, -0.07]])
    assert float(both.abs().max()) > 1.0
    # Channels are float32.
    torch.testing.assert_close(first + second, both, rtol=0, atol=2e-6 * float(both.abs().max()))


@pytest.mark.parametrize("network", [gated(), multigrid()], ids=["gated", "multigrid"])
def test_twice_the_charges_twice_the_potential(network: Network) -> None:
    one, two = potentials(network, LINEAR, [[0.1, -0.07], [0.2, -0.14]])
    torch.testing.assert_close(two, 2 * one, rtol=0, atol=2e-6 * float(two.abs().max()))


@pytest.mark.parametrize(
    "network", [gated(), gated(odd_channels=3), multigrid(), multigrid(sinh=True)], ids=str
)
def test_the_sign_of_the_charges_is_the_sign_of_the_potential(network: Network) -> None:
    plus, minus = potentials(network, Medium(), [[0.1, -0.07], [-0.1, 0.07]])
    torch.testing.assert_close(minus, -plus, rtol=0, atol=1e-10 * float(plus.abs().max()))


@pytest.mark.parametrize("network", [gated(odd_channels=3), multigrid(sinh=True)], ids=["gated", "multigrid"])
def test_with_sinh_superposition_does_not_hold(network: Network) -> None:
    both, first, second = potentials(network, Medium(), [[0.5, 0.4], [0.5, 0.0], [0.0, 0.4]])
    assert float((first + second - both).abs().max()) > 1e-4 * float(both.abs().max())


@pytest.mark.parametrize("network", [gated(odd_channels=3), multigrid()], ids=["gated", "multigrid"])
def test_gates_see_the_shape(network: Network) -> None:
    encoding, batch = Encoding(GRID, Medium(), network), samples([[0.1, -0.07]] * 2)
    channels = encoding.channels(batch).double()
    channels[1, network.inputs.charges] = 1.0
    with torch.no_grad():
        one, other = stirred(network)(channels)
    assert float((one - other).abs().max()) > 1e-3 * float(one.abs().max())


def equation(sinh: bool, cells: int = 8) -> tuple[Equation, torch.Tensor]:
    """One medium throughout: the five-point stencil with an ionic weight of 0.3, and a smooth image on it."""
    shape = (1, 1, cells + 1, cells + 1)
    weights = torch.ones(shape, dtype=torch.float64)
    x, y, none = weights.clone(), weights.clone(), torch.zeros_like(weights)
    x[..., -1, :], y[..., -1] = 0.0, 0.0
    axis = torch.arange(cells + 1, dtype=torch.float64)
    image = torch.sin(0.4 * axis)[:, None] * torch.cos(0.3 * axis)
    images = torch.cat([x, y, none, none, 0.3 * weights], dim=1)
    return Equation(images, 0.7 * weights, 2.0 * weights, sinh), image.reshape(shape)


@pytest.mark.parametrize("sinh", [False, True])
def test_residual_of_the_five_point_stencil_by_hand(sinh: bool) -> None:
    made, image = equation(sinh)
    found = made.residual(image)[0, 0]
    p = image[0, 0]
    i, j = 3, 5
    ions = 0.3 * (torch.sinh(p[i, j]) if sinh else p[i, j])
    flow = 4 * p[i, j] - p[i + 1, j] - p[i - 1, j] - p[i, j + 1] - p[i, j - 1]
    assert float(found[i, j]) == pytest.approx(float((0.7 - flow - ions) / 4.3), rel=1e-12)
    border = torch.ones(9, 9, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    torch.testing.assert_close(found[border], 2.0 - p[border])


def test_diagonals_carry_from_end_to_end() -> None:
    weights = torch.zeros(1, 5, 5, 5, dtype=torch.float64)
    weights[:, 4] = 1.0
    weights[0, 2, 1, 2], weights[0, 3, 2, 1] = 0.5, 0.25
    zero = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    image = zero.clone()
    image[0, 0, 1, 2], image[0, 0, 2, 2] = 1.0, 2.0
    found = Equation(weights, zero, zero, False).residual(image)[0, 0]
    # Rising: (1, 2) to (2, 3). Falling, stored at (2, 1): (2, 2) to (3, 1).
    assert float(found[1, 2]) == pytest.approx(-(0.5 * 1.0 + 1.0) / 1.5)
    assert float(found[2, 3]) == pytest.approx(0.5 * 1.0 / 1.5)
    assert float(found[2, 2]) == pytest.approx(-(0.25 * 2.0 + 2.0) / 1.25)
    assert float(found[3, 1]) == pytest.approx(0.25 * 2.0 / 1.25)


def test_a_bad_estimate_does_not_overflow() -> None:
    made, image = equation(sinh=True)
    found = made.residual(1e4 * image)
    assert bool(torch.isfinite(found).all())
    assert float(made.residual(torch.full_like(image, 2 * MOST))[0, 0, 4, 4]) == pytest.approx(
        (0.7 - 0.3 * np.sinh(MOST)) / 4.3
    )


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"charge_channels": ("charges", "screened")}, "expected the first two smeared and screened"),
        ({"shape_channels": ("stiffness", "mask")}, "the last one stiffness"),
        ({"target": "total"}, "target total"),
    ],
)
def test_a_multigrid_without_the_terms_of_its_equation_is_refused(
    choices: dict[str, Any], words: str
) -> None:
    settings = multigrid().model_dump() | choices
    with pytest.raises(Exception, match=words):
        Network(**settings)
