"""Write the exact versions of this environment to requirements.lock and the direct ones to envs/debye.yaml.

`make lock` runs it in a fresh environment. Local version labels (`+cpu`) and the GPU libraries that torch
brings on some machines are left out: each machine takes the build of torch that its package index offers.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LOCK_HEADER = """\
# Every package that Debye, its workflow, tests and linters need, with the versions that were tested together.
# Made by `make lock`; do not edit. torch without a local label: the machine's index decides about CPU or GPU.
"""

ENVIRONMENT = """\
# Environment of the workflow's jobs where Snakemake makes it (`--software-deployment-method conda`).
# Made by `make lock`; do not edit. envs/debye.post-deploy.sh adds debye itself.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def name_of(requirement: str) -> str:
    """Normalised name of the package in a requirement.

    Examples
    --------
    >>> name_of("netCDF4[extra]>=1.7"), name_of("import_linter==2")
    ('netcdf4', 'import-linter')
    """
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(freeze: str) -> list[str]:
    """Lines of the lock from what `pip freeze` says."""
    lines = [line for line in freeze.splitlines() if "==" in line]
    return [re.sub(r"\+.*", "", line) for line in lines if not re.match(r"nvidia-|triton|cuda-", line)]


def extras_of(requirement: str) -> set[str]:
    """Normalised names of the extras in a requirement.

    Examples
    --------
    >>> sorted(extras_of("dask[array,distributed]>=2025.1")), extras_of("numpy>=2")
    (['array', 'distributed'], set())
    """
    extras = re.search(r"\[(.*)\]", requirement)
    return {name_of(name.strip()) for name in extras[1].split(",")} if extras else set()


def environment(lock: list[str], direct: list[str]) -> str:
    """Text of envs/debye.yaml: the lock's versions of the packages that pyproject.toml names.

    A pin says nothing of extras. Where one is named like a package (`dask[distributed]`), that is what it brings.
    """
    wanted = {name_of(requirement) for requirement in direct}.union(*map(extras_of, direct))
    return ENVIRONMENT + "".join(f"      - {line}\n" for line in lock if name_of(line) in wanted)


def main() -> None:
    """Write both files."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    lock = locked(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (ROOT / "requirements.lock").write_text(LOCK_HEADER + "\n".join(lock) + "\n", encoding="utf-8")
    (ROOT / "envs" / "debye.yaml").write_text(environment(lock, direct), encoding="utf-8")


if __name__ == "__main__":
    main()
