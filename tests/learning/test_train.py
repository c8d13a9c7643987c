from __future__ import annotations

import csv
import itertools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from debye.errors import ConfigError, FormatError, TrainingError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint
from debye.learning.ahead import encoded
from debye.learning.data import Samples
from debye.learning.encode import Encoding
from debye.learning.optimise import learning_rate
from debye.learning.scales import statistics
from debye.learning.symmetry import symmetry
from debye.learning.train import train
from debye.networks import Training
from debye.parameters import Grid

TIMES = ("seconds", "data_wait")
Frozen = Callable[..., NetworkSlice]
MockFile = Callable[..., Path]

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from debye.frozen import NetworkSlice
from debye.learning import state, train

torch.set_num_threads(1)
folder, how, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
count = 0

def then_die(function):
    def wrapper(*arguments, **keywords):
        global count
        result = function(*arguments, **keywords)
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapper

state.Keeper.due = lambda self: True
if how == "step":
    train.clip_grad_norm_ = then_die(train.clip_grad_norm_)
else:
    # The archive is written but not yet renamed.
    torch.save = then_die(torch.save)
frozen = NetworkSlice.model_validate_json((folder / "frozen.json").read_text())
splits = folder / "train.nc", folder / "validation.nc"
train.train(frozen, *splits, folder / "state.pt", folder / "killed", "cpu")
"""


@pytest.fixture
def splits(mock_file: MockFile) -> tuple[Path, Path]:
    return mock_file("train", samples=10), mock_file("validation", samples=4, seed=2)


def weights(folder: Path) -> dict[str, bytes]:
    tensors = load_file(folder / "checkpoint.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def without_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.parametrize(
    ("how", "after", "place"), [("step", 8, "epoch 2, step 1"), ("save", 5, "epoch 1, step 1")]
)
def test_a_killed_training_ends_with_the_same_bits(
    how: str,
    after: int,
    place: str,
    splits: tuple[Path, Path],
    frozen: Frozen,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # 10 samples in batches of 4: 3 steps an epoch. The 8th step dies in the middle of the third epoch.
    settings, state = frozen(), tmp_path / "state.pt"
    train(settings, *splits, tmp_path / "other.pt", tmp_path / "whole", "cpu")
    (tmp_path / "frozen.json").write_text(settings.text())
    command = [sys.executable, "-c", KILLED, str(tmp_path), how, str(after)]
    ended = subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    with caplog.at_level(logging.INFO, logger="debye"):
        train(settings, *splits, state, tmp_path / "killed", "cpu")
    assert f"continuing after {place}" in caplog.text
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert without_time(history(tmp_path / "killed")) == without_time(history(tmp_path / "whole"))


def test_the_callers_stream_and_settings_come_back(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(frozen(epochs=1), *splits, tmp_path / "state.pt", tmp_path / "a", "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(6)
    train(frozen(epochs=1), *splits, tmp_path / "state2.pt", tmp_path / "b", "cpu")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


def test_a_finished_training_is_only_written_out_again(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path
) -> None:
    state, out = tmp_path / "state.pt", tmp_path / "out"
    train(frozen(), *splits, state, out, "cpu")
    files = [out / "checkpoint.safetensors", out / "history.csv"]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    train(frozen(), *splits, state, out, "cpu")
    # The history holds seconds and the record a date: equal bytes mean that nothing was trained.
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("change", ["learning rate", "training data", "validation data"])
def test_the_state_of_another_training_is_set_aside(
    change: str,
    splits: tuple[Path, Path],
    mock_file: MockFile,
    frozen: Frozen,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    state, settings, data = tmp_path / "state.pt", frozen(), list(splits)
    train(settings, *splits, state, tmp_path / "first", "cpu")
    if change == "learning rate":
        settings, reason = frozen(learning_rate=1e-3), "another configuration or code"
    elif change == "training data":
        data[0], reason = mock_file("train2", samples=10, seed=3), "another training split"
    else:
        data[1], reason = mock_file("validation2", samples=4, seed=3), "another validation split"
    train(settings, *data, state, tmp_path / "second", "cpu")
    assert reason in caplog.text
    assert (tmp_path / "state.pt.aside").exists()
    train(settings, *data, tmp_path / "fresh.pt", tmp_path / "fresh", "cpu")
    assert weights(tmp_path / "second") == weights(tmp_path / "fresh")
    assert without_time(history(tmp_path / "second")) == without_time(history(tmp_path / "fresh"))


@pytest.mark.parametrize("damage", ["half", "foreign", "keys"])
def test_a_damaged_state_is_set_aside(
    damage: str, splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state.pt"
    train(frozen(epochs=1), *splits, state, tmp_path / "first", "cpu")
    if damage == "half":
        state.write_bytes(state.read_bytes()[:2000])
    elif damage == "foreign":
        state.write_text("no state at all")
    else:
        torch.save({"weights": {}}, state)
    train(frozen(epochs=1), *splits, state, tmp_path / "second", "cpu")
    assert "cannot be read" in caplog.text
    assert weights(tmp_path / "second") == weights(tmp_path / "first")


def test_scales_come_from_the_training_split_alone(
    splits: tuple[Path, Path], mock_file: MockFile, frozen: Frozen, tmp_path: Path
) -> None:
    loud = mock_file("loud", samples=4, seed=2, scale=1000.0)
    train(frozen(epochs=1), splits[0], loud, tmp_path / "state.pt", tmp_path / "out", "cpu")
    record = checkpoint.read_record(tmp_path / "out" / "checkpoint.safetensors")
    assert record.normalization == statistics(Samples(splits[0]), record.network)


def test_the_best_epoch_is_the_one_with_the_least_validation_loss(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path
) -> None:
    # A high learning rate on little data: the validation loss goes up and down.
    train(frozen(epochs=8, learning_rate=2e-2), *splits, tmp_path / "state.pt", tmp_path / "out", "cpu")
    record = checkpoint.read_record(tmp_path / "out" / "checkpoint.safetensors")
    rows = history(tmp_path / "out")
    losses = [float(row["validation_loss"]) for row in rows]
    assert losses != sorted(losses, reverse=True)
    assert record.best_epoch == losses.index(min(losses)) + 1
    assert record.validation_loss == min(losses)
    assert [row["best"] for row in rows] == [
        str(int(loss == min(losses[: number + 1]))) for number, loss in enumerate(losses)
    ]


@pytest.mark.parametrize("loss", ["mse", "relative_l2"])
def test_a_network_can_learn_a_few_samples_by_heart(
    loss: str, mock_file: MockFile, frozen: Frozen, tmp_path: Path
) -> None:
    few = mock_file("few", samples=4)
    settings = frozen(epochs=150, learning_rate=5e-3, augment=False, loss=loss)
    train(settings, few, few, tmp_path / "state.pt", tmp_path / "out", "cpu")
    rows = history(tmp_path / "out")
    fall = float(rows[0]["train_loss"]) / float(rows[-1]["train_loss"])
    # A relative error falls like the root of a squared one.
    assert fall > (50 if loss == "mse" else 7)


@pytest.mark.parametrize("broken", ["learning rate", "validation"])
def test_a_training_that_diverges_writes_nothing(
    broken: str, splits: tuple[Path, Path], mock_file: MockFile, frozen: Frozen, tmp_path: Path
) -> None:
    settings, held_out = frozen(), splits[1]
    if broken == "learning rate":
        settings = frozen(learning_rate=1e30)
    else:
        held_out = mock_file("broken", samples=4, scale=float("nan"))
    with pytest.raises(TrainingError, match="finite numbers"):
        train(settings, splits[0], held_out, tmp_path / "state.pt", tmp_path / "out", "cpu")
    assert not (tmp_path / "out").exists()


def test_splits_on_different_grids_are_refused(
    splits: tuple[Path, Path], mock_file: MockFile, frozen: Frozen, tmp_path: Path
) -> None:
    wider = mock_file("wider", samples=4, grid=Grid(cells=16, half_width=9.0))
    with pytest.raises(FormatError, match="half_width=9"):
        train(frozen(), splits[0], wider, tmp_path / "state.pt", tmp_path / "out", "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no CUDA device"):
        train(frozen(), *splits, tmp_path / "state.pt", tmp_path / "out", "cuda")


def test_input_and_target_are_turned_alike(splits: tuple[Path, Path], frozen: Frozen) -> None:
    samples = Samples(splits[0])
    encoding = Encoding(samples.grid, samples.medium, frozen().network)
    batch, turns = samples.__getitems__(range(8)), torch.arange(8)
    (plain, scene), (turned, after) = (encoded(encoding, batch, which) for which in (None, turns))
    for image, other in zip((plain, *scene), (turned, *after), strict=True):
        assert torch.equal(symmetry(image, turns), other)


def test_learning_rate_rises_and_falls() -> None:
    training = Training(epochs=1, batch_size=1, learning_rate=3.0, warmup=0.2)
    rates = [learning_rate(step, 50, training) for step in range(50)]
    assert rates[:10] == pytest.approx([0.3 * (step + 1) for step in range(10)])
    assert all(low > high for low, high in itertools.pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.01 * rates[10]
    plain = Training(epochs=1, batch_size=1, learning_rate=3.0, warmup=0.0)
    assert learning_rate(0, 50, plain) == 3.0
