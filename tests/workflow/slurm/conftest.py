"""A cluster for each test process, and folders from which Snakemake submits to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.slurm.cluster import Cluster, running_cluster, why_not
from tests.workflow.slurm.place import Place
from tests.workflow.workplace import Workplace

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, and skip them where no cluster can be started."""
    reason = why_not()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slurm)
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"no private Slurm cluster here: {reason}"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of this test process."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def undisturbed(finished_once: tuple[Path, str], smoke_config: dict[str, Any]) -> Workplace:
    """The smoke scenario run on this machine without Slurm; nobody may write there."""
    return Workplace(finished_once[0], smoke_config)


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path, undisturbed: Workplace) -> Callable[..., Place]:
    """Make folders from which Snakemake submits to the cluster; the code in them is compiled already."""

    def make(config: dict[str, Any], name: str = "work") -> Place:
        return Place.on(cluster, tmp_path / name, config, undisturbed.folder)

    return make


@pytest.fixture
def finished_on_slurm(cluster: Cluster, finished: Workplace) -> Place:
    """A copy of the finished smoke run, from which Snakemake submits to the cluster."""
    return Place.adopt(cluster, finished)
