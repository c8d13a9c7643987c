"""A cluster for each test process, and folders from which Snakemake submits to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.slurm.cluster import Cluster, running_cluster, why_not
from tests.workflow.slurm.place import Place
from tests.workflow.workplace import SMOKE

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
def smoke() -> dict[str, Any]:
    """The smoke scenario, to be edited."""
    return yaml.safe_load(yaml.dump(yaml.safe_load(SMOKE.read_text(encoding="utf-8"))))


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Callable[..., Place]:
    """Make folders from which Snakemake submits to the cluster."""

    def make(config: dict[str, Any], name: str = "work") -> Place:
        return Place.on(cluster, tmp_path / name, config)

    return make
