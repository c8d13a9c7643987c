"""What runs again after an edit: the table of workflow/README.md, by dry runs on a finished smoke run."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from debye.store import open_dataset
from tests.workflow.workplace import Workplace

pytestmark = pytest.mark.workflow

MODELS = ("tiny", "tiny_regular")
SEEDS = {"train": (0, 1), "validation": (0,), "test": (0,)}


def model_onward(*models: str) -> set[str]:
    """Jobs from the training of some models to the report."""
    jobs = {"report"}
    for model in models:
        jobs |= {f"train {model}", f"predict {model} test", f"analyse {model}"}
    return jobs


def family_onward(*families: str) -> set[str]:
    """Jobs from the shards of some families to the report, without the freezing."""
    jobs = {
        f"sample {split} {family} {seed}"
        for split, seeds in SEEDS.items()
        for family in families
        for seed in seeds
    }
    return (
        jobs
        | {f"merge {split}" for split in SEEDS}
        | {"floor test"}
        | model_onward(*MODELS)
        | penalty_onward(*families)
    )


def penalty_onward(*families: str) -> set[str]:
    """Jobs from the penalty studies of some families to the report."""
    return {f"penalty_family {family}" for family in families} | {"penalty_study", "report"}


def freeze_physics(*families: str) -> set[str]:
    """Freezing of everything that solves: shards and penalty studies of some families."""
    shards = {f"shards/{split}/{family}" for split in SEEDS for family in families}
    return freeze(*shards, *(f"penalty/{family}" for family in families))


def freeze(*names: str) -> set[str]:
    """Freezing of some slices."""
    return {f"freeze {name}" for name in names}


def append(path: Path, text: str) -> None:
    """Add a line to a file."""
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_nothing_runs_again(finished: Workplace) -> None:
    assert finished.planned() == set()


def test_learning_rate_of_one_model(finished: Workplace) -> None:
    finished.config["models"]["tiny"]["training"]["learning_rate"] = 0.002
    assert finished.planned() == freeze("models/tiny") | model_onward("tiny")


def test_solver_code(finished: Workplace) -> None:
    append(finished.source / "physics" / "solve.py", "\nEDITED = 1\n")
    frozen = freeze("floor") | freeze_physics("disc", "star")
    assert finished.planned() == frozen | family_onward("disc", "star")


def test_learning_code(finished: Workplace) -> None:
    append(finished.source / "learning" / "train.py", "\nEDITED = 1\n")
    assert finished.planned() == freeze("models/tiny", "models/tiny_regular") | model_onward(*MODELS)


def test_analysis_code(finished: Workplace) -> None:
    append(finished.source / "analysis" / "errors.py", "\nEDITED = 1\n")
    expected = freeze("analysis", "penalty", "report") | {"analyse tiny", "analyse tiny_regular"}
    assert finished.planned() == expected | penalty_onward()


@pytest.mark.parametrize("library", ["scipy", "pyamg"])
def test_library_of_the_solver(finished: Workplace, library: str) -> None:
    finished.install(library, "99.0")
    frozen = freeze("floor") | freeze_physics("disc", "star")
    assert finished.planned() == frozen | family_onward("disc", "star")


def test_library_of_the_networks(finished: Workplace) -> None:
    finished.install("torch", "99.0")
    assert finished.planned() == freeze("models/tiny", "models/tiny_regular") | model_onward(*MODELS)


def test_library_of_the_format_trains_nothing_again(finished: Workplace) -> None:
    finished.install("netCDF4", "99.0")
    merged = freeze(*(f"merge/{split}" for split in SEEDS)) | {f"merge {split}" for split in SEEDS}
    assert finished.run() == merged
    with open_dataset(finished.result("dataset/test.nc")) as dataset:
        assert "netCDF4 99.0" in dataset.attrs["source"]
    assert finished.planned() == set()


def test_comments_and_docstrings_anywhere(finished: Workplace) -> None:
    for path in finished.source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text), clean=False)
        if docstring:
            text = text.replace(docstring, f"Edited. {docstring}", 1)
        path.write_text(f"# edited\n{text}\n# edited\n", encoding="utf-8")
    assert finished.planned() == set()


def test_analysis_bands(finished: Workplace) -> None:
    finished.config["analysis"]["bands"] = [-4, 0, 4]
    assert finished.planned() == freeze("analysis") | {"analyse tiny", "analyse tiny_regular", "report"}


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


def test_two_more_seeds_of_one_family(finished: Workplace) -> None:
    finished.config["splits"]["train"]["seeds"] = {"disc": [0, 1, 2, 3], "star": [0, 1]}
    samples = {"sample train disc 2", "sample train disc 3"}
    assert finished.planned() == freeze("merge/train") | samples | {"merge train"} | model_onward(*MODELS)


def test_family_added(finished: Workplace) -> None:
    charges = finished.config["families"]["disc"]["charges"]
    ellipse = {"kind": "ellipsoid", "semi_axis": [6.0, 8.0], "aspect": [0.7, 0.9], "charges": charges}
    finished.config["families"]["ellipse"] = ellipse
    for split in SEEDS:
        finished.config["splits"][split]["geometries"].append("ellipse")
    frozen = freeze(
        *(f"{stage}" for split in SEEDS for stage in (f"shards/{split}/ellipse", f"merge/{split}")),
        "penalty",
        "penalty/ellipse",
    )
    assert finished.planned() == frozen | family_onward("ellipse")


def test_ranges_of_a_family(finished: Workplace) -> None:
    finished.config["families"]["star"]["radius"] = [6.5, 8.0]
    assert finished.planned() == freeze_physics("star") | family_onward("star")


def test_model_added(finished: Workplace) -> None:
    finished.config["models"]["third"] = finished.config["models"]["tiny"]
    assert finished.planned() == freeze("models/third") | model_onward("third")


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


def test_deleted_shard_is_made_again_and_nothing_trained_again(finished: Workplace) -> None:
    finished.result("shards/train/disc/seed1.nc").unlink()
    again = {"sample train disc 1", "merge train"}
    assert finished.planned() == again | model_onward(*MODELS)
    assert finished.run() == again
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
    behind = {"floor test"} | {job for job in model_onward(*MODELS) if not job.startswith("train")}
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
