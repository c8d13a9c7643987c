"""How many processes a training has, and what they leave for the one that started them to say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from debye.errors import ConfigError, TrainingError
from debye.learning import launch
from debye.learning.launch import LAUNCHED, processes_for
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


def ended(*scripts: str) -> launch._Processes:
    group = launch._Processes()
    for script in scripts:
        group.running.append(subprocess.Popen([sys.executable, "-c", script]))
        group.running[-1].wait()
    return group


def test_one_that_fails_is_not_waited_for_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE", 0.7)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
    group = launch._Processes()
    for script in ("import time; time.sleep(100)", deaf, "import time; time.sleep(1); raise SystemExit(3)"):
        group.running.append(subprocess.Popen([sys.executable, "-c", script]))
    begun = time.monotonic()
    group.wait()
    assert [one.poll() for one in group.running] == [None, None, 3]
    group.end()
    assert [one.returncode for one in group.running] == [-signal.SIGTERM, -signal.SIGKILL, 3]
    assert time.monotonic() - begun < 50


KILLED, ABORTED = "import os; os.kill(os.getpid(), 9)", "import os; os.kill(os.getpid(), 6)"


@pytest.mark.parametrize(
    ("scripts", "written", "expected"),
    [
        (("", ""), [], (0, "")),
        (("raise SystemExit(1)", "raise SystemExit(2)"), [1, 0], (2, "error of 1")),
        (("raise SystemExit(75)", ""), [], (75, "")),
        ((ABORTED, "raise SystemExit(2)"), [1], (2, "error of 1")),
        (("raise SystemExit(1)", KILLED), [0], "process 2 of 2 ended by SIGKILL"),
        (("", ABORTED), [], "process 2 of 2 ended by SIGABRT"),
    ],
)
def test_the_first_that_failed_is_heard(
    scripts: tuple[str, ...], written: list[int], expected: tuple[int, str] | str, tmp_path: Path
) -> None:
    group = ended(*scripts)
    errors = [tmp_path / str(rank) for rank in range(len(scripts))]
    for number, rank in enumerate(written):
        errors[rank].write_text(f"error of {rank}")
        os.utime(errors[rank], ns=(number, number))
    failed = {rank: one.returncode for rank, one in enumerate(group.running) if one.returncode}
    if isinstance(expected, tuple):
        assert launch._verdict(failed, errors, group) == expected
    else:
        with pytest.raises(TrainingError, match=re.escape(expected)):
            launch._verdict(failed, errors, group)
