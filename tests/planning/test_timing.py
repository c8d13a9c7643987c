"""What is timed is what a job does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from debye.config import Config, load_config, merged_config
from debye.errors import ConfigError, DebyeError
from debye.frozen import slices
from debye.physics.sampling import make_shard
from debye.planning import timing

SMOKE = Path(__file__).resolve().parents[2] / "workflow" / "scenarios" / "smoke.yaml"


def debye(*arguments, cwd):
    command = [sys.executable, "-m", "debye.cli", "--quiet", "plan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Plan of the smoke scenario by the command line."""
    folder = tmp_path_factory.mktemp("plan")
    done = debye(SMOKE, "--shapes", 1000, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())
    return json.loads(done.stdout)


def test_plan_of_the_smoke_scenario(planned):
    assert planned["samples"] == 42
    assert planned["shards"] == 9
    assert planned["timed"].keys() == {"disc", "star"}
    for one in planned["timed"].values():
        # Not more than there are in a shard.
        assert one["samples"] == planned["parts"][0]["samples"]
        assert 0 < one["seconds"] < 60
        # An interpreter with numpy, scipy and xarray, and no network beside it.
        assert 5e7 < one["peak_bytes"] < 1e9


def test_bytes_are_those_of_a_shard(planned, tmp_path):
    part = slices(load_config(SMOKE))["shards/train/star"].model_copy(update={"samples": 60})
    make_shard(part, 0, tmp_path / "shard.nc")
    timed = planned["timed"]["star"]
    expected = timed["file_bytes"] + (60 - timed["samples"]) * timing.sample_bytes(
        part.equation.grid, {"charge": 3, "parameter": timed["parameters"]}
    )
    assert (tmp_path / "shard.nc").stat().st_size == pytest.approx(expected, rel=0.05)


def test_a_family_that_cannot_be_sampled_is_an_error_of_one_line(tmp_path):
    content = yaml.safe_load(SMOKE.read_text())
    content["families"]["star"]["charges"] = content["families"]["star"]["charges"] | {"clearance": 20.0}
    content["max_draws"] = 1
    content["splits"]["train"]["geometries"] = ["star", "disc"]
    (tmp_path / "config.yaml").write_text(yaml.dump(content))
    done = debye(cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("debye: error: family star")
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def _killed():
    os.kill(os.getpid(), 9)


def test_a_process_that_is_killed_is_named():
    with pytest.raises(DebyeError, match="timed shard of stars: found its process was killed"):
        timing._apart("shard of stars", _killed)


def test_keys_go_on_top_of_the_files(tmp_path):
    (tmp_path / "more.yaml").write_text("seed: other\ngrid: {cells: 40}\n")
    config = merged_config([SMOKE, tmp_path / "more.yaml"], ["charges_per_shape=5", "medium={ions: linear}"])
    expected = yaml.safe_load(SMOKE.read_text()) | {"seed": "other", "charges_per_shape": 5}
    expected |= {"grid": {"cells": 40, "half_width": 16.0}, "medium": {"ions": "linear"}}
    assert config == Config(**expected)


@pytest.mark.parametrize("entry", ["seed", "=3", "seed={", ""])
def test_entries_that_are_no_key_and_value(entry):
    with pytest.raises(ConfigError, match="expected key=value"):
        merged_config([SMOKE], [entry])
