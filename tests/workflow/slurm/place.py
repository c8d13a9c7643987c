"""A folder from which Snakemake submits jobs to the private cluster, with the profile that users get."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.workflow.slurm.cluster import Cluster, Job, wait_for
from tests.workflow.workplace import ROOT, Workplace

PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"

IMPATIENT = {"slurm-init-seconds-before-status-checks": 3, "latency-wait": 10, "jobs": 12}
"""The profile asks Slurm every 30 s, which is kind to a cluster and slow in a test."""


@dataclass
class Place(Workplace):
    """A `Workplace` whose jobs run on the cluster."""

    cluster: Cluster | None = None

    @classmethod
    def on(cls, cluster: Cluster, folder: Path, config: dict[str, Any]) -> Place:
        """Make one without results."""
        made = Workplace.new(folder, config)
        place = cls(folder, made.config, cluster=cluster)
        place.environment = dict(cluster.environment)
        place.profile({})
        return place

    def profile(self, edits: dict[str, Any], rules: dict[str, dict[str, Any]] | None = None) -> None:
        """Write the users' profile with some keys, and resources of some rules, of our own."""
        content = yaml.safe_load(PROFILE.read_text(encoding="utf-8")) | IMPATIENT | edits
        for rule, resources in (rules or {}).items():
            content["set-resources"].setdefault(rule, {}).update(resources)
        folder = self.folder / "profile"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(yaml.dump(content), encoding="utf-8")
        self.options = ("--workflow-profile", str(folder))

    def jobs(self) -> list[Job]:
        """Records of all jobs that were submitted from here."""
        assert self.cluster is not None
        return self.cluster.jobs(self.folder)

    def wait_for_running(self, rule: str, seconds: float = 120.0) -> str:
        """Number of a running job of a rule, as soon as there is one."""
        assert self.cluster is not None
        cluster = self.cluster
        wait_for(f"a running job of {rule}", lambda: cluster.running(self.folder, rule), seconds)
        return cluster.running(self.folder, rule)[0]

    def wait_for_file(self, name: str, seconds: float = 120.0) -> Path:
        """A file in this folder, as soon as it is there."""
        path = self.folder / name
        wait_for(str(path), path.exists, seconds, pause=0.05)
        return path


def seconds_since(start: float) -> float:
    """Seconds since a `time.monotonic()`."""
    return time.monotonic() - start
