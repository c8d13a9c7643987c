"""Images of the equation: edge weights and volume fractions by hand, and a label that solves them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve

import debye
from debye.learning.batch import Batch
from debye.learning.channels import ChargeImages
from debye.learning.fraction import volume_fraction
from debye.learning.nodes import Nodes
from debye.learning.singular import without_compact
from debye.learning.stiffness import Edges, edge_weights, ionic_weight
from debye.learning.symmetry import symmetry
from debye.parameters import Grid, Medium

GRID = Grid(cells=16, half_width=8.0)
MEDIUM = Medium()


def plane(angle: float, offset: float, grid: Grid = GRID) -> torch.Tensor:
    """Signed distance to a straight interface, shape (1, x, y)."""
    points = torch.from_numpy(grid.points()).reshape(*grid.shape, 2)
    return (points[..., 0] * np.cos(angle) + points[..., 1] * np.sin(angle) - offset)[None]


def star(turn: int = 0) -> torch.Tensor:
    points = torch.from_numpy(GRID.points()).reshape(*GRID.shape, 2)
    distance = torch.hypot((points[..., 0] - 0.7) / 1.4, points[..., 1] + 0.4) - 3.1
    return symmetry(distance[None], torch.tensor([turn]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_medium_is_the_five_point_stencil(sign: float) -> None:
    edges = edge_weights(sign * torch.ones(1, *GRID.shape), GRID, MEDIUM)
    eps = 1.0 if sign > 0 else 2.0 / 80.0
    assert bool((edges.rising == 0).all() and (edges.falling == 0).all())
    # Edges on the border of the box belong to one row of cells only.
    np.testing.assert_allclose(edges.x[0, :-1, 1:-1], eps)
    np.testing.assert_allclose(edges.x[0, :-1, 0], eps / 2)
    np.testing.assert_allclose(edges.y[0, 0, :-1], eps / 2)
    assert bool((edges.x[0, -1] == 0).all() and (edges.y[0, :, -1] == 0).all())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_across_a_straight_interface_permittivities_are_in_series(share: float) -> None:
    # Γ along y, `share` of a cell beyond the nodes at x = 1: solute left of it.
    edges = edge_weights(plane(0.0, 1.0 + share), GRID, MEDIUM)
    series = 1.0 / (share * 80.0 / 2.0 + (1 - share))
    np.testing.assert_allclose(edges.x[0, 9, 1:-1], series, rtol=1e-12)
    # Along it each side conducts for itself: in parallel, over the whole cell.
    column = edges.y[0, 9, 1:-2] + edges.y[0, 10, 1:-2]
    parallel = share * 2.0 / 80.0 + (1 - share)
    np.testing.assert_allclose(column, 0.5 * 2.0 / 80.0 + 0.5 + parallel, rtol=0.35)


def flow(edges: Edges, potential: torch.Tensor) -> torch.Tensor:
    """Sum over the edges at each node of weight times difference, by loops."""
    total = torch.zeros_like(potential)
    n = potential.shape[1]
    for weights, start, end in (
        (edges.x, (0, 0), (1, 0)),
        (edges.y, (0, 0), (0, 1)),
        (edges.rising, (0, 0), (1, 1)),
        (edges.falling, (0, 1), (1, 0)),
    ):
        for i in range(n - max(start[0], end[0])):
            for j in range(n - max(start[1], end[1])):
                a, b = (0, i + start[0], j + start[1]), (0, i + end[0], j + end[1])
                carried = weights[0, i, j] * (potential[a] - potential[b])
                total[a] += carried
                total[b] -= carried
    return total


@pytest.mark.parametrize("angle", [0.0, np.pi / 2])
def test_a_field_that_is_linear_on_both_sides_with_one_flux_solves_the_equation(angle: float) -> None:
    """d/ε of the side, d the distance: continuous, the same flux everywhere; Γ along an axis, where no term lacks."""
    distance = plane(angle, 0.37)
    field = torch.where(distance < 0, distance * 80.0 / 2.0, distance)
    rest = flow(edge_weights(distance, GRID, MEDIUM), field)[0, 1:-1, 1:-1]
    assert float(rest.abs().max()) < 1e-10


@pytest.mark.parametrize("turn", range(8))
def test_the_images_turn_with_the_problem(turn: int) -> None:
    field = symmetry(torch.sin(star() * 0.7), torch.tensor([turn]))
    before = symmetry(flow(edge_weights(star(), GRID, MEDIUM), torch.sin(star() * 0.7)), torch.tensor([turn]))
    after = flow(edge_weights(star(turn), GRID, MEDIUM), field)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-11)


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 4, 1.3])
def test_volume_fraction_of_a_half_plane(angle: float) -> None:
    offset = 0.21
    found = volume_fraction(plane(angle, offset), GRID)[0]
    sub = (np.arange(200) + 0.5) / 200 - 0.5
    along, across = np.meshgrid(sub, sub, indexing="ij")
    for i, j in ((8, 8), (7, 8), (8, 9), (9, 7)):
        x, y = GRID.axis[i] + along, GRID.axis[j] + across
        expected = (x * np.cos(angle) + y * np.sin(angle) > offset).mean()
        assert float(found[i, j]) == pytest.approx(expected, abs=0.006)


def test_volume_fractions_of_a_ball_add_up_to_what_is_outside() -> None:
    grid = Grid(cells=24, half_width=6.0, dim=3)
    distance = torch.from_numpy(np.linalg.norm(grid.points(), axis=1) - 3.3).reshape(1, *grid.shape)
    inside = float((1 - volume_fraction(distance, grid)).sum()) * grid.spacing**3
    assert inside == pytest.approx(4 / 3 * np.pi * 3.3**3, rel=0.01)


def test_the_ionic_weight_counts_in_the_solvent_only() -> None:
    weight = ionic_weight(plane(0.0, 0.3), GRID, MEDIUM)[0]
    full = (GRID.spacing / MEDIUM.debye_length) ** 2
    np.testing.assert_allclose(weight[10:], full)
    assert bool((weight[:9] == 0).all())
    assert float(weight[9, 5]) == pytest.approx(full, rel=1e-9)


def test_the_solution_of_these_images_is_the_label_to_some_parts_in_a_thousand() -> None:
    grid = Grid(cells=64, half_width=16.0)
    medium = Medium(ions="linear")
    shape = debye.Star(center=(0.5, -0.3), radius=7.0, amplitudes=(0.1, 0.05), phases=(0.3, 1.0))
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -3.0]], [0.1, -0.05])
    solution = debye.solve(debye.Problem(grid, shape, charges, medium))
    batch = Batch(
        torch.from_numpy(solution.regular[None]).float(),
        torch.from_numpy(solution.level_set[None]).float(),
        torch.tensor(charges.positions[None]),
        torch.tensor(charges.values[None]),
    )
    inside, images = Nodes(batch, grid, batch.level_set < 0), ChargeImages(batch, grid, medium)
    target = (batch.regular.double() + inside.image(without_compact(inside, medium)))[0].numpy()
    edges, n = edge_weights(batch.level_set, grid, medium), grid.cells + 1
    index = np.arange(n * n).reshape(n, n)
    rows, columns, values = [], [], []
    for weights, start, end in (
        (edges.x[0, :-1], index[:-1], index[1:]),
        (edges.y[0, :, :-1], index[:, :-1], index[:, 1:]),
        (edges.rising[0, :-1, :-1], index[:-1, :-1], index[1:, 1:]),
        (edges.falling[0, :-1, :-1], index[:-1, 1:], index[1:, :-1]),
    ):
        rows += [start.ravel(), end.ravel()]
        columns += [end.ravel(), start.ravel()]
        values += [weights.numpy().ravel()] * 2
    coupling = coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsr()
    matrix = diags_array(coupling.sum(axis=1) + ionic_weight(batch.level_set, grid, medium).numpy().ravel())
    matrix = (matrix - coupling).tocsr()
    inner = np.zeros((n, n), dtype=bool)
    inner[1:-1, 1:-1] = True
    inner = inner.ravel()
    found = images.image("screened").numpy().ravel()
    right = images.image("smeared").numpy().ravel() - matrix @ np.where(inner, 0.0, found)
    found[inner] = spsolve(matrix[inner][:, inner].tocsc(), right[inner])
    error = np.linalg.norm(found - target.ravel()) / np.linalg.norm(target)
    assert error < 0.01
