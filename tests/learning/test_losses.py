from __future__ import annotations

import pytest
import torch

from debye.learning.losses import mse, relative_l2

TARGET = torch.tensor([[[[3.0, 4.0], [0.0, 9.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
OUTPUT = torch.tensor([[[[3.0, 2.0], [1.0, 0.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
WEIGHT = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])


def test_by_hand() -> None:
    # Known nodes of the first sample: errors 0, -2, 1 on a target of norm 5; the second sample is exact.
    assert mse(OUTPUT, TARGET, WEIGHT).tolist() == pytest.approx([5 / 3, 0.0])
    assert relative_l2(OUTPUT, TARGET, WEIGHT).tolist() == pytest.approx([5**0.5 / 5, 0.0])


@pytest.mark.parametrize("loss", [mse, relative_l2])
def test_a_masked_node_has_no_gradient_and_an_exact_sample_a_finite_one(loss: object) -> None:
    output = OUTPUT.clone().requires_grad_()
    loss(output, TARGET, WEIGHT).sum().backward()  # type: ignore[operator]
    assert output.grad is not None
    assert bool(torch.isfinite(output.grad).all())
    assert output.grad[0, 0, 1, 1] == 0
    assert output.grad[0, 0, 0, 1] < 0 < output.grad[0, 0, 1, 0]


def test_relative_l2_does_not_see_the_size_of_a_sample() -> None:
    torch.testing.assert_close(
        relative_l2(50 * OUTPUT, 50 * TARGET, WEIGHT), relative_l2(OUTPUT, TARGET, WEIGHT)
    )
