"""A folder with a configuration that Snakemake can be run in or asked about."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "workflow" / "scenarios" / "smoke.yaml"

JOB = re.compile(
    r"^(?:local)?(?:rule|checkpoint) (?P<rule>\w+):\n(?P<body>(?:    .*\n)*)",
    re.MULTILINE,
)
WILDCARDS = re.compile(r"^    wildcards: (.*)$", re.MULTILINE)


@dataclass
class Workplace:
    """A folder with a configuration, results, and a copy of the package that may be edited."""

    folder: Path
    config: dict[str, Any]
    default: bool = False
    """Leave the configuration to the workflow's own default."""

    @classmethod
    def new(cls, folder: Path, config: dict[str, Any]) -> Workplace:
        """Make one without results."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src" / "debye", folder / "src" / "debye", ignore=ignored)
        return cls(folder, config)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here on the configuration."""
        command, environment = self._command(*arguments)
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake here and do not wait for it."""
        command, environment = self._command(*arguments)
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=silent, stderr=silent)

    def _command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        file = self.folder / "config.yaml"
        # Sharing (YAML anchors) is written out: an edit of one family must stay one.
        file.write_text(yaml.dump(self.config, sort_keys=False), encoding="utf-8")
        bin_folder = str(Path(sys.executable).parent)
        environment = os.environ | {
            "PATH": os.pathsep.join([str(self.folder / "bin"), bin_folder, os.environ["PATH"]]),
            "PYTHONPATH": str(self.source.parent),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        command = [f"{bin_folder}/snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += [] if self.default else ["--configfile", str(file)]
        # Behind --configfile, which would take what follows for further files.
        command += ["--directory", str(self.folder), "--cores", "2", "--nocolor"]
        return [*command, *arguments], environment

    def stand_in(self, command: str, script: str) -> None:
        """Put a `debye` before the real one that runs a shell script for one of its commands."""
        debye = self.folder / "bin" / "debye"
        debye.parent.mkdir(exist_ok=True)
        real = shlex.quote(f"{Path(sys.executable).parent}/debye")
        debye.write_text(
            f'#!/bin/bash\nif [ "$1" = {command} ]; then\n{script}\nfi\nexec {real} "$@"\n', encoding="utf-8"
        )
        debye.chmod(0o755)

    def install(self, library: str, version: str) -> None:
        """Pretend that a library has another version, as its metadata say."""
        info = self.source.parent / f"{library}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n"
        (info / "METADATA").write_text(text, encoding="utf-8")

    def planned(self, *arguments: str) -> set[str]:
        """Jobs that a dry run lists, see `jobs_in`."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return jobs_in(done.stdout + done.stderr)

    def run(self, *arguments: str) -> set[str]:
        """Jobs that a successful run really ran."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return jobs_in(done.stdout + done.stderr)

    def result(self, name: str) -> Path:
        """Path of a result."""
        path = self.folder / "results" / name
        assert path.exists(), f"{path} is missing"
        return path

    @property
    def source(self) -> Path:
        """The package that this folder's Snakefile and jobs run."""
        return self.folder / "src" / "debye"


def jobs_in(output: str) -> set[str]:
    """Jobs in Snakemake's output, each as its rule and the values of its wildcards, without `all`."""
    jobs = set()
    for match in JOB.finditer(output):
        wildcards = WILDCARDS.search(match["body"])
        values = [pair.split("=", 1)[1] for pair in wildcards[1].split(", ")] if wildcards else []
        jobs.add(" ".join([match["rule"], *values]))
    return jobs - {"all"}
