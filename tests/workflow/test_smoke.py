"""The whole chain on a handful of samples, and how the workflow speaks to people."""

from __future__ import annotations

import html
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from debye.config import load_config
from debye.frozen import slices
from debye.planning.plan import jobs
from debye.provenance import code_digest
from debye.store import open_dataset
from tests.workflow.workplace import ROOT, Workplace, jobs_in

pytestmark = pytest.mark.workflow


def test_every_job_ran_once(finished_once: tuple[Path, str], finished: Workplace) -> None:
    config = load_config(ROOT / "workflow" / "scenarios" / "smoke.yaml")
    expected = {f"freeze {name}" for name in slices(config)} | {"floor test", "penalty_study"}
    expected |= {"leaderboard", "report"} | {f"cost {model}" for model in config.models}
    expected |= {f"penalty_family {family}" for family in config.studied}
    for split, members in config.splits.items():
        expected |= {f"merge {split}"} | {
            f"sample {split} {family} {seed}" for family, seed in members.shards()
        }
    for model in config.models:
        expected |= {f"train {model}", f"certify {model}", f"predict {model} test", f"analyse {model}"}
        expected |= {f"predict {model} {split}" for split in config.further_splits}
    assert jobs_in(finished_once[1]) == expected
    # What `debye plan` announces.
    assert Counter(job.split()[0] for job in expected) == jobs(config)


def test_results_are_where_the_contract_says(finished: Workplace) -> None:
    page = finished.result("report/index.html").read_text(encoding="utf-8")
    assert "smoke test" in page
    with open_dataset(finished.result("dataset/train.nc")) as train:
        assert train.sizes["sample"] == 24
        assert train.attrs["code_digest"] == code_digest(root=finished.source)
    for model in ("tiny", "tiny_regular"):
        for name in ("checkpoint.safetensors", "checkpoint.certificate.json", "history.csv"):
            name = f"models/{model}/{name}"
            assert finished.result(name).stat().st_size > 0
        assert finished.result(f"predictions/{model}/test.nc")
        assert finished.result(f"analysis/{model}/metrics.nc")
    with xr.open_dataset(finished.result("predictions/tiny/other_salt.nc")) as salty:
        assert salty.attrs["medium_differs"] == "debye_length"
    with open_dataset(finished.result("dataset/other_salt.nc")) as salty:
        assert (salty["debye_length"].values == 4.0).all()


def test_leaderboard_is_made_and_shown(finished: Workplace) -> None:
    board = json.loads(finished.result("leaderboard/leaderboard.json").read_text(encoding="utf-8"))
    assert [one["split"] for one in board["splits"]] == ["test", "other_salt"]
    assert {(row["model"], row["split"]) for row in board["rows"]} == {
        (model, split) for model in ("tiny", "tiny_regular") for split in ("test", "other_salt")
    }
    for one in board["models"]:
        assert one["latency_seconds"] > 0
        # On one machine in one job, each with one thread.
        assert one["threads"] == one["solver"]["threads"] == 1
        assert one["solver"]["cold_seconds"] > one["solver"]["warm_seconds"] > 0
        assert one["training"]["steps"] == 6
    text = finished.result("leaderboard/leaderboard.md").read_text(encoding="utf-8")
    page = html.unescape(finished.result("report/index.html").read_text(encoding="utf-8"))
    for model in ("tiny", "tiny_regular"):
        assert f"| {model} |" in text
    assert "Networks on the test split" in page
    assert "more salt" in page


def test_penalty_study_is_made_and_shown(finished: Workplace) -> None:
    found = json.loads(finished.result("penalty/findings.json").read_text(encoding="utf-8"))
    assert found["recommended"] == "auto"
    assert found["scope"]["families"] == ["disc", "star"]
    for name in ("study.nc", "penalty.svg", "recommendation.md"):
        assert finished.result(f"penalty/{name}").stat().st_size > 0
    page = finished.result("report/index.html").read_text(encoding="utf-8")
    assert "Penalty study" in page
    assert found["paragraphs"][0] in html.unescape(page)


def test_progress_is_seen_and_logged(finished_once: tuple[Path, str], finished: Workplace) -> None:
    log = finished.result("logs/train/tiny.log").read_text(encoding="utf-8")
    assert "epoch 2 of 2" in log
    assert log.strip().splitlines()[-1] in finished_once[1]
    assert finished.result("benchmarks/sample/train/disc/seed0.tsv")


def test_no_temporary_file_is_left(finished: Workplace) -> None:
    assert not [path for path in (finished.folder / "results").rglob(".*") if ".tmp" in path.name]


def test_scenario_replaces_the_default(finished: Workplace) -> None:
    """Snakemake would merge the two: the default's ellipses and its network would come along."""
    everything = "\n".join(finished.planned("--forceall"))
    assert "ellipse" not in everything
    assert " resnet" not in everything


def test_single_keys_go_on_top(finished: Workplace) -> None:
    assert "sample train disc 0" in finished.planned("--config", "seed=another")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"sed": 1}, "sed: unknown key"),
        ({"analysis": {"bands": [2, 1], "near_charge": 2}}, "found bands [2.0, 1.0], expected rising edges"),
        ({"charges_per_shape": "few"}, "charges_per_shape: found 'few'"),
    ],
)
def test_wrong_configuration_is_a_clear_error(
    tmp_path: Path, smoke_config: dict[str, Any], edit: dict[str, Any], words: str
) -> None:
    done = Workplace.new(tmp_path, smoke_config | edit).snakemake("--dry-run")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "configuration: " in said
    assert words in said
    assert "Traceback" not in said
