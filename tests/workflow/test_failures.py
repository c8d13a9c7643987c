"""What a failing job, a second run and an awkward folder do to the workflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.workplace import ROOT, Workplace

pytestmark = pytest.mark.workflow


def test_half_an_analysis_is_not_accepted(finished: Workplace) -> None:
    """`debye analyse` fails behind a pipe after its first file, with the folder that Snakemake waits for made."""
    finished.config["analysis"]["bands"] = [-4, 0, 4]
    folder = "results/analysis/tiny"
    begun = f'mkdir -p {folder} && echo > {folder}/metrics.nc && echo "debye: error: made up" >&2 && exit 2'
    finished.stand_in("analyse", begun)
    failed = finished.snakemake("results/analysis/tiny")
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert "debye: error: made up" in said
    assert "returned non-zero exit status 2" in said
    assert not (finished.folder / folder).exists()
    assert "made up" in finished.result("logs/analyse/tiny.log").read_text(encoding="utf-8")
    shutil.rmtree(finished.folder / "bin")
    assert "analyse tiny" in finished.planned()


def test_damaged_floor_stops_the_analysis(finished: Workplace) -> None:
    floor = finished.result("floor/test.nc")
    floor.write_bytes(floor.read_bytes()[:5000])
    failed = finished.snakemake("--keep-going")
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert "debye: error: results/floor/test.nc" in said
    assert "returned non-zero exit status 2" in said
    assert not (finished.folder / "results" / "analysis" / "tiny").exists()


def test_training_that_fails_leaves_nothing_to_predict_with(finished: Workplace) -> None:
    finished.config["models"]["tiny"]["training"]["learning_rate"] = 0.002
    files = "results/models/tiny/checkpoint.safetensors results/models/tiny/history.csv"
    finished.stand_in("train", f"touch {files}; exit 1")
    assert finished.snakemake("results/predictions/tiny/test.nc").returncode != 0
    assert not [path for path in files.split() if (finished.folder / path).exists()]


def test_second_run_in_the_folder_is_refused(tmp_path: Path, smoke_config: dict[str, Any]) -> None:
    place = Workplace.new(tmp_path, smoke_config)
    place.stand_in("sample", "echo > started; while [ ! -e go ]; do sleep 0.1; done; exit 1")
    target = "results/shards/train/disc/seed0.nc"
    first = place.start(target)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "started").exists():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        second = place.snakemake(target)
    finally:
        (tmp_path / "go").touch()
        first.wait(timeout=60)
    said = second.stdout + second.stderr
    assert second.returncode != 0
    assert "Directory cannot be locked" in said
    assert "no other Snakemake process" in said
    assert "Traceback" not in said
    # A run that ended, even badly, holds no lock.
    assert "sample train disc 0" in place.planned(target)


def test_spaces_quotes_and_braces_in_paths(tmp_path: Path, smoke_config: dict[str, Any]) -> None:
    """Of the repository, of the environment, and of the folder of the results; `debye` is not on the PATH."""
    clone = tmp_path / "a clone's copy of $HOME"
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, clone / name)
    binaries = tmp_path / "an {odd} one's" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "debye").symlink_to(Path(sys.executable).parent / "debye")
    results = clone / "my results"
    place = Workplace.new(results, smoke_config)
    # An interpreter elsewhere would need an environment of its own; it only has to say that it stands here.
    start = "import sys, snakemake.cli; sys.executable = sys.argv.pop(1); sys.exit(snakemake.cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, str(binaries / "python"), "--cores", "1"]
    command += ["--directory", str(results), "--configfile", "workflow/scenarios/smoke.yaml"]
    without = [
        folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "debye").exists()
    ]
    done = subprocess.run(
        [*command, "--", "results/shards/test/disc/seed0.nc"],
        cwd=clone,
        env=os.environ | {"PATH": os.pathsep.join(without), "PYTHONPATH": str(place.source.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.result("shards/test/disc/seed0.nc").stat().st_size > 0
