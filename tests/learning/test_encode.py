from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from debye import schema, store
from debye.learning.batch import Batch, Normalization
from debye.learning.channels import cloud_in_cell, shape_images
from debye.learning.encode import Encoding
from debye.learning.singular import coulomb_potential
from debye.learning.symmetry import symmetry
from debye.networks import Network, ResNet, Training
from debye.parameters import Grid, Medium

GRID = Grid(cells=16, half_width=8.0)


def network(**choices: Any) -> Network:
    size = ResNet(kind="resnet", channels=4, blocks=1, downsample=1)
    return Network(
        architecture=size, training=Training(epochs=1, batch_size=1, learning_rate=1e-3), **choices
    )


def random_charges(grid: Grid, samples: int = 5, charges: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(3)
    position = random.uniform(-0.9, 0.9, (samples, charges, grid.dim)) * grid.half_width
    value = random.normal(size=(samples, charges))
    return torch.from_numpy(position), torch.from_numpy(value)


def batch_of(dataset: Any) -> Batch:
    names = ("regular_potential", "level_set", "charge_position", "charge_value")
    return Batch(*(torch.from_numpy(np.array(dataset[name].values)) for name in names))


def test_cloud_in_cell_by_hand() -> None:
    # Cell corner (1, -2), spacing 1; the charge 2 sits a quarter and a tenth of a cell beyond it.
    nodes = cloud_in_cell(
        torch.tensor([[[1.25, -1.9]]], dtype=torch.float64), torch.full((1, 1), 2.0).double(), GRID
    )[0]
    expected = np.zeros(GRID.shape)
    expected[9, 6], expected[9, 7] = 2 * 0.75 * 0.9, 2 * 0.75 * 0.1
    expected[10, 6], expected[10, 7] = 2 * 0.25 * 0.9, 2 * 0.25 * 0.1
    np.testing.assert_allclose(nodes.numpy(), expected, atol=1e-14)


def test_cloud_in_cell_on_a_node_fills_that_node_alone() -> None:
    nodes = cloud_in_cell(torch.tensor([[[3.0, -8.0]]]).double(), torch.tensor([[0.7]]).double(), GRID)[0]
    assert nodes[11, 0] == pytest.approx(0.7)
    assert int((nodes != 0).sum()) == 1


@pytest.mark.parametrize("dim", [2, 3])
def test_charge_and_first_moment_are_kept(dim: Any) -> None:
    grid = Grid(cells=10, half_width=5.0, dim=dim)
    position, value = random_charges(grid)
    nodes = cloud_in_cell(position, value, grid).reshape(len(value), -1)
    np.testing.assert_allclose(nodes.sum(1), value.sum(1), atol=1e-12)
    moment = nodes @ torch.from_numpy(grid.points())
    np.testing.assert_allclose(moment, (value[..., None] * position).sum(1), atol=1e-12)


@pytest.mark.parametrize("function", [cloud_in_cell, lambda x, q, g: coulomb_potential(x, q, g, Medium())])
def test_superposition_and_sign(function: Any) -> None:
    position, value = random_charges(GRID)
    whole = function(position, value, GRID)
    parts = function(position[:, :1], value[:, :1], GRID) + function(position[:, 1:], value[:, 1:], GRID)
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(function(position, -value, GRID), -whole)


@pytest.mark.parametrize("dim", [2, 3])
def test_coulomb_potential_is_that_of_the_store(dim: Any) -> None:
    dataset = schema.mock(grid=Grid(cells=8, half_width=8.0, dim=dim), charges=3)
    batch = batch_of(dataset)
    ours = coulomb_potential(batch.position, batch.value, schema.grid_of(dataset), Medium())
    np.testing.assert_allclose(ours, store.coulomb_potential(dataset).values, rtol=1e-12)


def test_padding_adds_nothing_even_on_a_node() -> None:
    position, value = random_charges(GRID, charges=2)
    wider = torch.cat([position, torch.zeros(len(position), 3, 2)], dim=1)
    padded = torch.cat([value, torch.zeros(len(value), 3)], dim=1)
    assert torch.equal(cloud_in_cell(wider, padded, GRID), cloud_in_cell(position, value, GRID))
    assert torch.equal(
        coulomb_potential(wider, padded, GRID, Medium()), coulomb_potential(position, value, GRID, Medium())
    )


def test_shape_channel() -> None:
    level_set = torch.tensor([[-4.0, -0.5, 0.0, 2.0]])
    assert shape_images("mask", level_set, GRID, Medium())[0].tolist() == [[1, 1, 0, 0]]
    (distance,) = shape_images("signed_distance", level_set, GRID, Medium())
    assert distance.tolist() == [[-0.5, -0.0625, 0, 0.25]]


def test_target_is_the_physical_or_the_regular_potential() -> None:
    dataset = schema.mock()
    batch = batch_of(dataset)
    inside = dataset["level_set"] < 0
    total = dataset["regular_potential"] + store.coulomb_potential(dataset).where(inside, 0.0)
    scales = Normalization(charge_channels=(0.5,), target=4.0)
    target, weight = Encoding(GRID, Medium(), network(target="total"), scales).target(batch)
    np.testing.assert_allclose(4.0 * target[:, 0], total.values, rtol=1e-5, atol=1e-5)
    assert bool((weight == 1).all())
    target, _ = Encoding(GRID, Medium(), network(target="regular"), scales).target(batch)
    torch.testing.assert_close(4.0 * target[:, 0], batch.regular)


@pytest.mark.parametrize("kind", ["total", "regular"])
def test_target_round_trip(kind: str) -> None:
    batch = batch_of(schema.mock(samples=3))
    encoding = Encoding(
        GRID, Medium(), network(target=kind), Normalization(charge_channels=(1.0,), target=7.0)
    )
    back = encoding.regular(encoding.target(batch)[0], batch)
    assert back.dtype == torch.float64
    # u is some 50 kT/e and was held in float32.
    torch.testing.assert_close(back, batch.regular.double(), rtol=0, atol=2e-5)


def test_a_node_that_holds_a_charge_is_masked_and_bridged() -> None:
    batch = batch_of(schema.mock(samples=1))
    batch.position[0, 0] = torch.tensor([1.0, -2.0])
    encoding = Encoding(GRID, Medium(), network(target="total"))
    target, weight = encoding.target(batch)
    assert torch.nonzero(weight[0, 0] == 0).tolist() == [[9, 6]]
    assert bool(torch.isfinite(target).all())
    back = encoding.regular(target, batch)
    neighbours = batch.regular[0, [8, 10, 9, 9], [6, 6, 5, 7]].double().mean()
    assert float(back[0, 9, 6]) == pytest.approx(float(neighbours), abs=2e-5)


def moved(points: torch.Tensor, which: int) -> torch.Tensor:
    """The symmetry of the plane that `symmetry` applies to images."""
    signs = torch.tensor([-1.0 if which & 1 else 1.0, -1.0 if which & 2 else 1.0], dtype=torch.float64)
    points = points * signs
    return points.flip(-1) if which & 4 else points


def original(points: torch.Tensor, which: int) -> torch.Tensor:
    signs = torch.tensor([-1.0 if which & 1 else 1.0, -1.0 if which & 2 else 1.0], dtype=torch.float64)
    return (points.flip(-1) if which & 4 else points) * signs


@pytest.mark.parametrize("which", range(8))
@pytest.mark.parametrize("choices", [{}, {"shape_channels": ["signed_distance"], "target": "regular"}])
def test_symmetries_commute_with_the_encoding(which: int, choices: dict[str, str]) -> None:
    def level_set(points: torch.Tensor) -> torch.Tensor:
        return torch.hypot((points[..., 0] - 1.0) / 1.5, points[..., 1] + 0.5) - 3.0

    def regular(points: torch.Tensor) -> torch.Tensor:
        return torch.sin(0.3 * points[..., 0] + 1.0) * torch.exp(0.1 * points[..., 1])

    points = torch.from_numpy(GRID.points()).reshape(*GRID.shape, 2)
    position = torch.tensor([[[1.2, 0.3], [-0.7, -1.4], [2.1, -1.0]]], dtype=torch.float64)
    value = torch.tensor([[0.1, -0.05, 0.02]], dtype=torch.float64)

    def batch(back: torch.Tensor, charges: torch.Tensor) -> Batch:
        return Batch(regular(back)[None].float(), level_set(back)[None].float(), charges, value)

    encoding = Encoding(GRID, Medium(), network(**choices))
    turn = torch.tensor([which])
    before, after = batch(points, position), batch(original(points, which), moved(position, which))
    torch.testing.assert_close(symmetry(encoding.channels(before), turn), encoding.channels(after))
    for ours, theirs in zip(encoding.target(before), encoding.target(after), strict=True):
        torch.testing.assert_close(symmetry(ours, turn), theirs)


def test_the_eight_symmetries_differ_and_go_sample_by_sample() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3).expand(8, 1, 3, 3)
    turned = symmetry(image, torch.arange(8))
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    assert torch.equal(symmetry(image[:1], torch.tensor([5])), turned[5:6])


def test_a_label_that_is_no_number_is_not_masked() -> None:
    batch = batch_of(schema.mock(samples=1))
    batch.regular[0, 3, 3] = float("nan")
    target, weight = Encoding(GRID, Medium(), network(target="total")).target(batch)
    assert bool(target[0, 0, 3, 3].isnan())
    assert weight[0, 0, 3, 3] == 1
