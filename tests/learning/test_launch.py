"""How many processes a training has, and what they leave for the one that started them to say."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from debye.errors import ConfigError, TrainingError
from debye.learning import launch
from debye.learning.launch import ERROR_FILE, LAUNCHED, note_error, processes_for
from debye.learning.world import World

SLURM = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "3", "SLURM_LOCALID": "3"}


@pytest.mark.parametrize(
    ("asked", "device", "gpus", "environment", "expected"),
    [
        ("auto", "auto", 0, {}, 1),
        ("auto", "cpu", 4, {}, 1),
        ("auto", "auto", 1, {}, 1),
        ("auto", "auto", 4, {}, 4),
        ("auto", "cuda", 4, {}, 4),
        ("2", "auto", 4, {}, 2),
        ("3", "auto", 0, {}, 3),
        ("3", "cpu", 2, {}, 3),
        ("auto", "auto", 4, SLURM | {"SLURM_JOB_NUM_NODES": "1"}, 4),
        ("auto", "auto", 0, SLURM | {"SLURM_JOB_NUM_NODES": "2"}, 1),
        ("4", "auto", 4, SLURM | {"SLURM_JOB_NUM_NODES": "2"}, 4),
        ("auto", "auto", 4, dict.fromkeys(LAUNCHED, "2"), 1),
        ("8", "auto", 4, dict.fromkeys(LAUNCHED, "2"), 1),
        ("auto", "auto", 4, {"RANK": "0", "WORLD_SIZE": "9"}, 4),
        ("9", "auto", 4, {}, "4 CUDA devices"),
        ("auto", "auto", 4, {"SLURM_JOB_NUM_NODES": "2"}, "an allocation of 2 nodes"),
        ("0", "cpu", 0, {}, "found 0"),
        ("many", "cpu", 0, {}, "found many"),
    ],
)
def test_number_of_processes(
    asked: str,
    device: str,
    gpus: int,
    environment: dict[str, str],
    expected: int | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (*LAUNCHED, *SLURM, "SLURM_JOB_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(launch, "_visible_gpus", lambda: gpus)
    if isinstance(expected, int):
        assert processes_for(asked, device) == expected
    else:
        with pytest.raises(ConfigError, match=expected):
            processes_for(asked, device)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("whole", [1, 3, 4, 11])
def test_portions_make_the_mean_of_the_whole_batch(size: int, whole: int) -> None:
    torch.manual_seed(0)
    losses = torch.rand(whole, dtype=torch.float64)
    worlds = [World(torch.device("cpu"), rank, size) for rank in range(size)]
    portions = [world.portion(list(range(whole))) for world in worlds]
    assert all(portions)
    assert {sample for portion in portions for sample in portion} == set(range(whole))
    mean = sum(
        float(world.loss(losses[portion], whole)) for world, portion in zip(worlds, portions, strict=True)
    )
    assert mean / size == pytest.approx(float(losses.mean()))


KILL, ABORT = -signal.SIGKILL, -signal.SIGABRT


@pytest.mark.parametrize(
    ("statuses", "written", "expected"),
    [
        ({0: 1, 1: 2}, [1, 0], (2, "error of 1")),
        ({0: 2, 1: -signal.SIGTERM}, [1, 0], (2, "error of 1")),
        ({1: 75, 0: -signal.SIGTERM}, [], (75, "")),
        ({0: -signal.SIGTERM, 1: 143}, [], (143, "")),
        ({0: ABORT, 1: 2}, [1], (2, "error of 1")),
        ({0: 1, 1: KILL}, [0], "process 2 of 2 ended by SIGKILL"),
        ({1: ABORT, 0: -signal.SIGTERM}, [], "process 2 of 2 ended by SIGABRT"),
    ],
)
def test_the_first_that_failed_is_heard(
    statuses: dict[int, int],
    written: list[int],
    expected: tuple[int, str] | str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, rank in enumerate(written):
        monkeypatch.setenv(ERROR_FILE, str(tmp_path / str(rank)))
        assert note_error(f"error of {rank}", status=2)
        os.utime(tmp_path / str(rank), ns=(number, number))
    failures = {
        rank: ProcessFailure(rank, 0, status, str(tmp_path / str(rank))) for rank, status in statuses.items()
    }
    if isinstance(expected, tuple):
        assert launch._verdict(failures, 2) == expected
    else:
        with pytest.raises(TrainingError, match=expected):
            launch._verdict(failures, 2)


def test_one_that_had_to_be_killed_after_an_error_is_no_news() -> None:
    failed, stuck = (ProcessFailure(rank, 0, status, "") for rank, status in enumerate((3, KILL)))
    stuck.timestamp += 30
    assert launch._verdict({0: failed, 1: stuck}, 2) == (3, "")
