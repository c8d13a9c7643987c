"""What runs again after an edit: the table of workflow/README.md on a finished smoke run.

The rows of `rerun_table.py` are run for real, on Slurm all of them (`slurm/test_rerun.py`), here but for the largest,
each of which takes two minutes; these and what is not in the table as dry runs.
"""

from __future__ import annotations

import shutil

import pytest

from debye.store import open_dataset
from tests.workflow.rerun_table import (
    FURTHER,
    MODELS,
    ROWS,
    SEEDS,
    Row,
    append,
    family_onward,
    freeze,
    freeze_physics,
    model_onward,
    penalty_onward,
)
from tests.workflow.workplace import Workplace

pytestmark = pytest.mark.workflow


LARGEST = ("solver code", "family added", "ranges of a family")
"""Rows after which nearly everything runs again."""


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row_of_the_table(row: Row, finished: Workplace) -> None:
    row.edit(finished)
    if row.name in LARGEST:
        assert finished.planned() == row.jobs
        return
    assert finished.run() == row.jobs
    assert finished.planned() == set()


def test_solver_code_that_gives_the_same_samples_trains_nothing_again(finished: Workplace) -> None:
    append(finished.source / "physics" / "solve.py", "\nEDITED = 1\n")
    planned = (
        freeze("floor", "solver_cost", "certificate")
        | freeze_physics("disc", "star")
        | family_onward("disc", "star")
    )
    assert finished.planned() == planned
    assert finished.run() == {job for job in planned if not job.startswith(("train", "predict"))}
    assert finished.planned() == set()


def test_nothing_runs_again(finished: Workplace) -> None:
    assert finished.planned() == set()


def test_learning_code(finished: Workplace) -> None:
    append(finished.source / "learning" / "train.py", "\nEDITED = 1\n")
    assert finished.planned() == freeze("models/tiny", "models/tiny_regular", "certificate") | model_onward(
        *MODELS
    )


def test_surrogate_code(finished: Workplace) -> None:
    append(finished.source / "surrogate" / "flags.py", "\nEDITED = 1\n")
    assert finished.planned() == freeze("certificate") | {"certify tiny", "certify tiny_regular", "report"}


def test_analysis_code(finished: Workplace) -> None:
    append(finished.source / "analysis" / "errors.py", "\nEDITED = 1\n")
    expected = freeze("analysis", "leaderboard", "penalty", "report")
    expected |= {"analyse tiny", "analyse tiny_regular", "leaderboard"}
    assert finished.planned() == expected | penalty_onward()


@pytest.mark.parametrize("library", ["scipy", "pyamg"])
def test_library_of_the_solver(finished: Workplace, library: str) -> None:
    finished.install(library, "99.0")
    frozen = freeze("floor", "solver_cost", "certificate") | freeze_physics("disc", "star")
    assert finished.planned() == frozen | family_onward("disc", "star")


def test_library_of_the_networks(finished: Workplace) -> None:
    finished.install("torch", "99.0")
    assert finished.planned() == freeze("models/tiny", "models/tiny_regular", "certificate") | model_onward(
        *MODELS
    )


def test_library_of_the_format_trains_nothing_again(finished: Workplace) -> None:
    finished.install("netCDF4", "99.0")
    splits = (*SEEDS, *FURTHER)
    merged = freeze(*(f"merge/{split}" for split in splits)) | {f"merge {split}" for split in splits}
    assert finished.run() == merged
    with open_dataset(finished.result("dataset/test.nc")) as dataset:
        assert "netCDF4 99.0" in dataset.attrs["source"]
    assert finished.planned() == set()


def test_report_title(finished: Workplace) -> None:
    finished.config["report"]["title"] = "Another title"
    assert finished.planned() == freeze("report") | {"report"}


