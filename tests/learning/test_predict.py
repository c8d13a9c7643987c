from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from tests.learning.made_up import change_weights, no_number

from debye import schema, store
from debye.errors import FormatError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint, predict
from debye.learning.data import Samples
from debye.learning.encode import Batch, Encoding
from debye.learning.predict import predict_dataset
from debye.learning.train import train
from debye.parameters import Grid, Medium

Trained = Callable[..., Path]


@pytest.fixture
def trained(mock_file: Callable[..., Path], frozen: Callable[..., NetworkSlice], tmp_path: Path) -> Trained:
    def make(target: str) -> Path:
        held_out = mock_file("validation", samples=4, seed=2)
        train(
            frozen({"target": target}, epochs=1),
            mock_file(),
            held_out,
            tmp_path / "state.pt",
            tmp_path / "out",
        )
        return tmp_path / "out" / "checkpoint.safetensors"

    return make


@pytest.mark.parametrize("target", ["total", "regular"])
def test_predictions_are_the_networks_output_made_regular(
    target: str,
    trained: Trained,
    mock_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("debye.learning.predict.BLOCK", 3)
    path, test = trained(target), mock_file("test", samples=7, seed=5)
    predict_dataset(path, test, tmp_path / "predictions.nc", "cpu")
    record, model = checkpoint.load(path)
    batch = Samples(test).__getitems__(range(7))
    with torch.no_grad():
        output = model(record.encoding().channels(batch))[:, 0].double().numpy() * record.normalization.target
    labels = store.open_dataset(test, add=["coulomb_potential"]).load()
    if target == "total":
        output -= np.where(labels["level_set"] < 0, labels["coulomb_potential"], 0.0)
    with xr.open_dataset(tmp_path / "predictions.nc") as predictions:
        assert predictions["regular_potential"].dtype == np.float32
        np.testing.assert_allclose(predictions["regular_potential"], output, rtol=1e-4, atol=1e-3)
        for name in ("geometry", "seed", "index", "x", "y"):
            np.testing.assert_array_equal(predictions[name], labels[name])
        assert schema.grid_of(predictions) == record.grid
        assert predictions.attrs["model"] == "small"
        assert predictions.attrs["target"] == target
        assert predictions.attrs["parameters"] == record.parameters
        assert predictions.attrs["dataset_digest"] == labels.attrs["content_digest"]
        assert predictions.attrs["seconds"] > 0
        assert predictions["regular_potential"].attrs["units"] == "1"
        assert predictions["regular_potential"].encoding["chunksizes"] == (1, 17, 17)


def test_another_grid_or_medium_is_refused(
    trained: Trained, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = trained("total"), tmp_path / "predictions.nc"
    with pytest.raises(FormatError, match=r"grid: found .*cells=32.*cells=16"):
        predict_dataset(path, mock_file("finer", samples=2, grid=Grid(cells=32, half_width=8.0)), out)
    salty = schema.mock(samples=2)
    salty["debye_length"][:] = 3.0
    store.write(salty, tmp_path / "salty.nc")
    with pytest.raises(FormatError, match=r"medium: found .*debye_length=3\.0"):
        predict_dataset(path, tmp_path / "salty.nc", out)
    assert not out.exists()


@pytest.mark.parametrize("target", ["total", "compact"])
def test_any_medium_takes_the_singular_part_of_the_data_sets_own(
    target: str, trained: Trained, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = trained(target), tmp_path / "predictions.nc"
    other = schema.mock(samples=3, seed=4)
    other["eps_solute"][:] = 4.0
    other["debye_length"][:] = 3.0
    store.write(other, tmp_path / "other.nc")
    predict_dataset(path, tmp_path / "other.nc", out, "cpu", any_medium=True)
    record, model = checkpoint.load(path)
    samples = Samples(tmp_path / "other.nc")
    batch, medium = samples.__getitems__(range(3)), Medium(eps_solute=4.0, debye_length=3.0)
    encoding = dataclasses.replace(record.encoding(), medium=medium)
    with torch.no_grad():
        expected = encoding.regular(model(encoding.channels(batch)), batch)
    with xr.open_dataset(out) as predictions:
        assert predictions.attrs["medium_differs"] == "eps_solute, debye_length"
        np.testing.assert_allclose(predictions["regular_potential"], expected, rtol=1e-5, atol=1e-4)
        # The singular part of the network's own medium would be twice as large.
        assert abs(predictions["regular_potential"].values - record_regular(record, model, batch)).max() > 1.0


def record_regular(record: checkpoint.Record, model: torch.nn.Module, batch: Batch) -> np.ndarray:
    with torch.no_grad():
        return record.encoding().regular(model(record.encoding().channels(batch)), batch).numpy()


def test_any_medium_is_not_any_grid_and_says_nothing_of_the_same_medium(
    trained: Trained, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = trained("total"), tmp_path / "predictions.nc"
    finer = mock_file("finer", samples=2, grid=Grid(cells=32, half_width=8.0))
    with pytest.raises(FormatError, match=r"grid: found .*cells=32"):
        predict_dataset(path, finer, out, any_medium=True)
    test = mock_file("test", samples=2, seed=5)
    predict_dataset(path, test, out, "cpu", any_medium=True)
    with xr.open_dataset(out) as predictions:
        assert "medium_differs" not in predictions.attrs
        free = predictions.load()
    predict_dataset(path, test, out, "cpu")
    with xr.open_dataset(out) as predictions:
        np.testing.assert_array_equal(predictions["regular_potential"], free["regular_potential"])


def test_any_medium_is_not_any_ions(trained: Trained, mock_file: Callable[..., Path], tmp_path: Path) -> None:
    path, out = trained("total"), tmp_path / "predictions.nc"
    other = schema.mock(samples=2)
    other["ions"][:] = "linear"
    store.write(other, tmp_path / "linear.nc")
    words = r"medium: ions: found linear, expected nonlinear of the network small in checkpoint\.safetensors; .*solve"
    with pytest.raises(FormatError, match=rf"linear\.nc: {words}"):
        predict_dataset(path, tmp_path / "linear.nc", out, "cpu", any_medium=True)
    with pytest.raises(FormatError, match=r"linear\.nc: medium: found .*ions='linear'"):
        predict_dataset(path, tmp_path / "linear.nc", out, "cpu")
    assert not out.exists()


def test_several_devices_give_the_bytes_of_one(
    trained: Trained, mock_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debye.learning.predict.BLOCK", 3)
    monkeypatch.setattr(Samples.blocks, "__defaults__", (3, 0, 1))
    path, test = trained("total"), mock_file("test", samples=23, seed=5)
    predict_dataset(path, test, tmp_path / "one.nc", "cpu")
    cpu, seen = torch.device("cpu"), set()
    real = predict.regular_potential

    def regular(batch: Batch, model: torch.nn.Module, encoding: Encoding) -> object:
        seen.add((model, threading.get_ident()))
        # The first block is the last to be ready: the order of the file is kept all the same.
        time.sleep(0.2 if len(seen) == 1 else 0.01)
        return real(batch, model, encoding)

    monkeypatch.setattr(predict, "choose_devices", lambda _: [cpu, cpu])
    monkeypatch.setattr(predict, "regular_potential", regular)
    predict_dataset(path, test, tmp_path / "two.nc", "cpu")
    assert len({model for model, _ in seen}) == 2
    one, two = (xr.open_dataset(tmp_path / f"{name}.nc")["regular_potential"] for name in ("one", "two"))
    assert len(one) == 23
    assert one.values.tobytes() == two.values.tobytes()


def test_nothing_is_left_of_predictions_that_fail(
    trained: Trained, mock_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, test = trained("total"), mock_file("test", samples=3, seed=5)
    (tmp_path / "there").mkdir()

    def fail(*_: object) -> None:
        raise FormatError("unreadable")

    monkeypatch.setattr(Samples, "__getitems__", fail)
    with pytest.raises(FormatError, match="unreadable"):
        predict_dataset(path, test, tmp_path / "there" / "predictions.nc")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_prediction_that_is_no_number_is_not_written(
    trained: Trained, mock_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = trained("total")
    change_weights(path, no_number)
    test, out = mock_file("test", samples=2), tmp_path / "predictions.nc"
    with pytest.raises(FormatError, match="NaN or inf for sample 0"):
        predict_dataset(path, test, out)
    assert not out.exists()
