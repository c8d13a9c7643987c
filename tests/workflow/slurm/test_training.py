"""Trainings that are cancelled, run into their time limit, and use several processes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.slurm.cluster import wait_for
from tests.workflow.slurm.place import Place

CHECKPOINT = "results/models/tiny/checkpoint.safetensors"
HISTORY = "models/tiny/history.csv"
LOG = "results/logs/train/tiny.log"

SLOW = """
import os, time
from debye import cli
from debye.learning import train

original = train.learning_rate

def slow(*arguments):
    time.sleep(float(os.environ["STEP_SECONDS"]))
    return original(*arguments)

train.learning_rate = slow
cli.main()
"""
"""`debye` whose training takes its time for each step; what it computes is the same."""


def slow_training(here: Place, epochs: int, seconds: float) -> None:
    """Give the network `tiny` more epochs, of three steps each, and each step some seconds."""
    here.config["models"]["tiny"]["training"]["epochs"] = epochs
    (here.folder / "slow.py").write_text(SLOW, encoding="utf-8")
    here.stand_in("train", f'STEP_SECONDS={seconds} exec "${{real%/*}}/python" {here.folder}/slow.py "$@"')


def without_time(path: Path) -> list[dict[str, str]]:
    """History of a training but for how long it took."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in ("seconds", "data_wait")}
            for row in csv.DictReader(file)
        ]


def trained_at_once(here: Place, folder: Path) -> Path:
    """The same training on the same data, undisturbed and without Slurm, with as many threads."""
    splits = [f"results/dataset/{split}.nc" for split in ("train", "validation")]
    command = [sys.executable, "-m", "debye.cli", "train", "--frozen", "results/frozen/models/tiny.json"]
    command += ["--train", splits[0], "--validation", splits[1], "--state", str(folder / "state.pt"), "-o"]
    environment = os.environ | {"PYTHONPATH": str(here.source.parent), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(folder)], cwd=here.folder, env=environment, check=True, capture_output=True)
    return folder


def same_weights(one: Path, other: Path) -> None:
    """Two checkpoints hold the same tensors, bit for bit."""
    from safetensors.numpy import load_file

    first, second = load_file(one), load_file(other)
    assert {name: value.tobytes() for name, value in first.items()} == {
        name: value.tobytes() for name, value in second.items()
    }


def is_like_one_undisturbed(here: Place, folder: Path) -> None:
    """A training that was interrupted ended with the bits of one that was not."""
    whole = trained_at_once(here, folder)
    same_weights(here.folder / CHECKPOINT, whole / "checkpoint.safetensors")
    assert without_time(here.result(HISTORY)) == without_time(whole / "history.csv")


def test_cancelled_half_way(finished_on_slurm: Place, tmp_path: Path) -> None:
    here = finished_on_slurm
    assert here.cluster is not None
    here.profile(set_threads={"train": 1})
    slow_training(here, epochs=16, seconds=0.25)
    run = here.start(CHECKPOINT)
    job = here.wait_for_running("train tiny")
    log = here.folder / LOG
    wait_for("half the training", lambda: log.exists() and "epoch 8 of 16" in log.read_text("utf-8"), 120)
    assert here.cluster.run("scancel", job).returncode == 0
    assert run.wait(200) == 0, here.said.read_text("utf-8")
    first, second = here.jobs("train tiny")
    assert (first.number, first.state, second.state) == (job, "CANCELLED", "COMPLETED")
    log_of_the_second = log.read_text("utf-8")
    assert "continuing after epoch" in log_of_the_second
    assert "epoch 8 of 16" not in log_of_the_second
    is_like_one_undisturbed(here, tmp_path / "whole")


def test_time_limit_is_met_by_going_back_into_the_queue(finished_on_slurm: Place, tmp_path: Path) -> None:
    """Two minutes are asked for and Slurm warns one minute before; the training needs longer."""
    here = finished_on_slurm
    # Slurm looks every 30 s and warns in time, so up to that much earlier.
    here.profile(
        {"train": {"runtime": 2, "slurm_extra": "--signal=USR1@60"}}, retries=0, set_threads={"train": 1}
    )
    slow_training(here, epochs=40, seconds=0.6)
    done = here.snakemake(CHECKPOINT)
    assert done.returncode == 0, done.stdout + done.stderr
    starts = here.jobs("train tiny")
    assert len({start.number for start in starts}) == 1
    assert len(starts) > 1
    assert [start.state for start in starts] == ["REQUEUED"] * (len(starts) - 1) + ["COMPLETED"]
    assert "continuing after epoch" in (here.folder / LOG).read_text("utf-8")
    is_like_one_undisturbed(here, tmp_path / "whole")


def test_all_gpus_of_the_job_are_asked_for_and_two_processes_train_like_one(finished_on_slurm: Place) -> None:
    """The pretended GPUs are none for torch: the two processes that they stand for are asked for by name."""
    here = finished_on_slurm
    here.profile({"train": {"gres": "gpu:2"}})
    alone = without_time(here.result(HISTORY))
    # Another seed and back would train the same; without a state and outputs it is trained anew.
    (here.folder / CHECKPOINT).unlink()
    (here.folder / "results" / "state" / "tiny.pt").unlink()
    here.environment["DEBYE_PROCESSES"] = "2"
    done = here.snakemake(CHECKPOINT)
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = here.jobs("train tiny")
    assert job.resources["gres/gpu"] == "2"
    assert "2 × cpu" in (here.folder / LOG).read_text("utf-8")
    together = without_time(here.result(HISTORY))
    for name in ("train_loss", "validation_loss"):
        losses = [[float(row[name]) for row in rows] for rows in (alone, together)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)
