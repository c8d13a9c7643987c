"""A folder from which Snakemake submits jobs to the private cluster, with the profile that users get."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from debye.schema import MEASURED
from tests.workflow.slurm.cluster import Cluster, Job, wait_for
from tests.workflow.workplace import ROOT, Workplace

PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"

IMPATIENT = {"slurm-init-seconds-before-status-checks": 3, "latency-wait": 10, "jobs": 12, "retries": 1}
"""The profile asks Slurm every 30 s, and tries four times: kind to a cluster, slow in a test."""

HALTED = """
import contextlib, os, signal, sys
from pathlib import Path
from debye import cli
from debye.physics import sampling

original = sampling.streamed

@contextlib.contextmanager
def streamed(*arguments):
    with original(*arguments) as put:
        def put_and_halt(content):
            put(content)
            if not Path(os.environ["HALTED"]).exists():
                Path(os.environ["HALTED"]).touch()
                os.kill(os.getpid(), signal.SIGSTOP)
        yield put_and_halt

sampling.streamed = streamed
cli.main()
"""
"""`debye` that stops, as if it were very slow, once the first samples of a shard are in its temporary file."""


@dataclass
class Place(Workplace):
    """A `Workplace` whose jobs run on the cluster."""

    cluster: Cluster | None = None

    @classmethod
    def on(cls, cluster: Cluster, folder: Path, config: dict[str, Any], source: Path) -> Place:
        """Make one without results."""
        return cls.adopt(cluster, Workplace.new(folder, config, source))

    @classmethod
    def adopt(cls, cluster: Cluster, work: Workplace) -> Place:
        """Submit from a folder that is there already."""
        place = cls(work.folder, work.config, environment=dict(cluster.environment), cluster=cluster)
        place.profile()
        return place

    def profile(self, rules: dict[str, dict[str, Any]] | None = None, **keys: Any) -> None:
        """Write the users' profile with resources of some rules, and some keys, of our own."""
        edits = {name.replace("_", "-"): value for name, value in keys.items()}
        content = yaml.safe_load(PROFILE.read_text(encoding="utf-8")) | IMPATIENT | edits
        for rule, resources in (rules or {}).items():
            content["set-resources"].setdefault(rule, {}).update(resources)
        folder = self.folder / "profile"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(yaml.dump(content), encoding="utf-8")
        self.options = ("--workflow-profile", str(folder))

    def jobs(self, name: str = "") -> list[Job]:
        """Records of the jobs that were submitted from here, of those whose name begins so."""
        assert self.cluster is not None
        return [job for job in self.cluster.jobs(self.folder) if job.rule.startswith(name)]

    def wait_for_running(self, name: str, seconds: float = 120.0) -> str:
        """Number of a running job (`sample train_disc_0`), as soon as there is one."""
        assert self.cluster is not None
        cluster = self.cluster
        wait_for(f"a running job {name}", lambda: cluster.running(self.folder, name), seconds)
        return cluster.running(self.folder, name)[0]

    def wait_for_file(self, name: str, seconds: float = 120.0) -> Path:
        """A file in this folder, as soon as it is there."""
        path = self.folder / name
        wait_for(str(path), path.exists, seconds, pause=0.05)
        return path

    def halt(self, *shards: str) -> None:
        """Make the first try of some shards (`train/disc/seed0`) stop in the middle; `halted-{shard}` appears then."""
        (self.folder / "halted.py").write_text(HALTED, encoding="utf-8")
        cases = "".join(
            f"  *{shard}.nc*) if [ ! -e {self.halted(shard)} ]; then\n"
            f'    HALTED={self.halted(shard)} exec "${{real%/*}}/python" {self.folder}/halted.py "$@"; fi;;\n'
            for shard in shards
        )
        self.stand_in("sample", f'case "$*" in\n{cases}esac')

    def halted(self, shard: str) -> Path:
        """What appears when a shard was halted."""
        return self.folder / f"halted-{shard.replace('/', '-')}"

    def temporaries(self) -> list[Path]:
        """Temporary and lock files among the results."""
        hidden = (self.folder / "results").rglob(".*")
        return [path for path in hidden if ".tmp" in path.name or path.name.endswith(".lock")]


def kill_outright(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` a Snakemake; jobs on the cluster do not notice."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)


def same_samples(one: Path, other: Path) -> None:
    """Two shards or data sets hold the same bits, but for how long it took and when it was."""
    with (
        xr.open_dataset(one, mask_and_scale=False) as first,
        xr.open_dataset(other, mask_and_scale=False) as second,
    ):
        assert set(first.variables) == set(second.variables)
        for name in set(first.variables) - set(MEASURED):
            left, right = first[name].values, second[name].values
            assert left.dtype == right.dtype, name
            if left.dtype.kind in "OUT":
                assert left.tolist() == right.tolist(), name
            else:
                assert np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes(), name
        volatile = {"date_created"}
        assert {k: v for k, v in first.attrs.items() if k not in volatile} == {
            k: v for k, v in second.attrs.items() if k not in volatile
        }
