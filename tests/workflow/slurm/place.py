"""A folder from which Snakemake submits jobs to the private cluster, with the profile that users get."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.workflow.slurm.cluster import Cluster, Job, wait_for
from tests.workflow.workplace import ROOT, Workplace

PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"

IMPATIENT = {"slurm-init-seconds-before-status-checks": 3, "latency-wait": 10, "jobs": 12, "retries": 1}
"""The profile asks Slurm every 30 s, and tries four times: kind to a cluster, slow in a test."""


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


def kill_outright(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` a Snakemake; jobs on the cluster do not notice."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
