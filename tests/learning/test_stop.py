"""A training that is asked to stop is saved, and goes on as if nothing had happened."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from debye.frozen import NetworkSlice
from debye.learning import begin, stop
from debye.learning.launch import ERROR_FILE
from debye.learning.state import Keeper
from debye.learning.train import train

Frozen = Callable[..., NetworkSlice]
MockFile = Callable[..., Path]
SignalAt = Callable[[int, int], None]

# Saves nothing of its own accord: what is on disk was saved because of a signal.
NEVER_DUE = """
import sys
from debye import cli
from debye.learning.state import Keeper
Keeper.due = lambda self: False
cli.main()
"""


@pytest.fixture(autouse=True)
def saved_by_signals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "due", lambda _: False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.fixture
def splits(mock_file: MockFile) -> tuple[Path, Path]:
    return mock_file("train", samples=10), mock_file("validation", samples=4, seed=2)


@pytest.fixture
def in_slurm(
    slurm: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    def enter(after: str) -> None:
        for name, value in slurm(after).items():
            monkeypatch.setenv(name, value)

    return enter


def place(state: Path) -> tuple[int, int]:
    content = torch.load(state, weights_only=True)
    return content["epoch"], content["step"]


def stopped(settings: NetworkSlice, splits: tuple[Path, Path], folder: Path) -> object:
    """Exit status of a training that is asked to stop."""
    with pytest.raises(SystemExit) as caught:
        train(settings, *splits, folder / "state.pt", folder / "out", "cpu")
    assert not (folder / "out").exists()
    return caught.value.code


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
@pytest.mark.parametrize(("step", "where"), [(5, (1, 2)), (6, (2, 0))])
def test_a_signal_loses_no_step(
    number: int,
    status: int,
    step: int,
    where: tuple[int, int],
    splits: tuple[Path, Path],
    frozen: Frozen,
    training: Any,
    signal_at: SignalAt,
    tmp_path: Path,
) -> None:
    # 3 steps an epoch: the sixth ends the second epoch.
    settings, before = frozen(), signal.getsignal(number)
    train(settings, *splits, tmp_path / "other.pt", tmp_path / "whole", "cpu")
    signal_at(step, number)
    assert stopped(settings, splits, tmp_path) == status
    assert signal.getsignal(number) == before
    assert place(tmp_path / "state.pt") == where
    train(settings, *splits, tmp_path / "state.pt", tmp_path / "out", "cpu")
    ours, whole = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("out", "whole"))
    assert ours.keys() == whole.keys()
    assert all(torch.equal(ours[name], whole[name]) for name in whole)
    assert training.history("out") == training.history("whole")


def test_a_signal_in_the_last_step_is_too_late(
    splits: tuple[Path, Path], frozen: Frozen, signal_at: SignalAt, tmp_path: Path
) -> None:
    signal_at(3, signal.SIGUSR1)
    train(frozen(epochs=1), *splits, tmp_path / "state.pt", tmp_path / "out", "cpu")
    assert (tmp_path / "out" / "checkpoint.safetensors").exists()


def test_before_the_first_step_nothing_is_to_be_saved(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(number: int, _: object) -> None:
        raise KeyError(number)

    monkeypatch.setattr(begin, "statistics", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(KeyError, match="15"):
            train(frozen(), *splits, tmp_path / "state.pt", tmp_path / "out", "cpu")
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (tmp_path / "state.pt").exists()


def test_a_job_is_requeued_after_its_state_is_on_disk(
    splits: tuple[Path, Path],
    frozen: Frozen,
    signal_at: SignalAt,
    in_slurm: Callable[[str], None],
    tmp_path: Path,
) -> None:
    # As Slurm does: the job is ended as soon as it is back in the queue.
    in_slurm("kill -TERM $PPID")
    signal_at(5, signal.SIGUSR1)
    assert stopped(frozen(), splits, tmp_path) == 143
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 4711\n"
    assert place(tmp_path / "then.pt") == (1, 2)


def test_a_process_whose_starter_was_killed_ends(
    splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = itertools.chain([17] * 5, itertools.repeat(1))
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setenv(ERROR_FILE, str(tmp_path / "error"))
    assert stopped(frozen(), splits, tmp_path) == 143
    assert place(tmp_path / "state.pt") == (1, 2)


def test_a_requeued_job_that_nobody_ends_ends_by_itself(
    splits: tuple[Path, Path],
    frozen: Frozen,
    signal_at: SignalAt,
    in_slurm: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stop, "END_SECONDS", 2.0)
    in_slurm("")
    signal_at(5, signal.SIGUSR1)
    begun = time.monotonic()
    assert stopped(frozen(), splits, tmp_path) == 75
    assert time.monotonic() - begun > 2.0


@pytest.mark.parametrize("after", ["echo 'Requested operation is not permitted' >&2; exit 1", None])
def test_a_requeue_that_fails_leaves_the_rest_to_a_retry(
    after: str | None,
    splits: tuple[Path, Path],
    frozen: Frozen,
    signal_at: SignalAt,
    in_slurm: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if after is None:
        monkeypatch.setenv("SLURM_JOB_ID", "4711")
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        in_slurm(after)
    signal_at(5, signal.SIGUSR1)
    with caplog.at_level(logging.INFO, logger="debye"):
        assert stopped(frozen(), splits, tmp_path) == 75
    assert "scontrol requeue 4711 failed: " in caplog.text
    assert ("not permitted" if after else "No such file") in caplog.text
    assert place(tmp_path / "state.pt") == (1, 2)


def test_a_job_that_is_cancelled_is_not_requeued(
    splits: tuple[Path, Path],
    frozen: Frozen,
    signal_at: SignalAt,
    in_slurm: Callable[[str], None],
    tmp_path: Path,
) -> None:
    in_slurm("")
    signal_at(5, signal.SIGUSR1)
    signal_at(5, signal.SIGTERM)
    assert stopped(frozen(), splits, tmp_path) == 143
    assert not (tmp_path / "scontrol.txt").exists()
    assert place(tmp_path / "state.pt") == (1, 2)


def test_the_state_is_saved_though_nobody_reads_the_log(
    splits: tuple[Path, Path], frozen: Frozen, training: Any, tmp_path: Path
) -> None:
    with training.running(frozen(epochs=10_000), "--device", "cpu", program=("-c", NEVER_DUE)) as process:
        training.read_until("epoch 1 of", process)
        process.stderr.close()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) == 143
    assert place(tmp_path / "state.pt") >= (1, 0)
