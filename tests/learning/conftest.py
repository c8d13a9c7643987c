"""Small data sets with made-up content, and small networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from debye import schema, store
from debye.config import Network, ResNet, Training
from debye.frozen import NetworkSlice


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    # Sums depend on the number of threads, and pytest-xdist has the cores already.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def mock_file(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "train", scale: float = 1.0, **arguments: Any) -> Path:
        dataset = schema.mock(**({"samples": 10, "seed": 1} | arguments))
        dataset["regular_potential"] *= scale
        dataset.attrs["content_digest"] = store.content_digest(dataset)
        path = tmp_path / f"{name}.nc"
        store.write(dataset, path)
        return path

    return make


@pytest.fixture
def frozen() -> Callable[..., NetworkSlice]:
    def make(network: dict[str, Any] | None = None, **training: Any) -> NetworkSlice:
        size = ResNet(kind="resnet", channels=16, blocks=2, downsample=2)
        settings = Training(**({"epochs": 3, "batch_size": 4, "learning_rate": 2e-3} | training))
        whole = Network(**({"architecture": size, "training": settings} | (network or {})))
        return NetworkSlice(code="test", name="small", network=whole)

    return make
