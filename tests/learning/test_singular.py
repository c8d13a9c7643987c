"""What the charges do in closed form, against the formulas written out node by node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special

from debye import schema
from debye.learning import nodes
from debye.learning.batch import Batch
from debye.learning.bessel import k0_of_root
from debye.learning.channels import NEAREST, ChargeImages
from debye.learning.nodes import Nodes
from debye.learning.singular import charge_depths, prefactor
from debye.parameters import Grid, Medium

GRIDS = {2: Grid(cells=16, half_width=8.0), 3: Grid(cells=8, half_width=8.0, dim=3)}
Field = np.ndarray[Any, Any]


def batch_of(dim: int) -> Batch:
    """Two samples with three charges each, one of which is padded and sits on a node of the solvent."""
    dataset = schema.mock(samples=2, grid=GRIDS[dim], charges=3, seed=1)
    level_set = torch.tensor(dataset["level_set"].values)
    position, value = (torch.tensor(dataset[name].values) for name in ("charge_position", "charge_value"))
    position[:, 2], value[:, 2] = 4.0, 0.0
    return Batch(torch.zeros_like(level_set), level_set, position, value)


def summed(batch: Batch, grid: Grid, kernel: Callable[[Field, float], Field]) -> Field:
    """Sum over the charges of value times kernel(distance of all nodes, depth of the charge)."""
    points = grid.points()
    fields = []
    for position, value, depth in zip(
        batch.position.numpy(), batch.value.numpy(), charge_depths(batch, grid).numpy(), strict=True
    ):
        parts = [
            q * kernel(np.linalg.norm(points - x, axis=-1), r)
            for x, q, r in zip(position, value, depth, strict=True)
        ]
        fields.append(np.sum(parts[:2], axis=0).reshape(grid.shape))
    return np.array(fields)


@pytest.mark.parametrize("together", [1, 2**16])
@pytest.mark.parametrize("dim", [2, 3])
def test_images_by_the_formulas(dim: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "AT_ONCE", together)
    grid, medium, batch = GRIDS[dim], Medium(debye_length=5.0), batch_of(dim)
    inside = batch.level_set.numpy() < 0
    nearest = NEAREST * grid.spacing

    def green(r: Field, _: float) -> Field:
        r = np.maximum(r, nearest)
        return -np.log(r) if dim == 2 else 1 / r

    def smooth(r: Field, depth: float) -> Field:
        far = -np.log(np.maximum(r, depth)) if dim == 2 else 1 / np.maximum(r, depth)
        within = 0.5 * (1 - (r / depth) ** 2) * (1 if dim == 2 else 1 / depth)
        return far + np.where(r < depth, within, 0.0)

    def screened(r: Field, _: float) -> Field:
        r = np.maximum(r, 0.1 * grid.spacing)
        return special.k0(r / 5.0) if dim == 2 else np.exp(-r / 5.0) / r

    images = ChargeImages(batch, grid, medium)
    low, high = (prefactor(medium, eps, dim) for eps in (medium.eps_solute, medium.eps_solvent))
    potential = low * summed(batch, grid, green)
    expected = {
        "coulomb": np.where(inside, potential, 0.0),
        "compact": np.where(inside, potential - low * summed(batch, grid, smooth), 0.0),
        "screened": np.where(inside, 0.0, high * summed(batch, grid, screened)),
    }
    for kind, field in expected.items():
        found = images.image(kind)  # type: ignore[arg-type]
        assert np.abs(field).max() > 0
        np.testing.assert_allclose(found, field, rtol=1e-8, atol=1e-9 * np.abs(field).max(), err_msg=kind)


def test_without_ions_the_solvent_is_a_coulomb_potential() -> None:
    batch, medium = batch_of(2), Medium(debye_length=float("inf"))
    field = prefactor(medium, medium.eps_solvent, 2) * summed(
        batch, GRIDS[2], lambda r, _: -np.log(np.maximum(r, 0.1 * GRIDS[2].spacing))
    )
    found = ChargeImages(batch, GRIDS[2], medium).image("screened")
    np.testing.assert_allclose(found, np.where(batch.level_set < 0, 0.0, field), rtol=1e-12)


def test_the_bessel_function_is_that_of_scipy() -> None:
    x = torch.logspace(-5.9, np.log10(49.9), 20001, dtype=torch.float64)
    found = k0_of_root(x.square())
    np.testing.assert_allclose(found, special.k0(x.numpy()), rtol=1e-5)
    near = x < 10.0
    np.testing.assert_allclose(found[near], special.k0(x[near].numpy()), rtol=1e-9)
    ends = k0_of_root(torch.tensor([[0.0, 1e8]]).double())[0]
    assert ends.tolist() == pytest.approx([special.k0(1e-6), special.k0(50.0)], rel=1e-5)


def test_a_list_of_no_nodes_and_one_of_no_charges() -> None:
    batch = batch_of(2)
    empty = Nodes(batch, GRIDS[2], torch.zeros_like(batch.level_set, dtype=torch.bool))
    assert [square.shape for _, square, _ in empty.charges()] == [(3, 0)]
    assert not empty.image(empty.zeros()).any()
    bare = batch._replace(position=batch.position[:, :0], value=batch.value[:, :0])
    assert list(Nodes(bare, GRIDS[2], batch.level_set < 0).charges()) == []
