"""A folder with a configuration that Snakemake can be run in or asked about."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from debye.schema import MEASURED

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "workflow" / "scenarios" / "smoke.yaml"

JOB = re.compile(
    r"^(?:local)?(?:rule|checkpoint) (?P<rule>\w+):\n(?P<body>(?:    .*\n)*)",
    re.MULTILINE,
)
WILDCARDS = re.compile(r"^    wildcards: (.*)$", re.MULTILINE)


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
                Path(os.environ["HALTED"]).write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGSTOP)
        yield put_and_halt

sampling.streamed = streamed
cli.main()
"""
"""`debye` that stops, as if it were very slow, once the first samples of a shard are in its temporary file."""


@dataclass
class Workplace:
    """A folder with a configuration, results, and a copy of the package that may be edited."""

    folder: Path
    config: dict[str, Any]
    options: tuple[str, ...] = ("--set-threads", "train=1", "predict=1", "--cores", "2")
    """How Snakemake runs jobs. Beside other tests two threads of a training mostly wait for each other: a small one
    then takes twenty times as long."""
    environment: dict[str, str] = field(default_factory=dict)
    """On top of that of the tests."""
    default: bool = False
    """Leave the configuration to the workflow's own default."""

    @classmethod
    def new(cls, folder: Path, config: dict[str, Any], source: Path = ROOT) -> Workplace:
        """Make one without results, with the package below `source` and the machine code compiled beside it."""
        ignored = shutil.ignore_patterns("*.pyc")
        shutil.copytree(source / "src" / "debye", folder / "src" / "debye", ignore=ignored)
        return cls(folder, config)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here on the configuration."""
        command, environment = self._command(*arguments)
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake here and do not wait for it; what it says goes to `said.txt`."""
        command, environment = self._command(*arguments)
        with self.said.open("wb") as said:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=said)

    @property
    def said(self) -> Path:
        """What the Snakemake that was started last says."""
        return self.folder / "said.txt"

    def _command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        file = self.folder / "config.yaml"
        # Sharing (YAML anchors) is written out: an edit of one family must stay one.
        file.write_text(yaml.dump(self.config, sort_keys=False), encoding="utf-8")
        bin_folder = str(Path(sys.executable).parent)
        inherited = os.environ | self.environment
        environment = inherited | {
            "PATH": os.pathsep.join([str(self.folder / "bin"), bin_folder, inherited["PATH"]]),
            "PYTHONPATH": str(self.source.parent),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        command = [f"{bin_folder}/snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += [] if self.default else ["--configfile", str(file)]
        # Behind --configfile, which would take what follows for further files.
        command += ["--directory", str(self.folder), "--nocolor", *self.options]
        return [*command, *arguments], environment

    def stand_in(self, command: str, script: str) -> None:
        """Put a `debye` before the real one that runs a shell script for one of its commands."""
        debye = self.folder / "bin" / "debye"
        debye.parent.mkdir(exist_ok=True)
        real = shlex.quote(f"{Path(sys.executable).parent}/debye")
        debye.write_text(
            f'#!/bin/bash\nreal={real}\nif [ "$1" = {command} ]; then\n{script}\nfi\nexec $real "$@"\n',
            encoding="utf-8",
        )
        debye.chmod(0o755)

    def halt(self, *shards: str) -> None:
        """Make the first try of some shards (`train/disc/seed0`) stop in the middle; `halted-{shard}` appears then.

        It holds the number of the process.
        """
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
