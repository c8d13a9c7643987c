"""A run that is killed outright leaves its jobs computing; without Slurm nobody but the file itself knows of them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.workflow.workplace import Workplace, same_samples

pytestmark = pytest.mark.workflow

SHARD = "results/shards/test/disc/seed0.nc"


def test_job_of_a_killed_run_is_not_joined_by_a_second_one(
    finished: Workplace,
) -> None:
    same = finished.result("shards/test/disc/seed0.nc")
    kept = same.rename(finished.folder / "before.nc")
    finished.halt("test/disc/seed0")
    run = finished.start(SHARD)
    halted = finished.halted("test/disc/seed0")
    deadline = time.monotonic() + 120
    while not (halted.exists() and halted.read_text()):
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.kill()
    run.wait(30)
    orphan = int(halted.read_text())
    try:
        assert finished.snakemake("--unlock").returncode == 0
        refused = finished.snakemake(SHARD)
        said = refused.stdout + refused.stderr
        assert refused.returncode != 0
        assert f"found it is being made by process {orphan} on " in said
        assert "returned non-zero exit status 2" in said
        # Its temporary file was left alone.
        assert [path for path in finished.temporaries() if ".tmp" in path.name]
    finally:
        os.kill(orphan, signal.SIGKILL)
    assert finished.snakemake(SHARD).returncode == 0
    assert finished.temporaries() == []
    same_samples(same, kept)
