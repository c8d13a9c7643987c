"""An ablation in the configuration: the jobs that it adds, and those that an edit of it makes."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from debye.config import Config
from debye.planning.plan import jobs
from tests.workflow.workplace import Workplace

pytestmark = pytest.mark.workflow


@pytest.fixture
def place(tmp_path: Path, smoke_config: dict[str, Any]) -> Workplace:
    """The smoke scenario with an ablation, nothing made yet."""
    config = copy.deepcopy(smoke_config)
    variants = {"regular": {"target": "regular"}, "finer": {"cells": 48}}
    config["ablation"] = {"base": config["models"]["tiny"], "seeds": [0, 1], "variants": variants}
    return Workplace.new(tmp_path, config)


def test_every_job_is_planned_once(place: Workplace) -> None:
    planned = place.planned()
    assert Counter(job.split()[0] for job in planned) == jobs(Config(**place.config))
    networks = [f"{variant} {seed}" for variant in ("base", "regular", "finer") for seed in (0, 1)]
    expected = {f"ablation_{stage} {network}" for stage in ("train", "predict") for network in networks}
    assert {job for job in planned if job.startswith("ablation")} == expected | {"ablation"}
    grids = {
        f"sample {split}_48 {family} {seed}"
        for split, seeds in {"train": (0, 1), "validation": (0,), "test": (0,)}.items()
        for family in ("disc", "star")
        for seed in seeds
    }
    assert {job for job in planned if "_48" in job and job.startswith("sample")} == grids
    # The models' networks know nothing of the other grid.
    assert not {job for job in planned if job.startswith("predict") and "_48" in job}


def test_a_variant_needs_the_grid_that_it_has(place: Workplace) -> None:
    coarse = place.planned("results/ablation/regular/seed0/test.nc")
    assert not [job for job in coarse if "_48" in job]
    fine = place.planned("results/ablation/finer/seed0/test.nc")
    assert {job for job in fine if job.startswith("merge")} == {
        f"merge {split}_48" for split in ("train", "validation", "test")
    }


def test_without_one_nothing_of_it_is_planned(tmp_path: Path, smoke_config: dict[str, Any]) -> None:
    planned = Workplace.new(tmp_path, smoke_config).planned()
    assert not [job for job in planned if "ablation" in job]
