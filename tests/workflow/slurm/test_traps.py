"""Canaries: what Snakemake's Slurm plugin does wrong, and why the profile goes round it.

Each test asserts the right behaviour and is expected to fail. One that passes says that an upgrade has mended the trap:
take the way round out of `workflow/profiles/slurm/config.yaml` and docs/slurm.md, and the mark off the test. Where the
trap is not about Debye, the workflow is a few lines of its own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.workflow.slurm.cluster import Cluster, wait_for
from tests.workflow.slurm.place import PROFILE
from tests.workflow.workplace import ROOT

trap = pytest.mark.xfail(strict=True, raises=AssertionError)

COMMON = ["--executor", "slurm", "--jobs", "8", "--slurm-init-seconds-before-status-checks", "3"]
COMMON += ["--latency-wait", "5", "--nocolor", "--scheduler", "greedy"]
COMMON += ["--default-resources", "slurm_partition=cpu", "mem_mb=400", "runtime=5"]


def command(
    cluster: Cluster, folder: Path, snakefile: str, *options: str
) -> tuple[list[str], dict[str, str]]:
    """A small workflow in a folder, and how it is run."""
    (folder / "Snakefile").write_text(snakefile, encoding="utf-8")
    environment = cluster.environment | {"XDG_CACHE_HOME": str(folder / ".cache")}
    return [f"{Path(sys.executable).parent}/snakemake", *COMMON, *options], environment


def snakemake(
    cluster: Cluster, folder: Path, snakefile: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a small workflow on the cluster."""
    words, environment = command(cluster, folder, snakefile, *options)
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


FAN = """
rule all:
    input: expand("done-{i}", i=range(%d))
rule one:
    output: "done-{i}"
    %s
    shell: "date +%%s.%%N >> started-{wildcards.i}; %s; date +%%s.%%N >> ended-{wildcards.i}; touch {output}"
"""


@trap
def test_a_cancelled_job_is_noticed_by_sacct(cluster: Cluster, tmp_path: Path) -> None:
    """Hence `slurm-status-command: squeue`; see `test_faults.py` for the same with squeue."""
    options = ["--slurm-status-command", "sacct"]
    words, environment = command(cluster, tmp_path, FAN % (1, "", "sleep 600"), *options)
    with (tmp_path / "said.txt").open("wb") as said:
        run = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        wait_for("the job", lambda: cluster.running(tmp_path, "one 0"))
        wait_for("its start", (tmp_path / "started-0").exists)
        assert cluster.run("scancel", cluster.running(tmp_path, "one 0")[0]).returncode == 0
        wait_for("its end in the records", lambda: cluster.jobs(tmp_path)[0].state == "CANCELLED")
        # Asked after 3, 13 and 23 s more.
        end = time.monotonic() + 60
        while run.poll() is None and time.monotonic() < end:
            time.sleep(0.5)
        assert run.poll() is not None, "Snakemake still waits for a job that was cancelled"
    finally:
        run.kill()
        run.wait()


@trap
def test_array_jobs_know_which_task_they_are(cluster: Cluster, tmp_path: Path) -> None:
    """Hence no `slurm-array-jobs`: each task waits for the first one's output, and removes it when that takes long."""
    slow_first = "sleep $((20 / (1 + 9 * {wildcards.i})))"
    done = snakemake(cluster, tmp_path, FAN % (3, "", slow_first), "--slurm-array-jobs", "all")
    if "Submitted array job" not in done.stdout + done.stderr or not (tmp_path / "started-0").exists():
        raise RuntimeError(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(len((tmp_path / f"started-{i}").read_text().splitlines()) == 1 for i in range(3))


@trap
def test_jobs_of_a_group_run_side_by_side(cluster: Cluster, tmp_path: Path) -> None:
    """Hence no groups, and a job that makes a whole shard."""
    done = snakemake(cluster, tmp_path, FAN % (2, 'group: "g"', "sleep 4"), "--group-components", "g=2")
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    starts, ends = (
        [float((tmp_path / f"{what}-{i}").read_text()) for i in range(2)] for what in ("started", "ended")
    )
    assert max(starts) < min(ends), "one after the other"


@trap
def test_a_rule_with_one_retry_runs_twice(cluster: Cluster, tmp_path: Path) -> None:
    """Hence `retries` in the profile and in no rule."""
    done = snakemake(cluster, tmp_path, FAN % (1, "retries: 1", "false"))
    if done.returncode == 0:
        raise RuntimeError("a job that always fails has ended well")
    assert len((tmp_path / "started-0").read_text().splitlines()) == 2


def test_retries_of_the_profile_run_as_often_as_they_say(cluster: Cluster, tmp_path: Path) -> None:
    """The way round the trap above."""
    done = snakemake(cluster, tmp_path, FAN % (1, "", "false"), "--retries", "1")
    assert done.returncode != 0
    assert len((tmp_path / "started-0").read_text().splitlines()) == 2


@trap
def test_jobs_find_a_cluster_of_another_configuration(cluster: Cluster, tmp_path: Path) -> None:
    """The plugin's job step drops SLURM_CONF: hence the wrapper round `srun` that this cluster puts on the path."""
    words, environment = command(cluster, tmp_path, FAN % (1, "", "true"))
    folders = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(name for name in folders if name != str(cluster.folder / "bin"))
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if not cluster.jobs(tmp_path):
        raise RuntimeError(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


@trap
def test_sigterm_ends_a_run_and_its_jobs(cluster: Cluster, tmp_path: Path) -> None:
    """Hence SIGINT in docs/slurm.md; see `test_faults.py`."""
    words, environment = command(cluster, tmp_path, FAN % (1, "", "sleep 600"))
    with (tmp_path / "said.txt").open("wb") as said:
        run = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        wait_for("the job", lambda: cluster.running(tmp_path, "one 0"))
        run.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(20)
        assert run.poll() is not None, "Snakemake waits for its jobs"
    finally:
        run.kill()
        run.wait()
        cluster.run("scancel", *cluster.queue(tmp_path))


def test_the_profile_goes_round_them() -> None:
    """What is not set is a trap's default."""

    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    assert profile["slurm-status-command"] == "squeue"
    assert profile["slurm-init-seconds-before-status-checks"] <= 100
    assert "slurm-array-jobs" not in profile
    assert profile["retries"] > 0
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert "retries:" not in rules
    assert "group:" not in rules