def test_where_merge_and_analysis_work(finished: Workplace) -> None:
    """No job runs again for it, and those that run for another reason get it."""
    finished.config["dask"] = {"cluster": "slurm", "workers": 7, "patience": 5}
    assert finished.planned() == set()
    finished.result("dataset/test.nc").unlink()
    shutil.rmtree(finished.result("analysis/tiny"))
    targets = ["results/dataset/test.nc", "results/analysis/tiny"]
    done = finished.snakemake("--dry-run", "--printshellcmds", "--", *targets)
    for command in ("merge", "analyse"):
        lines = [line for line in (done.stdout + done.stderr).splitlines() if f"debye {command} " in line]
        assert lines
        assert all(" --dask slurm:7,memory=2000,runtime=120,patience=5 " in line for line in lines)


def test_penalty_study(finished: Workplace) -> None:
    finished.config["penalty"]["values"] = [0, 1, "auto"]
    frozen = freeze("penalty/disc", "penalty/star")
    assert finished.planned() == frozen | penalty_onward("disc", "star")


def test_penalty_study_of_fewer_families(finished: Workplace) -> None:
    finished.config["penalty"]["families"] = ["star"]
    assert finished.planned() == freeze("penalty") | penalty_onward()


def test_solver_settings_do_not_touch_the_penalty_study(finished: Workplace) -> None:
    finished.config["solver"] = {"penalty": 2.0}
    planned = finished.planned()
    assert "sample train disc 0" in planned
    assert not [job for job in planned if "penalty" in job]


@pytest.mark.parametrize("trigger", ["default", "mtime only", "metadata lost"])
def test_no_stale_result_whatever_snakemake_knows(finished: Workplace, trigger: str) -> None:
    finished.config["models"]["tiny"]["training"]["learning_rate"] = 0.002
    finished.config["report"]["title"] = "Another title"
    if trigger == "metadata lost":
        shutil.rmtree(finished.folder / ".snakemake")
    arguments = ["--rerun-triggers", "mtime"] if trigger == "mtime only" else []
    assert finished.planned(*arguments) == freeze("models/tiny", "report") | model_onward("tiny")


def test_frozen_file_that_was_tampered_with(finished: Workplace) -> None:
    finished.result("frozen/models/tiny.json").write_text("{}", encoding="utf-8")
    assert finished.planned() == freeze("models/tiny") | model_onward("tiny")


def test_reverted_edit_after_a_dry_run(finished: Workplace) -> None:
    finished.config["seed"] = "another"
    assert finished.planned()
    finished.config["seed"] = "smoke"
    assert finished.planned() == set()


def test_damaged_shard_is_moved_aside_and_made_again(finished: Workplace) -> None:
    shard = finished.result("shards/test/star/seed0.nc")
    shard.write_bytes(shard.read_bytes()[:5000])
    failed = finished.snakemake()
    assert failed.returncode != 0
    said = failed.stdout + failed.stderr
    assert "debye: error: results/shards/test/star/seed0.nc" in said
    # By the status of `debye merge` itself, not because Snakemake missed the data set.
    assert "returned non-zero exit status 2" in said
    assert "MissingOutput" not in said
    assert finished.result("shards/test/star/seed0.nc.corrupt")
    again = {"sample test star 0", "merge test"}
    behind = {"floor test", "leaderboard", "report"} | {f"cost {model}" for model in MODELS}
    behind |= {f"{job} test" for job in ("predict tiny", "predict tiny_regular")}
    behind |= {f"{job} {model}" for job in ("analyse", "certify") for model in MODELS}
    assert finished.planned() == again | behind
    assert finished.run() == again
    assert finished.planned() == set()


def test_edit_beside_a_deleted_shard_is_not_forgotten(finished: Workplace) -> None:
    """The look again after the merge drops what is up to date, and only that."""
    finished.result("shards/train/disc/seed1.nc").unlink()
    finished.config["models"]["tiny"]["training"]["learning_rate"] = 0.002
    again = freeze("models/tiny") | {"sample train disc 1", "merge train"}
    assert finished.run() == again | model_onward("tiny")
    assert finished.planned() == set()
