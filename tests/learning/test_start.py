"""A training that starts from the weights of another network."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from debye.config import load_config
from debye.errors import ConfigError, FormatError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint
from debye.learning.models import build
from debye.learning.train import train

Frozen = Callable[..., NetworkSlice]


@pytest.fixture
def splits(mock_file: Callable[..., Path]) -> tuple[Path, Path]:
    return mock_file("train", samples=10), mock_file("validation", samples=4, seed=2)


@pytest.fixture
def first(splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path) -> Path:
    """Checkpoint of the network `small`."""
    train(frozen(), *splits, tmp_path / "first.pt", tmp_path / "first", "cpu")
    return tmp_path / "first" / "checkpoint.safetensors"


@pytest.fixture
def second(frozen: Frozen) -> Callable[..., NetworkSlice]:
    def make(network: dict[str, Any] | None = None, **training: Any) -> NetworkSlice:
        part = frozen({"start": "small"} | (network or {}), **training)
        return part.model_copy(update={"name": "second"})

    return make


def test_it_goes_on_with_the_weights_and_the_scales(
    splits: tuple[Path, Path], first: Path, second: Frozen, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    # A split of another size would have other scales, and the weights another meaning.
    larger = mock_file("larger", samples=10, scale=3.0)
    settings = second(epochs=1, learning_rate=1e-12)
    train(settings, larger, splits[1], tmp_path / "second.pt", tmp_path / "second", "cpu", first)
    found = tmp_path / "second" / "checkpoint.safetensors"
    before, after = load_file(first), load_file(found)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, rtol=0, atol=1e-9)
    record, origin = checkpoint.read_record(found), checkpoint.read_record(first)
    assert record.normalization == origin.normalization
    assert record.network.start == "small"


def test_weights_of_another_start_are_not_continued(
    splits: tuple[Path, Path],
    first: Path,
    second: Frozen,
    frozen: Frozen,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = tmp_path / "second.pt"
    train(second(epochs=1), *splits, state, tmp_path / "second", "cpu", first)
    train(frozen(seed=3), *splits, tmp_path / "first.pt", tmp_path / "first", "cpu")
    with caplog.at_level(logging.WARNING, "debye"):
        train(second(epochs=1), *splits, state, tmp_path / "second", "cpu", first)
    assert "another network at the start made it" in caplog.text


@pytest.mark.parametrize("case", ["none", "not wanted", "another", "changed", "medium"])
def test_what_it_cannot_start_from(
    splits: tuple[Path, Path],
    first: Path,
    second: Frozen,
    frozen: Frozen,
    mock_file: Callable[..., Path],
    tmp_path: Path,
    case: str,
) -> None:
    settings, data, start, words = second(), splits[0], first, ""
    if case == "none":
        start, words = None, "start of second: found no checkpoint, expected the one of small"
    elif case == "not wanted":
        settings, words = frozen(), "expected none"
    elif case == "another":
        settings, words = second({"start": "large"}), "found the network small, expected large as configured"
    elif case == "changed":
        settings, words = second({"target": "regular"}), "the network small of another configuration"
    else:
        record, _ = checkpoint.load(first)
        other = record.model_copy(update={"medium": record.medium.model_copy(update={"eps_solute": 7.0})})
        model = build(record.network, record.grid)
        checkpoint.save(first, other, model.state_dict())
        words = "eps_solute=7"
    with pytest.raises(FormatError, match=words):
        train(settings, data, splits[1], tmp_path / "second.pt", tmp_path / "second", "cpu", start)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": "nobody"}, "starts from 'nobody'"),
        ({"start": "fine"}, "no circle"),
        ({"start": "compact", "target": "total"}, "another architecture, target"),
    ],
)
def test_the_configuration_is_checked(tmp_path: Path, change: dict[str, str], words: str) -> None:
    content = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
    model = content["models"]["compact"]
    content["models"] = {"compact": model, "fine": model | {"start": "compact"}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert load_config(path).models["fine"].start == "compact"
    unet = {"architecture": {"kind": "unet", "channels": 4, "downsample": 2}} if "target" in change else {}
    content["models"]["fine"] = model | unet | change
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_config(path)
