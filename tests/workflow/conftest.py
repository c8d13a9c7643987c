"""A finished smoke run, made once for all test processes."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.workplace import SMOKE, Workplace


@pytest.fixture(scope="session")
def smoke_config() -> dict[str, Any]:
    """The smoke scenario."""
    return yaml.safe_load(SMOKE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def finished_once(
    tmp_path_factory: pytest.TempPathFactory, smoke_config: dict[str, Any], worker_id: str
) -> tuple[Path, str]:
    """Folder of a finished run of the smoke scenario and what Snakemake said; nobody may write there."""
    common = tmp_path_factory.getbasetemp()
    common = common if worker_id == "master" else common.parent
    folder, said = common / "finished-smoke", common / "finished-smoke.txt"
    with (common / "finished-smoke.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            done = Workplace.new(folder, smoke_config).snakemake()
            assert done.returncode == 0, done.stdout + done.stderr
            said.write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder, said.read_text(encoding="utf-8")


@pytest.fixture
def finished(finished_once: tuple[Path, str], smoke_config: dict[str, Any], tmp_path: Path) -> Workplace:
    """A copy of the finished run, to be edited."""
    folder = tmp_path / "work"
    shutil.copytree(finished_once[0], folder)
    return Workplace(folder, yaml.safe_load(yaml.dump(smoke_config)))
