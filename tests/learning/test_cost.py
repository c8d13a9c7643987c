"""What a network costs: its own numbers, and times of the whole way from a problem to its potential."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from debye import schema, store
from debye.errors import FormatError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint, cost
from debye.learning.train import train


@pytest.fixture
def trained(mock_file: Callable[..., Path], frozen: Callable[..., NetworkSlice], tmp_path: Path) -> Path:
    held_out = mock_file("validation", samples=4, seed=2)
    train(frozen({}, epochs=1), mock_file(), held_out, tmp_path / "state.pt", tmp_path / "out")
    return tmp_path / "out" / "checkpoint.safetensors"


def test_medians_of_batches_of_each_size(
    trained: Path, mock_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def regular(batch: object, *_: object) -> tuple[None, float]:
        size = len(batch.value)  # type: ignore[attr-defined]
        sizes.append(size)
        # The first are slow, and one of the others too: neither counts.
        first = sizes.count(size) <= cost.WARM_UP
        return None, 100.0 if first or sizes.count(size) == cost.WARM_UP + 2 else 0.01 * size + 0.01

    monkeypatch.setattr(cost, "regular_potential", regular)
    monkeypatch.setattr(cost, "BUDGET", 1000.0)
    found = cost.measure(trained, mock_file("test", samples=5, seed=5), "cpu")
    assert {size: sizes.count(size) for size in cost.BATCHES} == dict.fromkeys(
        cost.BATCHES, cost.WARM_UP + cost.MOST
    )
    assert found["latency_seconds"] == pytest.approx(0.02)
    assert found["batches"]["16"]["seconds"] == pytest.approx(0.17)
    assert found["batches"]["64"]["samples_per_second"] == pytest.approx(64 / 0.65)


def test_a_slow_network_is_not_asked_for_ever(
    trained: Path, mock_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def regular(*arguments: object) -> tuple[None, float]:
        calls.append(arguments)
        return None, cost.BUDGET

    monkeypatch.setattr(cost, "regular_potential", regular)
    cost.measure(trained, mock_file("test", samples=5, seed=5), "cpu")
    assert len(calls) == len(cost.BATCHES) * (cost.WARM_UP + cost.FEWEST)


def test_the_file_has_what_the_checkpoint_knows(
    trained: Path, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    record = checkpoint.read_record(trained)
    cost.write_cost(trained, mock_file("test", samples=5, seed=5), tmp_path / "cost.json", "cpu")
    found = json.loads((tmp_path / "cost.json").read_text(encoding="utf-8"))
    assert (found["parameters"], found["multiply_adds"]) == (record.parameters, record.multiply_adds)
    assert found["training"]["seconds"] == record.seconds
    assert found["training"]["steps"] == record.steps
    assert found["training"]["device"] == record.device
    assert found["threads"] == torch.get_num_threads()
    assert found["device"]
    assert 0 < found["latency_seconds"] < 10


def test_data_of_another_medium_are_refused(trained: Path, tmp_path: Path) -> None:
    salty = schema.mock(samples=2)
    salty["debye_length"][:] = 3.0
    store.write(salty, tmp_path / "salty.nc")
    with pytest.raises(FormatError, match=r"medium: found .*debye_length=3\.0"):
        cost.write_cost(trained, tmp_path / "salty.nc", tmp_path / "cost.json", "cpu")
    assert not (tmp_path / "cost.json").exists()
