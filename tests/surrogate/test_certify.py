"""The stage `certify`, and `debye predict`: from files to files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tests.surrogate.conftest import SEEN, SMALL

import debye
from debye import info, networks, schema, store
from debye.cli import cli
from debye.errors import ConfigError, FormatError
from debye.families import BallFamily, ChargeSampling, StarFamily
from debye.frozen import Equation, NetworkSlice, ShardSlice
from debye.learning import shipped
from debye.learning.train import train
from debye.parameters import Grid, Medium, Solver
from debye.physics.sampling import make_shard
from debye.provenance import code_digest
from debye.surrogate import calibration
from debye.surrogate.certify import certify_network, summary
from debye.surrogate.command import predict_samples
from debye.surrogate.samples import Labelled
from debye.surrogate.surrogate import Surrogate

GRID = Grid(cells=16, half_width=8.0)
MEDIUM = Medium(debye_length=8.0)
CHARGES = ChargeSampling(count=(1, 3), magnitude=(0.02, 0.1), clearance=1.2)
STAR = StarFamily(
    kind="star", radius=(3.6, 4.6), amplitude=(0.02, 0.08), modes=2, offset=(-0.5, 0.5), charges=CHARGES
)
DISC = BallFamily(
    kind="ball",
    radius=(3.0, 5.0),
    offset=(-0.5, 0.5),
    charges=ChargeSampling(count=(4, 5), magnitude=(0.15, 0.2), clearance=1.2),
)
SAMPLES = 500
PROBLEM = """
grid: {cells: 16, half_width: 8.0, dim: 2}
solute: {kind: ball, center: [0.0, 0.0], radius: 5.0}
charges: {positions: [[1.0, 0.5], [-1.5, -1.0]], values: [0.1, -0.04]}
medium: {debye_length: 8.0}
"""


def shard(path: Path, split: str, samples: int, medium: Medium = MEDIUM, family: object = STAR) -> Path:
    part = ShardSlice(
        code=code_digest("physics"),
        root_seed="certify",
        split=split,
        geometry="star" if family is STAR else "disc",
        family=family,
        equation=Equation(grid=GRID, medium=medium, boundary="debye-huckel", solver=Solver()),
        charges_per_shape=2,
        max_draws=200,
        samples=samples,
    )
    make_shard(part, 0, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, and data sets of real solutions that it was not trained on."""
    folder = tmp_path_factory.mktemp("certify")
    shard(folder / "train.nc", "train", 300)
    shard(folder / "validation.nc", "validation", SAMPLES)
    # A few seconds, after which it is wrong by some 3 %: the estimate is worth nothing where Newton's method is far.
    settings = networks.Training(epochs=3, batch_size=8, learning_rate=4e-3, beta2=0.99)
    network = networks.Network(architecture=SMALL, training=settings, **SEEN)
    part = NetworkSlice(code="test", name="small", network=network)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train(part, folder / "train.nc", folder / "validation.nc", folder / "state.pt", folder / "out", "cpu")
    torch.set_num_threads(threads)
    (folder / "out" / "checkpoint.safetensors").rename(folder / "net.safetensors")
    shard(folder / "test.nc", "test", SAMPLES)
    shard(folder / "salt.nc", "salt", 40, Medium(debye_length=4.0))
    shard(folder / "strong.nc", "strong", 40, family=DISC)
    shard(folder / "few.nc", "few", 6)
    shard(folder / "forty.nc", "forty", 40)
    return folder


@pytest.fixture(scope="module")
def certified(folder: Path) -> calibration.Calibration:
    """Its calibration, written beside it."""
    tests = {name: folder / f"{name}.nc" for name in ("test", "salt", "strong")}
    return certify_network(
        folder / "net.safetensors",
        folder / "validation.nc",
        tests,
        folder / "net.certificate.json",
        device="cpu",
    )


def test_coverage_on_a_split_like_it_is_nominal(certified: calibration.Calibration) -> None:
    found = certified.splits["test"]
    assert found.samples == SAMPLES
    assert abs(found.coverage - certified.nominal) <= 0.03
    assert found.width < 1.5
    # So briefly trained, it overshoots the labels' potential in the solvent in some.
    assert found.flagged < 0.3
    assert found.coverage_unflagged is not None


