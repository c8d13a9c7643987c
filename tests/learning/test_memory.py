from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from debye.frozen import NetworkSlice
from debye.learning import memory
from debye.learning.data import Samples, batches
from debye.learning.memory import fits, free_memory
from debye.learning.train import train
from debye.networks import Training

MockFile = Callable[..., Path]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """A machine with 8000 kB available, and cgroups with these limits and uses, from the outside in."""

    def make(*groups: tuple[str, int]) -> None:
        proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
        (proc / "self").mkdir(parents=True)
        (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 8000 kB\n")
        folder = cgroups
        for number, (limit, used) in enumerate(groups):
            folder = folder / f"job{number}"
            folder.mkdir(parents=True)
            (folder / "memory.max").write_text(f"{limit}\n")
            (folder / "memory.current").write_text(f"{used}\n")
        # A limit out there is none of ours.
        (tmp_path / "memory.max").write_text("1\n")
        (tmp_path / "memory.current").write_text("0\n")
        (proc / "self" / "cgroup").write_text(f"1:cpu:/old\n0::/{folder.relative_to(cgroups)}\n")
        monkeypatch.setattr(memory, "PROC", proc)
        monkeypatch.setattr(memory, "CGROUPS", cgroups)

    return make


@pytest.mark.parametrize(
    ("groups", "free"),
    [
        ([], 8000 * 1024),
        ([("max", 5)], 8000 * 1024),
        ([("4000000", 1000000)], 3000000),
        ([("2000000", 1500000), ("max", 1)], 500000),
        ([("2000000", 1500000), ("100000", 99999)], 1),
        ([("1000", 2000)], 0),
    ],
)
def test_what_is_free_is_what_the_narrowest_limit_leaves(
    groups: list[tuple[str, int]], free: int, machine: Callable[..., None]
) -> None:
    machine(*groups)
    assert free_memory() == free


def test_something_is_free_here() -> None:
    assert 1e6 < free_memory() < 1e15


def test_a_quarter_of_what_is_free(machine: Callable[..., None]) -> None:
    machine(("4000000", 0))
    assert fits("auto", 1000000, 1)
    assert not fits("auto", 1000001, 1)
    assert fits("auto", 500000, 2)
    assert not fits("auto", 500001, 2)
    assert fits("memory", 10**12, 8)
    assert not fits("stream", 1, 1)


def test_held_samples_are_the_same_batches(mock_file: MockFile) -> None:
    read, held = Samples(mock_file(charges=3)), Samples(mock_file(charges=3))
    size = held.size()
    held.hold()
    assert held.held
    assert held._held is not None
    assert size == sum(part.nbytes for part in held._held)
    training = Training(epochs=2, batch_size=4, learning_rate=1e-3)
    # Readers in processes of their own are not needed.
    pairs = list(zip(batches(read, training, 0, 1), batches(held, training, 0, 1, workers=2), strict=True))
    pairs += [((one, None), (two, None)) for one, two in zip(read.blocks(3), held.blocks(3), strict=True)]
    for (one, _), (two, _) in pairs:
        for part, other in zip(one, two, strict=True):
            assert part.dtype == other.dtype
            assert torch.equal(part, other)
    # A batch is a copy: nobody changes what is held.
    held.__getitems__([0]).regular.zero_()
    assert torch.equal(held.__getitems__([0]).regular, read.__getitems__([0]).regular)
    held.close()
    assert not held.held


def test_a_training_ends_with_the_same_bits_either_way(
    mock_file: MockFile,
    frozen: Callable[..., NetworkSlice],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    splits = mock_file("train"), mock_file("validation", samples=4, seed=2)
    held = []
    real = Samples.hold
    monkeypatch.setattr(Samples, "hold", lambda self: (held.append(self.path), real(self)))
    caplog.set_level(logging.DEBUG, logger="debye")
    states = {}
    for data in ("stream", "memory", "auto"):
        train(frozen(data=data), *splits, tmp_path / f"{data}.pt", tmp_path / data, "cpu")
        states[data] = torch.load(tmp_path / f"{data}.pt", weights_only=True)["best_weights"]
        assert len(held) == {"stream": 0, "memory": 1, "auto": 2}[data]
    assert held == [splits[0]] * 2
    assert "held in memory" in caplog.text
    for name, weight in states["stream"].items():
        assert torch.equal(weight, states["memory"][name])
        assert torch.equal(weight, states["auto"][name])
