"""The ways to start the workflow: either Snakefile, anywhere, and as a module of another workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from debye.config import load_config
from debye.planning.plan import jobs
from tests.workflow.workplace import ROOT, Workplace

pytestmark = pytest.mark.workflow

SHARD = "results/shards/test/disc/seed0.nc"
SNAKEFILES = [ROOT / "Snakefile", ROOT / "workflow" / "Snakefile"]

# What snakedeploy writes, with a path in the place of a repository's address.
MODULE = f"""
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module debye:
    snakefile:
        {str(ROOT / "workflow" / "Snakefile")!r}
    config:
        config

use rule * from debye
"""


@pytest.fixture
def deployed(tmp_path: Path, smoke_config: dict[str, Any]) -> Workplace:
    """A folder with a workflow that is this one as a module, and a configuration that it hands over."""
    place = Workplace.new(tmp_path, smoke_config)
    for name, text in {"workflow/Snakefile": MODULE, "config/config.yaml": yaml.dump(smoke_config)}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize("snakefile", SNAKEFILES, ids=["root", "workflow"])
def test_either_snakefile_makes_everything(
    tmp_path: Path, smoke_config: dict[str, Any], snakefile: Path
) -> None:
    place = Workplace.new(tmp_path, smoke_config)
    planned = place.planned("--snakefile", str(snakefile))
    config = load_config(ROOT / "workflow" / "scenarios" / "smoke.yaml")
    assert len(planned) == sum(jobs(config).values())
    assert place.run("--snakefile", str(snakefile), SHARD) == {
        "freeze shards/test/disc",
        "sample test disc 0",
    }
    # What one has made the other knows.
    other = next(path for path in SNAKEFILES if path != snakefile)
    assert place.planned("--snakefile", str(other), SHARD) == set()


@pytest.mark.parametrize("snakefile", SNAKEFILES, ids=["root", "workflow"])
def test_default_configuration_from_anywhere(tmp_path: Path, snakefile: Path) -> None:
    """`snakemake -n` with nothing else: config.yaml from beside the Snakefile, with single keys on top."""
    place = Workplace.new(tmp_path, {})
    place.default = True
    default = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    families = default["splits"]["train"]["geometries"]
    assert len(families) > 2
    planned = place.planned("--snakefile", str(snakefile), "--config", "max_draws=3")
    assert {f"sample train {family} 0" for family in families} <= planned


def test_module_of_another_workflow(deployed: Workplace) -> None:
    deployed.default = True
    module = ["--snakefile", str(deployed.folder / "workflow" / "Snakefile")]
    config = load_config(ROOT / "workflow" / "scenarios" / "smoke.yaml")
    planned = deployed.planned(*module)
    assert len(planned) == sum(jobs(config).values())
    # Families of config.yaml would come along if it were read.
    assert "ellipse" not in "\n".join(planned)
    assert deployed.run(*module, SHARD) == {"freeze shards/test/disc", "sample test disc 0"}
    assert deployed.planned(*module, SHARD) == set()


def test_snakedeploy_finds_the_configuration() -> None:
    """It copies the folder `config`, where the module above reads config.yaml."""
    assert (ROOT / "config" / "config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