def test_splits_unlike_it_are_flagged(certified: calibration.Calibration) -> None:
    assert certified.splits["salt"].medium_differs == ("debye_length",)
    assert certified.splits["salt"].flagged == 1.0
    assert certified.splits["strong"].flagged == 1.0
    # A flag is no cosmetics: what the interval promises does not hold there.
    assert certified.splits["salt"].coverage < 0.85
    for name, one in certified.splits.items():
        assert one.worst >= 1.0
        assert f"| `{name}` | {one.samples} |" in summary(certified)


def test_the_file_names_what_it_belongs_to(folder: Path, certified: calibration.Calibration) -> None:
    assert calibration.load(folder / "net.safetensors") == certified
    assert certified.checkpoint == calibration.file_digest(folder / "net.safetensors")
    with store.open_dataset(folder / "validation.nc") as dataset:
        charges = np.abs(dataset["charge_value"].values)
        assert certified.ranges["largest_charge"][1] == charges.max()
        assert certified.ranges["total_charge"] == (charges.sum(axis=1).min(), charges.sum(axis=1).max())
        assert certified.ranges["charges"] == (1.0, 3.0)


def test_true_errors_are_those_of_the_labels(folder: Path, certified: calibration.Calibration) -> None:
    """The calibrated factor, from the public pieces alone."""
    surrogate = Surrogate.load(folder / "net.safetensors")
    labelled = Labelled(folder / "validation.nc", surrogate)
    ratios = []
    for number in range(0, SAMPLES, 50):
        problem = labelled.problem(number)
        solved, found = debye.solve(problem), surrogate.predict(problem, "cpu")
        finite = np.isfinite(solved.potential)
        error = np.linalg.norm((found.regular - solved.regular)[finite]) / np.linalg.norm(
            solved.potential[finite]
        )
        assert found.certificate is not None
        ratios.append(error / found.certificate.uncalibrated)
    assert certified.factors is not None
    assert np.median(ratios) == pytest.approx(certified.factors.median, rel=0.03)


def test_too_few_samples_give_no_interval(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes((folder / "net.safetensors").read_bytes())
    out = tmp_path / "net.certificate.json"
    made = certify_network(
        tmp_path / "net.safetensors", folder / "few.nc", {"t": folder / "test.nc"}, out, device="cpu"
    )
    assert made.factors is None
    assert made.splits == {}
    assert "no interval: 6 validation samples" in summary(made)
    surrogate = Surrogate.load(tmp_path / "net.safetensors")
    found = surrogate.predict(Labelled(folder / "few.nc", surrogate).problem(0), "cpu").certificate
    assert found is not None
    assert found.error_estimate is None
    assert any("with more than 6 samples" in flag for flag in found.flags)
    assert not any("worse" in flag for flag in found.flags)


def test_data_of_another_grid_or_of_other_ions_is_refused(folder: Path, tmp_path: Path) -> None:
    surrogate = Surrogate.load(folder / "net.safetensors")
    store.write(schema.mock(samples=2, grid=Grid(cells=32, half_width=8.0)), tmp_path / "finer.nc")
    with pytest.raises(FormatError, match=r"finer\.nc: found cells=32"):
        Labelled(tmp_path / "finer.nc", surrogate)
    linear = schema.mock(samples=2)
    linear["ions"][:] = "linear"
    store.write(linear, tmp_path / "linear.nc")
    with pytest.raises(FormatError, match="linear ions"):
        Labelled(tmp_path / "linear.nc", surrogate)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "debye.cli", "-q", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, env=environment)


