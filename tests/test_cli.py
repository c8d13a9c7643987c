"""The command line as a person meets it: in a process of its own."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import debye
from debye import cli, info, schema, store
from debye.config import load_config
from debye.frozen import MergeSlice, slices
from debye.provenance import code_digest

PROBLEM = """
grid: {cells: 32, half_width: 16.0, dim: 2}
solute: {kind: star, center: [0.0, 0.0], radius: 7.0, amplitudes: [0.1], phases: [0.0]}
charges: {positions: [[3.0, 1.0]], values: [0.1]}
"""


def run(*arguments, cwd):
    command = [sys.executable, "-m", "debye.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "problem.yaml").write_text(PROBLEM)
    return tmp_path


def test_solve_writes_the_documented_format_and_a_figure(folder):
    done = run("solve", "problem.yaml", "-o", "out.nc", "--plot", "figure.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "converged" in done.stdout
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    dataset = store.open_dataset(folder / "out.nc")
    schema.validate(dataset)
    expected = debye.solve(debye.load_problem(folder / "problem.yaml")).regular
    np.testing.assert_allclose(dataset["regular_potential"][0], expected, rtol=1e-6)
    assert xr.open_dataset(folder / "out.nc").attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[3.0, 1.0]", "[9.0, 1.0]", "outside the solute"),
        ("[3.0, 1.0]", "[7.3, 0.0]", "from the interface"),
        ("radius: 7.0", "radius: 20.0", "outside the box"),
        ("radius: 7.0", "radius: .nan", "finite"),
        ("[0.1], phases", "[0.1, 0.9], phases", "phases"),
        ("values: [0.1]", "values: [.nan]", "finite"),
        ("dim: 2}", "dim: 2, nodes: 3}", "nodes: unknown key"),
        ("grid:", "medium: {eps_solvent: -80}\ngrid:", "eps_solvent"),
        ("cells: 32", "cells: 4", "solute|interface"),
        ("cells: 32", "cells: 10000000", "memory"),
    ],
)
def test_user_errors_are_one_line_with_status_2_and_leave_no_file(folder, old, new, words):
    (folder / "problem.yaml").write_text(PROBLEM.replace(old, new))
    done = run("solve", "problem.yaml", "-o", "out.nc", "--plot", "figure.png", cwd=folder)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("debye: error: ")
    assert re.search(words, lines[0])
    assert [path.name for path in folder.iterdir()] == ["problem.yaml"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("solve", "nowhere.yaml", "-o", "out.nc"),
        ("solve", "problem.yaml"),
        ("solve", "problem.yaml", "-o", "out.nc", "--plot", "figure.xyz"),
        ("solve", "problem.yaml", "-o", "/proc/none/out.nc"),
        ("solve", "problem.yaml", "-o", "."),
        ("solve", "problem.yaml", "-o", "problem.yaml"),
        ("solve", "problem.yaml", "-o", "out.nc", "--plot", "out.nc"),
        ("solve", "problem.yaml", "-o", "out.png"),
        ("solve", "problem.yaml", "-o", "out.nc.gz"),
        ("solve", "problem.yaml", "-o", "folder/"),
        ("predict", "problem.yaml", "-o", "out.YAML"),
        ("solve", "problem.yaml", "-o", "out.nc", "--rtol", "-1"),
        ("info", "problem.yaml"),
        ("info", "nowhere.nc"),
        ("info", "."),
        ("sing",),
        ("solve", "problem.yaml", "--loud", "-o", "out.nc"),
    ],
)
def test_other_errors_are_one_line_too(folder, arguments):
    done = run(*arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("debye: error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["problem.yaml"]


def test_truncated_file_is_named_by_info(folder):
    store.write(schema.mock(), folder / "whole.nc")
    (folder / "half.nc").write_bytes((folder / "whole.nc").read_bytes()[:2000])
    done = run("info", "half.nc", cwd=folder)
    assert done.returncode == 2
    assert "half.nc" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def shards(folder):
    """A frozen slice and the shards it names."""
    part = MergeSlice(code=code_digest(), split="train", members={"disc": (0, 1)})
    store.write_text(folder / "merge.json", part.text())
    for path, seed in zip(part.shards(folder / "shards"), (0, 1), strict=True):
        store.write(schema.mock(seed=seed), path)
    return folder


def merge(folder):
    return run("merge", "--frozen", "merge.json", "--shards", "shards", "-o", "out.nc", cwd=folder)


def test_merge_of_whole_shards(shards):
    done = merge(shards)
    assert done.returncode == 0, done.stderr
    assert store.open_dataset(shards / "out.nc").sizes["sample"] == 8


def test_wrong_grid_at_merge_is_named(shards):
    store.write(
        schema.mock(seed=1, grid=debye.Grid(cells=8, half_width=8.0)), shards / "shards" / "disc" / "seed1.nc"
    )
    done = merge(shards)
    assert done.returncode == 2
    assert "seed1.nc: grid: found cells=8" in done.stderr.splitlines()[-1]
    assert not (shards / "out.nc").exists()


def test_truncated_shard_at_merge_is_named_and_moved_aside(shards):
    shard = shards / "shards" / "disc" / "seed1.nc"
    shard.write_bytes(shard.read_bytes()[:5000])
    done = merge(shards)
    assert done.returncode == 2
    assert "seed1.nc" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (shards / "out.nc").exists()
    assert shard.with_name("seed1.nc.corrupt").exists()


def test_slice_frozen_with_other_code_is_refused(shards):
    text = (shards / "merge.json").read_text()
    (shards / "merge.json").write_text(text.replace(code_digest(), "0" * 16))
    done = merge(shards)
    assert done.returncode == 2
    assert "the code changed: run the workflow again" in done.stderr


def test_info_says_what_a_file_is(folder):
    store.write(schema.mock(samples=3), folder / "mock.nc")
    done = run("info", "mock.nc", cwd=folder)
    assert done.returncode == 0, done.stderr
    for words in ("mock samples", "disc 3", "16 cells", "format_version", "refused draws"):
        assert words in done.stdout


@pytest.mark.parametrize(
    "header",
    [
        "[1]",
        "3",
        '{"__metadata__": null}',
        '{"__metadata__": {"debye": "[1]"}}',
        '{"__metadata__": {"debye": "3"}}',
        "",
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path, header):
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") * bool(header) + header.encode())
    with pytest.raises(debye.FormatError, match="no checkpoint of debye"):
        info.summary(path)


def test_certificates_of_a_network_without_calibration_are_no_anomalies(tmp_path):
    dataset = schema.mock(samples=3)
    dataset["error_estimate"] = ("sample", [np.nan] * 3)
    dataset["flags"] = (
        "sample",
        np.array(
            ["not calibrated: run debye certify", "a: b; not calibrated: c", "not calibrated: c"],
            dtype=object,
        ),
    )
    store.write(dataset, tmp_path / "out.nc")
    text = info.summary(tmp_path / "out.nc")
    assert re.search("error, estimated +none: the network has no calibration", text)
    assert re.search("out of the ordinary +1 ", text)


def test_version_and_help(folder):
    assert debye.__version__ in run("--version", cwd=folder).stdout
    for command in cli.cli.commands:
        done = run(command, "--help", cwd=folder)
        assert done.returncode == 0
        assert "Usage:" in done.stdout


def test_a_crash_of_ours_is_status_1_with_its_traceback(monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(cli, "cli", broken)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_help_does_not_wait_for_torch():
    code = "import sys, debye.cli; assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


SMOKE = Path(__file__).resolve().parents[1] / "workflow" / "scenarios" / "smoke.yaml"


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "--frozen", "../slice.json", "--seed", "0", "-o", "seed0.nc"),
        ("plan", str(SMOKE), "--shapes", "100000"),
    ],
)
def test_a_job_that_is_told_to_end_leaves_nothing(folder, arguments):
    """SLURM ends a job by SIGTERM."""
    part = slices(load_config(SMOKE))["shards/train/disc"].model_copy(update={"samples": 10**6})
    (folder / "slice.json").write_text(part.text())
    (folder / "out").mkdir()
    command = [sys.executable, "-m", "debye.cli", "-q", *arguments]
    with subprocess.Popen(command, cwd=folder / "out") as job:
        begun = time.monotonic()
        while not list((folder / "out").iterdir()) and time.monotonic() - begun < 60:
            time.sleep(0.05)
        assert list((folder / "out").iterdir())
        job.send_signal(signal.SIGTERM)
        assert job.wait(60) == 143
    assert not list((folder / "out").iterdir())
