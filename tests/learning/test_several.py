"""Several processes that train together: what they learn is what one process would."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from debye.frozen import NetworkSlice
from debye.learning.train import train
from debye.parameters import Grid

Frozen = Callable[..., NetworkSlice]
MockFile = Callable[..., Path]

TWO = ("--device", "cpu", "--processes", "2")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "debye.cli")
# 10 samples in batches of 3: two processes have 2 and 1 of most, and of an epoch's last batch 1 and none.
UNEVEN = {"epochs": 4, "batch_size": 3}


@pytest.fixture
def splits(mock_file: MockFile) -> tuple[Path, Path]:
    return mock_file("train", samples=10), mock_file("validation", samples=5, seed=2)


def alike(training: Any, folder: str, other: str) -> None:
    """Compare loss curves and weights, up to the order of sums in float32."""
    rows, expected = training.history(folder), training.history(other)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)
    weights, reference = (
        load_file(training.folder / name / "checkpoint.safetensors") for name in (folder, other)
    )
    assert weights.keys() == reference.keys()
    for name, weight in weights.items():
        scale = float(reference[name].abs().max()) or 1.0
        np.testing.assert_allclose(weight, reference[name], rtol=0, atol=2e-5 * scale, err_msg=name)


def test_two_processes_learn_what_one_does(
    splits: tuple[Path, Path], frozen: Frozen, training: Any, tmp_path: Path
) -> None:
    settings = frozen(**UNEVEN)
    assert settings.network.training.augment
    status, log = training.run(settings, *TWO)
    assert status == 0, log
    assert "on 2 × cpu, batches of 3, 1 to 2 each" in log
    assert log.count("epoch 1 of 4") == 1
    train(settings, *splits, tmp_path / "one.pt", tmp_path / "one", "cpu")
    alike(training, "out", "one")


def test_two_are_requeued_unheard_and_one_goes_on(
    splits: tuple[Path, Path],
    frozen: Frozen,
    training: Any,
    slurm: Callable[[str], dict[str, str]],
    tmp_path: Path,
) -> None:
    """As on a cluster: all processes are told at once to end, and `tee`, which reads the log, is dead by then."""
    training.environment |= slurm(
        "(sleep 1; kill -TERM $(cut -d' ' -f4 /proc/$PPID/stat)) > /dev/null 2>&1 &"
    )
    settings = frozen(epochs=12, batch_size=3)
    with training.running(settings, *TWO) as process:
        training.read_until("epoch 2 of 12", process)
        process.stderr.close()
        process.send_signal(signal.SIGUSR1)
        assert process.wait(240) == 128 + signal.SIGTERM
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 4711\n"
    assert (tmp_path / "then.pt").read_bytes() == (tmp_path / "state.pt").read_bytes()
    assert not (tmp_path / "out").exists()
    status, log = training.run(settings, "--device", "cpu")
    assert status == 0, log
    assert "continuing after epoch" in log
    train(settings, *splits, tmp_path / "one.pt", tmp_path / "one", "cpu")
    alike(training, "out", "one")


def test_one_stops_and_two_go_on_under_torchrun(
    splits: tuple[Path, Path],
    frozen: Frozen,
    training: Any,
    tmp_path: Path,
    signal_at: Callable[[int, int], None],
) -> None:
    settings = training.accepted(frozen(**UNEVEN))
    train(settings, *splits, tmp_path / "one.pt", tmp_path / "one", "cpu")
    signal_at(6, signal.SIGUSR1)
    with pytest.raises(SystemExit):
        train(settings, *splits, tmp_path / "state.pt", tmp_path / "out", "cpu")
    status, log = training.run(settings, "--device", "cpu", program=TORCHRUN)
    assert status == 0, log
    assert "continuing after epoch 1, step 2" in log
    assert "on 2 × cpu, batches of 3, 1 to 2 each" in log
    alike(training, "out", "one")


def test_an_error_of_all_is_told_once(
    splits: tuple[Path, Path], mock_file: MockFile, frozen: Frozen, training: Any
) -> None:
    mock_file("validation", samples=4, grid=Grid(cells=16, half_width=9.0))
    status, log = training.run(frozen(), *TWO)
    assert status == 2
    assert log.count("\n") == 1, log
    assert log.startswith("debye: error: ")
    assert "half_width=9" in log


def test_a_process_that_is_killed_ends_the_others(
    splits: tuple[Path, Path], frozen: Frozen, training: Any, tmp_path: Path
) -> None:
    settings = frozen(epochs=10_000)
    with training.running(settings, *TWO) as process:
        training.read_until("epoch 1 of", process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        os.kill(int(children[1]), signal.SIGKILL)
        log = process.communicate(timeout=240)[1]
    assert process.returncode == 2
    assert log.splitlines()[-1].startswith("debye: error: training: found process 2 of 2 ended by SIGKILL")
    assert "Traceback" not in log, log
    assert not Path(f"/proc/{children[0]}").exists()
    assert (tmp_path / "state.pt").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_a_signal_while_processes_are_loading_is_not_lost(
    number: int, status: int, splits: tuple[Path, Path], frozen: Frozen, training: Any, tmp_path: Path
) -> None:
    with training.running(frozen(epochs=10_000), *TWO) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 240
        while not children.read_text() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        log = process.communicate(timeout=240)[1]
    assert process.returncode == status, log
    assert "error" not in log.lower()
    assert (tmp_path / "state.pt").exists() == (number == signal.SIGUSR1)
