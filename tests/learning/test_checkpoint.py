from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.learning.made_up import record_of

from debye.errors import FormatError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint
from debye.learning.encode import Normalization
from debye.learning.models import build
from debye.parameters import Grid, Medium


@pytest.fixture
def saved(
    frozen: Callable[..., NetworkSlice], tmp_path: Path
) -> tuple[Path, checkpoint.Record, torch.nn.Module]:
    network, grid = frozen().network, Grid(cells=16, half_width=8.0)
    model = build(network, grid)
    scales = Normalization(charge_channels=(0.25,), target=3.0)
    salt_free = Medium(debye_length=float("inf"))
    record = record_of(network, grid, model, medium=salt_free, normalization=scales)
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, record, model.state_dict())
    return path, record, model


def test_round_trip(saved: tuple[Path, checkpoint.Record, torch.nn.Module]) -> None:
    path, record, model = saved
    found, again = checkpoint.load(path)
    assert found == record
    assert found.encoding().medium.debye_length == float("inf")
    image = torch.randn(1, 2, 17, 17)
    assert torch.equal(again(image), model(image))


def test_the_same_content_gives_the_same_bytes(
    saved: tuple[Path, checkpoint.Record, torch.nn.Module], tmp_path: Path
) -> None:
    path, record, model = saved
    checkpoint.save(tmp_path / "again.safetensors", record, model.state_dict())
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_header_is_plain_json(saved: tuple[Path, checkpoint.Record, torch.nn.Module]) -> None:
    path = saved[0]
    with path.open("rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    assert json.loads(header["__metadata__"]["debye"])["network"]["architecture"]["channels"] == 16


def test_a_truncated_file(saved: tuple[Path, checkpoint.Record, torch.nn.Module]) -> None:
    path = saved[0]
    for size in (0, 5, 100, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:size] if size else b"")
        with pytest.raises(FormatError, match=r"checkpoint\.safetensors"):
            checkpoint.load(path)
        checkpoint.save(path, saved[1], saved[2].state_dict())


def test_a_missing_or_foreign_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        checkpoint.load(tmp_path / "nowhere.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(FormatError, match="another program"):
        checkpoint.load(tmp_path / "foreign.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"debye": '{"name": 1}'})
    with pytest.raises(FormatError, match="record"):
        checkpoint.load(tmp_path / "odd.safetensors")


def test_tensors_of_another_network(saved: tuple[Path, checkpoint.Record, torch.nn.Module]) -> None:
    path, record, model = saved
    weights = model.state_dict()
    weights.pop("head.bias")
    checkpoint.save(path, record, weights)
    with pytest.raises(FormatError, match="tensors of its network"):
        checkpoint.load(path)
