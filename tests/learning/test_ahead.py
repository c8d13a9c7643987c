"""Samples that are encoded for several steps at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from debye.frozen import NetworkSlice
from debye.learning.ahead import encoded_ahead
from debye.learning.data import Samples, batches
from debye.learning.encode import Encoding
from debye.learning.state import State


@pytest.mark.parametrize("augment", [True, False])
def test_each_step_gets_what_it_would_get_alone(
    mock_file: Callable[..., Path], frozen: Callable[..., NetworkSlice], augment: bool
) -> None:
    # Of ten samples in batches of four the last of an epoch has two.
    network = frozen(epochs=2, batch_size=4, augment=augment).network
    samples = Samples(mock_file(samples=10))
    encoding = Encoding(samples.grid, samples.medium, network)

    def stream(together: int) -> list[list[torch.Tensor]]:
        read = batches(samples, network.training, 0, 0)
        found = encoded_ahead(read, encoding, torch.device("cpu"), State("", {}, torch.zeros(0)), together)
        return [[channels, *scene] for channels, scene in found]

    alone, ahead = stream(1), stream(4)
    assert [len(images[0]) for images in alone] == [4, 4, 2] * 2
    for one, other in zip(alone, ahead, strict=True):
        for image, same in zip(one, other, strict=True):
            assert torch.equal(image, same)
