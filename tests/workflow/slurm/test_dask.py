"""Merge and analysis on dask workers that are Slurm jobs: the bytes of a run in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.workflow.slurm.place import Place


def in_process(here: Place, *arguments: str) -> None:
    """Run `debye` in one process, without Slurm, at the same pretended time."""
    environment = os.environ | {
        "PYTHONPATH": str(here.source.parent),
        "SOURCE_DATE_EPOCH": here.environment["SOURCE_DATE_EPOCH"],
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "debye.cli", *arguments]
    subprocess.run(command, cwd=here.folder, env=environment, check=True, capture_output=True)


def test_merge_and_analysis_on_slurm_workers(finished_on_slurm: Place, tmp_path: Path) -> None:
    here = finished_on_slurm
    assert here.cluster is not None
    here.config["dask"] = {"cluster": "slurm", "workers": 2, "memory": 1000, "runtime": 10}
    # Where it is worked on is no reason to work again.
    assert here.planned() == set()
    here.environment |= {"SOURCE_DATE_EPOCH": "1600000000", "DASK_JOBQUEUE__SLURM__QUEUE": "cpu"}
    for target in ("results/dataset/test.nc", "results/analysis/tiny"):
        done = here.snakemake("--force", target)
        assert done.returncode == 0, done.stdout + done.stderr

    names = ("JobName", "Partition", "State")
    records = here.cluster.run("sacct", "-X", "-n", "-P", "-o", ",".join(names)).stdout.splitlines()
    workers = [line.split("|") for line in records if line.startswith("debye-worker")]
    assert len(workers) == 4
    assert {partition for _, partition, _ in workers} == {"cpu"}
    assert not [number for number, (_, state) in here.cluster.queue().items() if state == "RUNNING"]
    assert not list(here.folder.glob(".debye-dask-*"))

    merged = tmp_path / "test.nc"
    frozen = "results/frozen/merge/test.json"
    in_process(here, "merge", "--frozen", frozen, "--shards", "results/shards/test", "-o", str(merged))
    assert here.result("dataset/test.nc").read_bytes() == merged.read_bytes()
    inputs = {
        "frozen": "results/frozen/analysis.json",
        "prediction": "results/predictions/tiny/test.nc",
        "dataset": "results/dataset/test.nc",
        "floor": "results/floor/test.nc",
        "history": "results/models/tiny/history.csv",
    }
    words = [word for name, path in inputs.items() for word in (f"--{name}", path)]
    in_process(here, "analyse", *words, "-o", str(tmp_path / "tiny"))
    for name in ("metrics.nc", "gallery.nc", "summary.json"):
        assert here.result(f"analysis/tiny/{name}").read_bytes() == (tmp_path / "tiny" / name).read_bytes(), (
            name
        )