def test_the_command_certifies_and_predicts(
    folder: Path, certified: calibration.Calibration, tmp_path: Path
) -> None:
    (tmp_path / "net.safetensors").write_bytes((folder / "net.safetensors").read_bytes())
    (tmp_path / "problem.yaml").write_text(PROBLEM, encoding="utf-8")
    validation, salt = str(folder / "forty.nc"), str(folder / "salt.nc")
    done = run(
        tmp_path, "certify", "net.safetensors", "--validation", validation, "--test", f"salt={salt}",
        "--device", "cpu", "-o", "net.certificate.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "90 % interval of the error" in done.stdout
    assert "| `salt` | 40 |" in done.stdout
    done = run(tmp_path, "predict", "problem.yaml", "--model", "net.safetensors", "--device", "cpu", "-o", "out.nc",
               "--plot", "out.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("problem.yaml: relative residual ")
    assert "relative error of u" in done.stdout
    assert (tmp_path / "out.png").stat().st_size > 1000
    found = Surrogate.load(tmp_path / "net.safetensors").predict(
        debye.load_problem(tmp_path / "problem.yaml"), "cpu"
    )
    assert found.certificate is not None
    for flag in found.certificate.flags:
        assert f"problem.yaml: warning: {flag}" in done.stderr
    with store.open_dataset(tmp_path / "out.nc", add=["potential"]) as dataset:
        assert schema.validate(dataset) == GRID
        low, high = found.certificate.error_interval or (0.0, 0.0)
        assert dataset["error_lower"].values.item() == pytest.approx(low, rel=1e-3)
        assert dataset["error_upper"].values.item() == pytest.approx(high, rel=1e-3)
        assert dataset["flags"].values.item() == "; ".join(found.certificate.flags)
        assert dataset.attrs["certificate_nominal"] == 0.9
        assert dataset.attrs["title"] == "Prediction of the network small"


def invoke(*arguments: str | Path) -> None:
    cli([str(argument) for argument in arguments], standalone_mode=False)


def test_several_problems_become_one_file(
    folder: Path, certified: calibration.Calibration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, files = folder / "net.safetensors", [tmp_path / f"{name}.yaml" for name in "ab"]
    files[0].write_text(PROBLEM, encoding="utf-8")
    files[1].write_text(PROBLEM.replace("values: [0.1, -0.04]", "values: [0.05, 0.06]"), encoding="utf-8")
    invoke("predict", *files, "--model", net, "--device", "cpu", "-o", tmp_path / "both.nc")
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == [str(file) for file in files]
    invoke("predict", *files, "--model", net, "--device", "cpu", "-o", tmp_path / "p.nc", "--polish", "1e-9")
    said = capsys.readouterr().out.splitlines()
    assert sum("cold start: " in line for line in said) == 2
    with store.open_dataset(tmp_path / "both.nc") as both, store.open_dataset(tmp_path / "p.nc") as polished:
        assert both.sizes["sample"] == polished.sizes["sample"] == 2
        schema.validate(polished)
        assert "error_estimate" not in polished
        assert (polished["relative_residual"].values <= 1e-9).all()
        assert polished.attrs["title"] == "Polished prediction of the network small"
        for number, file in enumerate(files):
            solved = debye.solve(debye.load_problem(file), 1e-9)
            np.testing.assert_allclose(polished["regular_potential"][number], solved.regular, atol=1e-5)
    invoke(
        "predict", files[0], "--model", net, "--device", "cpu", "-o", tmp_path / "no.nc", "--no-certificate"
    )
    assert "without a certificate" in capsys.readouterr().out
    with store.open_dataset(tmp_path / "no.nc") as plain:
        assert "flags" not in plain


def test_a_data_set_is_certified_sample_by_sample(
    folder: Path, certified: calibration.Calibration, tmp_path: Path
) -> None:
    arguments = ("predict", folder / "test.nc", "--model", folder / "net.safetensors", "--device", "cpu")
    invoke(*arguments, "-o", tmp_path / "plain.nc")
    invoke(*arguments, "-o", tmp_path / "said.nc", "--certify")
    with store.open_raw(tmp_path / "plain.nc") as plain, store.open_raw(tmp_path / "said.nc") as said:
        np.testing.assert_array_equal(plain["regular_potential"], said["regular_potential"])
        assert "error_estimate" not in plain
        with store.open_dataset(folder / "test.nc", add=["potential"]) as labels:
            error = ((said["regular_potential"] - labels["regular_potential"]) ** 2).sum(["x", "y"]) ** 0.5
            error /= (labels["potential"].where(np.isfinite(labels["potential"]), 0.0) ** 2).sum(
                ["x", "y"]
            ) ** 0.5
        held = (said["error_lower"] <= error) & (error <= said["error_upper"])
        assert float(held.mean()) == pytest.approx(certified.splits["test"].coverage, abs=0.01)
        assert said["flags"].dtype.kind in "OUT"
        assert said["error_estimate"].attrs["long_name"]
        estimates, flagged = said["error_estimate"].values, sum(map(bool, said["flags"].values.tolist()))
    lines = dict(
        re.split(r"  +", line.strip(), maxsplit=1)
        for line in info.summary(tmp_path / "said.nc").splitlines()[1:]
    )
    assert lines["samples out of the ordinary"].startswith(f"{flagged} ")
    assert lines["relative L2 error, estimated"].startswith(
        f"median {np.median(estimates):.2g}, at most {estimates.max():.2g}"
    )
    assert "samples out of the ordinary" not in info.summary(tmp_path / "plain.nc")


WRONG = {
    "finer": (["finer.yaml"], "finer.yaml: grid: found cells=32"),
    "two data sets": (["test.nc", "salt.nc"], "what: found test.nc, salt.nc, expected one data set"),
    "both kinds": (["problem.yaml", "test.nc"], "what: found problem.yaml, test.nc"),
    "two in a figure": (["problem.yaml", "b.yaml", "--plot", "f.png"], "--plot: found 2 problems"),
    "a data set polished": (["test.nc", "--polish", "1e-8"], "--polish: found the data set test.nc"),
    "a problem certified": (["problem.yaml", "--certify"], "--certify: found problems"),
    "two grids": (["problem.yaml", "coarse.yaml"], "predictions: found grids"),
    "a tolerance": (["problem.yaml", "--polish", "2"], "rtol: found 2.0"),
    "another kind of figure": (["problem.yaml", "--plot", "f.xyz"], "xyz"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_leave_nothing_behind(
    what: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, words = WRONG[what]
    content = yaml.safe_load(PROBLEM)
    for name, cells in (("problem", 16), ("b", 16), ("coarse", 8), ("finer", 32)):
        content["grid"]["cells"] = cells
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for name in ("test.nc", "salt.nc", "net.safetensors"):
        (tmp_path / name).symlink_to(folder / name)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=f".*{words.split(' found')[0]}.*") as caught:
        invoke("predict", *arguments, "--model", "net.safetensors", "--device", "cpu", "-o", "out.nc")
    assert words in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_an_error_is_one_line_and_status_2(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "finer.yaml").write_text(PROBLEM.replace("cells: 16", "cells: 32"), encoding="utf-8")
    net = str(folder / "net.safetensors")
    done = run(tmp_path, "predict", "finer.yaml", "--model", net, "--device", "cpu", "-o", "out.nc")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("debye: error: finer.yaml: grid: found cells=32")
    assert [path.name for path in tmp_path.iterdir()] == ["finer.yaml"]


@pytest.mark.parametrize(
    ("given", "words"), [("salt.nc", "NAME=FILE"), ("=x", "NAME=FILE"), ("a=b", "a twice")]
)
def test_tests_have_names(given: str, words: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        invoke(
            "certify", folder / "net.safetensors", "--validation", folder / "few.nc", "--test", "a=c",
            "--test", given, "-o", tmp_path / "out.json",
        )  # fmt: skip


def test_without_a_model_the_packages_own_predicts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A problem and a data set alike."""
    path: Callable[[], Path] = lambda: folder / "net.safetensors"  # noqa: E731
    monkeypatch.setattr(shipped, "shipped", path)
    (tmp_path / "problem.yaml").write_text(PROBLEM, encoding="utf-8")
    for what in (tmp_path / "problem.yaml", folder / "salt.nc"):
        arguments = ["predict", what, "--device", "cpu", "--any-medium", "-o"]
        invoke(*arguments, tmp_path / "own.nc")
        invoke(*arguments, tmp_path / "named.nc", "--model", path())
        with store.open_raw(tmp_path / "own.nc") as own, store.open_raw(tmp_path / "named.nc") as named:
            assert own.attrs["model"] == "small"
            assert own.attrs.get("medium_differs", "") == ("debye_length" if what.suffix == ".nc" else "")
            np.testing.assert_array_equal(own["regular_potential"], named["regular_potential"])


def test_what_is_written_is_json_of_the_documented_kind(
    folder: Path, certified: calibration.Calibration
) -> None:
    content = json.loads((folder / "net.certificate.json").read_text(encoding="utf-8"))
    assert content["splits"].keys() == {"test", "salt", "strong"}
    assert content["nominal"] == 0.9


def test_a_file_of_a_users_own_shape_is_refused_in_a_line(tmp_path: Path) -> None:
    class Own:
        is_distance = True
        bounds = (np.array([-8.0, -8.0]), np.array([8.0, 8.0]))

        def __call__(self, points: np.ndarray) -> np.ndarray:
            return np.hypot(*points.T) - 8.0

    own = Surrogate.load()
    charges = debye.PointCharges([[3.0, 1.0]], [0.1])
    store.write(
        own.predict(debye.Problem(own.grid, Own(), charges, own.medium), "cpu").to_dataset(),
        tmp_path / "own.nc",
    )
    with pytest.raises(debye.FormatError, match=r"own\.nc.*user's own"):
        predict_samples(own.path, tmp_path / "own.nc", tmp_path / "out.nc", "cpu", False, True)
    assert not (tmp_path / "out.nc").exists()
