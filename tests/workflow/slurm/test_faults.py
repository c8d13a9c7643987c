"""What goes wrong on a cluster, done to real jobs; each run ends with the samples of an undisturbed one."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.slurm.cluster import wait_for
from tests.workflow.slurm.place import Place, kill_outright
from tests.workflow.workplace import Workplace, same_samples

TRAIN = "results/dataset/train.nc"
TEST = "results/dataset/test.nc"


HOG = 'exec "${real%/*}/python" -c "import time; kept = b\'1\' * 2_500_000_000; time.sleep(90)"'
"""A job that takes more than the 2000 MB of a shard's first try, and less than the 4000 of its second."""


def test_accidents_of_single_jobs(
    place: Callable[..., Place], smoke_config: dict[str, Any], undisturbed: Workplace
) -> None:
    """In one run: a shard cancelled, one over its time, one over its memory, and the node of one set down."""
    here = place(smoke_config)
    assert here.cluster is not None
    # One minute, then two: nothing shorter can be had of Slurm. In the profile it is hours.
    here.profile({"sample": {"runtime": "attempt"}})
    here.halt("train/disc/seed0", "train/disc/seed1", "train/star/seed0")
    hog = f'case "$*" in *train/star/seed1.nc*) if [ ! -e hog ]; then touch hog; {HOG}; fi;; esac\n'
    debye = here.folder / "bin" / "debye"
    debye.write_text(debye.read_text().replace("case", hog + "case", 1))
    run = here.start(TRAIN)
    cancelled = here.wait_for_running("sample train_disc_0")
    here.wait_for_file(here.halted("train/disc/seed0").name)
    assert here.cluster.run("scancel", cancelled).returncode == 0
    lost = here.wait_for_running("sample train_star_0")
    here.wait_for_file(here.halted("train/star/seed0").name)
    node = next(job.node for job in here.jobs() if job.number == lost)
    try:
        down = ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
        assert here.cluster.run(*down).returncode == 0
        status = run.wait(400)
    finally:
        here.cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    said = here.said.read_text(encoding="utf-8")
    assert status == 0, said

    first, second = here.jobs("sample train_disc_0")
    assert (first.number, first.state, second.state) == (cancelled, "CANCELLED", "COMPLETED")
    first, second = here.jobs("sample train_disc_1")
    assert (first.state, second.state) == ("TIMEOUT", "COMPLETED")
    assert (first.minutes, second.minutes) == (1, 2)
    first, second = here.jobs("sample train_star_1")
    assert first.state in ("FAILED", "OUT_OF_MEMORY")
    assert second.state == "COMPLETED"
    assert (first.memory_mb, second.memory_mb) == (2000, 4000)
    # Slurm itself starts a job again whose node is lost; Snakemake only waits.
    starts = here.jobs("sample train_star_0")
    assert {start.number for start in starts} == {lost}
    assert [start.state for start in starts] == ["NODE_FAIL", "COMPLETED"]
    assert starts[1].node != node

    assert here.temporaries() == []
    same_samples(here.result("dataset/train.nc"), undisturbed.result("dataset/train.nc"))


def test_run_that_is_interrupted_cancels_its_jobs(
    place: Callable[..., Place], smoke_config: dict[str, Any], undisturbed: Workplace
) -> None:
    """Ctrl-C, as docs/slurm.md says; then the same command again."""
    here = place(smoke_config)
    assert here.cluster is not None
    here.halt("test/disc/seed0", "test/star/seed0")
    run = here.start(TEST)
    for family in ("disc", "star"):
        here.wait_for_running(f"sample test_{family}_0")
        here.wait_for_file(here.halted(f"test/{family}/seed0").name)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) != 0
    cluster = here.cluster
    wait_for("the end of its jobs", lambda: not cluster.queue(here.folder))
    assert [job.state for job in here.jobs()] == ["CANCELLED", "CANCELLED"]
    assert here.temporaries() == []
    again = here.snakemake(TEST)
    assert again.returncode == 0, again.stdout + again.stderr
    same_samples(here.result("dataset/test.nc"), undisturbed.result("dataset/test.nc"))


def test_main_process_killed_while_jobs_run(
    place: Callable[..., Place], smoke_config: dict[str, Any], undisturbed: Workplace
) -> None:
    """A second run beside the first, `kill -9`, orphans, and at last a run that ends well."""
    here = place(smoke_config)
    assert here.cluster is not None
    here.halt("test/disc/seed0")
    first = here.start(TEST)
    orphan = here.wait_for_running("sample test_disc_0")
    here.wait_for_file(here.halted("test/disc/seed0").name)

    second = here.snakemake(TEST)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout + second.stderr

    kill_outright(first)
    assert here.cluster.running(here.folder, "sample test_disc_0") == [orphan]
    locked = here.snakemake(TEST)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout + locked.stderr
    assert here.snakemake("--unlock").returncode == 0

    # The job of the killed run still computes: the next run names it and submits nothing.
    before = len(here.jobs())
    refused = here.snakemake(TEST)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert f"{orphan} RUNNING sample_test_disc_0" in said
    assert f"scancel {orphan}" in said
    assert "Traceback" not in said
    assert len(here.jobs()) == before
    assert here.temporaries() != []

    # Left alone, it ends well: it is nobody's, and what it made is made again, or kept where Snakemake trusts it.
    assert here.cluster.run("scancel", "--signal=CONT", orphan).returncode == 0
    cluster = here.cluster

    wait_for("the orphan's end", lambda: not cluster.queue(here.folder))
    assert here.snakemake(TEST).returncode == 0
    assert here.temporaries() == []
    same_samples(here.result("dataset/test.nc"), undisturbed.result("dataset/test.nc"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Folder `work/results`, a disk of its own of a few megabytes."""
    folder = tmp_path / "work" / "results"
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine mounts no tmpfs: needs CAP_SYS_ADMIN")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_disk_that_is_full_or_read_only(
    small_disk: Path, place: Callable[..., Place], smoke_config: dict[str, Any], undisturbed: Workplace
) -> None:
    here = place(smoke_config)
    here.profile(retries=0)
    made = here.snakemake(*(f"results/shards/test/{family}/seed0.nc" for family in ("disc", "star")))
    assert made.returncode == 0, made.stdout + made.stderr

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    refused = here.snakemake(TEST)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert (
        "results: found it cannot be written (Read-only file system), expected a folder for results" in said
    )
    assert "Traceback" not in said

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 60_000))
    failed = here.snakemake(TEST)
    assert failed.returncode != 0
    log = here.result("logs/merge/test.log").read_text(encoding="utf-8")
    assert "debye: error: " in log
    assert "bytes of the disk free, expected a disk with room for it; free space" in log
    assert "Traceback" not in log
    assert here.temporaries() == []
    assert not list(small_disk.glob("dataset/*"))

    ballast.unlink()
    ended = here.snakemake(TEST)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    same_samples(here.result("dataset/test.nc"), undisturbed.result("dataset/test.nc"))
