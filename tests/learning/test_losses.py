from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from debye.learning.batch import Scene
from debye.learning.losses import FLOOR, Loss, band, flux_jump, h1, loss_of, mse, relative_l2
from debye.networks import Training
from debye.parameters import Medium

TARGET = torch.tensor([[[[3.0, 4.0], [0.0, 9.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
OUTPUT = torch.tensor([[[[3.0, 2.0], [1.0, 0.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
WEIGHT = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
SCENE = Scene(TARGET, WEIGHT, torch.zeros_like(TARGET))

MEDIUM = Medium(eps_solute=2.0, eps_solvent=80.0, debye_length=8.0)
LOSSES = (mse, relative_l2, h1, partial(band, half_width=2.0), partial(flux_jump, medium=MEDIUM))


def image(*values: float, along: int = 0) -> Tensor:
    """One sample with these values along x or y, and three lines of them beside each other."""
    lines = torch.tensor(values)[:, None].repeat(1, 3)
    return (lines if along == 0 else lines.T)[None, None]


def in_flux(error: Tensor, target: Tensor, distance: Tensor) -> float:
    scene = Scene(target, torch.ones_like(target), distance)
    return flux_jump(target + error, scene, MEDIUM).item()


def test_by_hand() -> None:
    # Known nodes of the first sample: errors 0, -2, 1 on a target of norm 5; the second sample is exact.
    assert mse(OUTPUT, SCENE).tolist() == pytest.approx([5 / 3, 0.0])
    assert relative_l2(OUTPUT, SCENE).tolist() == pytest.approx([5**0.5 / 5, 0.0])


def test_the_gradient_by_hand() -> None:
    # Two edges have both ends known: along y the error -2 on the step 1, along x the error 1 on the step -3.
    assert h1(OUTPUT, SCENE)[0].item() == pytest.approx((5 / 10) ** 0.5)
    # A constant is no error of the gradient.
    assert h1(TARGET + 7.0, SCENE).tolist() == pytest.approx([0.0, 0.0])


def test_the_band_by_hand() -> None:
    distance = torch.tensor([[[[-1.5, 2.0], [1.9, 0.0]]], [[[5.0, 6.0], [7.0, 8.0]]]])
    scene = SCENE._replace(distance=distance)
    output = OUTPUT + torch.tensor([2.0, 0.5])[:, None, None, None]
    # Node (0, 1) is too far and (1, 1) is not known: errors 2 and 3 on a target of 3 and 0.
    assert band(output, scene, 2.0).tolist() == pytest.approx([13**0.5 / 3, 0.0])
    # With a wider band node (0, 1) counts, and there is no error.
    assert band(output, scene, 2.1)[0].item() == pytest.approx(13**0.5 / 5)


@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize("way", [1.0, -1.0])
def test_the_jump_of_the_flux_by_hand(along: int, way: float) -> None:
    distance = way * image(-2.4, -1.4, -0.4, 0.6, 1.6, 2.6, along=along)
    target = image(0.0, 1.0, 4.0, 5.0, 2.0, 2.0, along=along)
    error = image(0.0, 0.0, 0.1, 3.0, 3.2, 9.0, along=along)
    low, high = (2.0, 80.0) if way > 0 else (80.0, 2.0)
    # Edge 1 → 2 on the low side, 3 → 4 on the high one; the cut edge 2 → 3 and those farther away do not count.
    jump, sides = high * 0.2 - low * 0.1, ((low * 3.0) ** 2 + (high * -3.0) ** 2) ** 0.5
    assert in_flux(error, target, distance) == pytest.approx(abs(jump) / sides, rel=1e-5)


def test_a_continuous_flux_has_no_jump() -> None:
    distance = image(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
    target = image(0.0, 1.0, 2.0, 7.0, 9.0, 11.0)
    # ε times the slope is 80 on both sides. A value that jumps is another term's concern.
    error = image(0.0, 40.0, 80.0, 300.0, 301.0, 302.0)
    assert in_flux(error, target, distance) == pytest.approx(0.0, abs=1e-6)
    assert in_flux(error * distance, target, distance) > 0.1


def test_edges_of_both_axes_are_one_sum() -> None:
    corner = torch.full((4, 4), 1.0)
    corner[:2, :2] = -1.0
    x = torch.arange(4.0)[:, None].expand(4, 4)
    y = x.T
    # Two cut edges along x, in the lines y = 0 and 1, and two along y.
    jumps, sides = 2 * 78.0**2, 2 * (2.0**2 + 80.0**2) + 2 * ((2 * 5.0) ** 2 + (80 * 5.0) ** 2)
    found = in_flux(x[None, None], (x + 5 * y)[None, None], corner[None, None])
    assert found == pytest.approx((jumps / sides) ** 0.5, rel=1e-5)


@pytest.mark.parametrize("hidden", [1, 2, 3, 4])
def test_a_cut_edge_needs_four_known_nodes(hidden: int) -> None:
    distance = image(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
    target = image(0.0, 1.0, 2.0, 7.0, 9.0, 12.0)
    weight = torch.ones_like(target)
    weight[..., hidden, :] = 0.0
    assert flux_jump(1.1 * target, Scene(target, weight, distance), MEDIUM).item() == 0.0


@pytest.mark.parametrize(
    "distance",
    [
        image(-1.0, 1.0, 1.0, 1.0, 1.0, 1.0),  # no node behind the edge
        image(1.0, 1.0, 1.0, 1.0, 1.0, -1.0),
        image(-1.0, -1.0, 1.0, -1.0, -1.0, -1.0),  # a solvent one node thick
        image(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    ],
)
def test_a_side_needs_two_nodes(distance: Tensor) -> None:
    target = image(0.0, 1.0, 2.0, 7.0, 9.0, 12.0)
    assert in_flux(target, target, distance) == 0.0


@pytest.mark.parametrize("loss", [mse, relative_l2])
def test_a_masked_node_has_no_gradient_and_an_exact_sample_a_finite_one(loss: Loss) -> None:
    output = OUTPUT.clone().requires_grad_()
    loss(output, SCENE).sum().backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None
    assert bool(torch.isfinite(output.grad).all())
    assert output.grad[0, 0, 1, 1] == 0
    assert output.grad[0, 0, 0, 1] < 0 < output.grad[0, 0, 1, 0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [0.0, 1.0])
def test_gradients_are_finite_whatever_the_target(loss: Loss, size: float) -> None:
    generator = torch.Generator().manual_seed(1)
    target = size * torch.randn(3, 1, 8, 8, generator=generator)
    weight = torch.ones_like(target)
    weight[:, :, 2, 5] = 0.0
    distance = torch.linspace(-3, 4, 8)[:, None].expand_as(target)
    error = torch.randn(target.shape, generator=generator)
    # The first sample is exact, the second has nothing known.
    error[0] = 0.0
    weight[1, :, 1:] = 0.0
    output = (target + error).requires_grad_()
    losses = loss(output, Scene(target, weight, distance))
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert losses[0] == 0.0
    assert bool(torch.isfinite(losses).all())
    assert losses[2] > 0.0
    assert output.grad is not None
    assert bool(torch.isfinite(output.grad).all())
    assert not output.grad[:, :, 2, 5].any()
    assert bool(output.grad[2].any())


def test_next_to_no_target_is_held_against_the_floor() -> None:
    one = torch.ones(1, 1, 2, 2)
    for target in (0.0 * one, 0.5 * FLOOR * one):
        scene = Scene(target, one, one)
        assert relative_l2(target + one, scene).item() == pytest.approx(1 / FLOOR)


@pytest.mark.parametrize("loss", LOSSES[1:])
def test_relative_terms_do_not_see_the_size_of_a_sample(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(2)
    target, error = torch.randn(2, 3, 1, 8, 8, generator=generator)
    distance = torch.linspace(-3, 4, 8)[:, None].expand_as(target)
    scene = Scene(target, torch.ones_like(target), distance)
    plain = loss(target + error, scene)
    assert bool((plain > 0).all())
    torch.testing.assert_close(loss(50 * (target + error), scene._replace(target=50 * target)), plain)


def test_the_loss_is_the_sum_of_its_terms_in_float32() -> None:
    generator = torch.Generator().manual_seed(3)
    target, error = torch.randn(2, 3, 1, 8, 8, generator=generator)
    distance = torch.linspace(-3, 4, 8)[:, None].expand_as(target)
    scene, output = Scene(target, torch.ones_like(target), distance), (target + error).bfloat16()
    factors = {"mse": 0.5, "relative_l2": 1.0, "h1": 0.25, "band": 2.0, "flux_jump": 0.1}
    training = Training(epochs=1, batch_size=1, learning_rate=1.0, loss=factors, band=1.3)
    wide = output.float()
    expected = (
        0.5 * mse(wide, scene)
        + relative_l2(wide, scene)
        + 0.25 * h1(wide, scene)
        + 2.0 * band(wide, scene, 1.3)
        + 0.1 * flux_jump(wide, scene, MEDIUM)
    )
    found = loss_of(training, MEDIUM)(output, scene)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    alone = loss_of(training.model_copy(update={"loss": "h1"}), MEDIUM)
    assert torch.equal(alone(output, scene), h1(wide, scene))
