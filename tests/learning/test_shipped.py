"""A network asked about a single problem, and the network that comes with the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.learning.made_up import change_weights, no_number

import debye
from debye import networks, schema, store
from debye.cli import cli
from debye.errors import ConfigError, FormatError
from debye.learning import checkpoint, shipped
from debye.learning.predict import predict_dataset
from debye.learning.shipped import predict_problem
from debye.networks import Architecture
from debye.physics.problem import Problem
from debye.physics.unsolved import unsolved

ARCHITECTURES: dict[str, Architecture] = {
    "resnet": networks.ResNet(kind="resnet", channels=8, blocks=2, downsample=2),
    "multigrid": networks.MultigridOperator(kind="multigrid", channels=4, coarse_channels=6, downsample=3),
}
WEIGHTS = Path(debye.__file__).parent / "weights" / shipped.NAME
PROBLEM = """
grid: {cells: 16, half_width: 8.0, dim: 2}
solute: {kind: ball, center: [0.0, 0.0], radius: 5.0}
charges: {positions: [[1.0, 0.5], [-1.5, -1.0]], values: [0.1, -0.04]}
medium: {debye_length: 8.0}
"""
CHANGES = {
    "grid": ("cells: 16", "cells: 32", "cells=32", "cells=16"),
    "medium": ("debye_length: 8.0", "debye_length: 9.6", "debye_length=9.6", "debye_length=8.0"),
    "boundary": ("medium:", "boundary: zero\nmedium:", "found zero", "debye-huckel"),
}
"""A change of the problem, and the words that name what is found and what is expected."""


@pytest.fixture
def made(living: Callable[[Architecture], Path]) -> Callable[..., Path]:
    def make(kind: str = "resnet") -> Path:
        return living(ARCHITECTURES[kind])

    return make


@pytest.fixture
def problem_file(tmp_path: Path) -> Callable[..., Path]:
    def write(old: str = "", new: str = "") -> Path:
        path = tmp_path / "problem.yaml"
        path.write_text(PROBLEM.replace(old, new, 1), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_a_problem_is_predicted_as_the_same_data_set_is(
    kind: str, made: Callable[..., Path], problem_file: Callable[..., Path], tmp_path: Path
) -> None:
    model, problem = made(kind), debye.load_problem(problem_file())
    solved = debye.solve(problem).to_dataset()
    store.write(solved, tmp_path / "solved.nc")
    predict_dataset(model, tmp_path / "solved.nc", tmp_path / "predicted.nc", "cpu")
    found = predict_problem(model, unsolved(problem), problem.boundary, "cpu")
    with store.open_raw(tmp_path / "predicted.nc") as expected:
        values = expected["regular_potential"].values
        assert np.ptp(values) > 1e-3
        np.testing.assert_array_equal(found["regular_potential"], values)
        for name in ("model", "parameters", "train_digest"):
            assert found.attrs[name] == expected.attrs[name]


def test_what_was_asked_stays_as_it_was(made: Callable[..., Path], problem_file: Callable[..., Path]) -> None:
    asked = unsolved(debye.load_problem(problem_file()))
    before = asked.copy(deep=True)
    found = predict_problem(made(), asked, "debye-huckel", "cpu")
    assert asked.identical(before)
    assert found.drop_vars("regular_potential").equals(before.drop_vars("regular_potential"))
    schema.validate(found)


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_another_problem_than_the_networks_is_refused(
    what: str, made: Callable[..., Path], problem_file: Callable[..., Path]
) -> None:
    old, new, found, expected = CHANGES[what]
    problem = debye.load_problem(problem_file(old, new))
    with pytest.raises(ConfigError, match=f"^problem: {what}: found") as caught:
        predict_problem(made(), unsolved(problem), problem.boundary, "cpu")
    before, after = str(caught.value).split("expected", 1)
    assert found in before
    assert expected in after
    assert "network small in checkpoint.safetensors" in after


def test_boundary_values_of_a_function_are_refused(
    made: Callable[..., Path], problem_file: Callable[..., Path]
) -> None:
    asked = unsolved(debye.load_problem(problem_file()))
    with pytest.raises(ConfigError, match=r"boundary: found a function, expected debye-huckel"):
        predict_problem(made(), asked, lambda points: np.zeros(len(points)), "cpu")


def test_a_prediction_that_is_no_number_is_refused(
    made: Callable[..., Path], problem_file: Callable[..., Path]
) -> None:
    path = made()
    change_weights(path, no_number)
    with pytest.raises(FormatError, match="NaN or inf"):
        predict_problem(path, unsolved(debye.load_problem(problem_file())), "debye-huckel", "cpu")


def predicted(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "debye.cli", "-q", "predict", "problem.yaml", "-o", "out.nc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def test_the_command_writes_the_documented_format(
    made: Callable[..., Path], problem_file: Callable[..., Path], tmp_path: Path
) -> None:
    path, problem = made(), debye.load_problem(problem_file())
    done = predicted(tmp_path, "--model", path.name, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    with store.open_dataset(tmp_path / "out.nc", add=["potential"]) as dataset:
        assert schema.validate(dataset) == problem.grid
        assert dataset.attrs["title"] == "Prediction of the network small"
        expected = predict_problem(path, unsolved(problem), problem.boundary, "cpu")
        np.testing.assert_allclose(
            dataset["regular_potential"], expected["regular_potential"], rtol=1e-5, atol=1e-6
        )


def test_the_command_leaves_nothing_behind_on_an_error(
    made: Callable[..., Path], problem_file: Callable[..., Path], tmp_path: Path
) -> None:
    made()
    problem_file("cells: 16", "cells: 32")
    before = sorted(tmp_path.iterdir())
    done = predicted(tmp_path, "--model", "checkpoint.safetensors", "--device", "cpu")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("debye: error: problem: grid: found cells=32")
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_model_the_packages_own_predicts(
    made: Callable[..., Path], mock_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A problem and a data set alike."""
    path = made()
    monkeypatch.setattr(shipped, "shipped", lambda: path)
    (tmp_path / "problem.yaml").write_text(PROBLEM, encoding="utf-8")
    for what in (tmp_path / "problem.yaml", mock_file("test", samples=2)):
        arguments = ["predict", str(what), "--device", "cpu", "--any-medium", "-o"]
        cli([*arguments, str(tmp_path / "own.nc")], standalone_mode=False)
        cli([*arguments, str(tmp_path / "named.nc"), "--model", str(path)], standalone_mode=False)
        with store.open_raw(tmp_path / "own.nc") as own, store.open_raw(tmp_path / "named.nc") as named:
            assert own.attrs["model"] == "small"
            assert own.attrs.get("medium_differs", "") == ("debye_length" if what.suffix == ".nc" else "")
            np.testing.assert_array_equal(own["regular_potential"], named["regular_potential"])


def test_a_package_without_its_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped.resources, "files", lambda _: tmp_path)
    with pytest.raises(FormatError, match=r"compact\.safetensors: found no such file"):
        shipped.shipped()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / shipped.NAME).touch()
    assert shipped.shipped() == tmp_path / "weights" / shipped.NAME


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the package's own network is not there yet")
def test_the_packages_own_network_is_small_right_and_described(tmp_path: Path) -> None:
    path = shipped.shipped()
    assert path.stat().st_size <= 8e6
    record, _ = checkpoint.load(path)
    card = path.with_name("compact.md").read_text(encoding="utf-8")
    assert f"| parameters | {record.parameters:,} |" in card
    assert record.train_digest in card
    problem = like_the_one_in_docs(record, tmp_path)
    found = predict_problem(path, unsolved(problem), problem.boundary, "cpu")["regular_potential"].values[0]
    labels = debye.solve(problem)
    # Of the potential u: what is added to w in the solute is known exactly, and infinite at a charge.
    finite = np.isfinite(labels.potential)
    error = np.linalg.norm((found - labels.regular)[finite]) / np.linalg.norm(labels.potential[finite])
    assert error < 0.05
    assert np.linalg.norm(found - labels.regular) < 0.05 * np.linalg.norm(labels.regular)


def like_the_one_in_docs(record: checkpoint.Record, folder: Path) -> Problem:
    """The problem of `docs/problem.yaml`, on the grid and in the medium of a network, as large as it was in its box."""
    docs = Path(__file__).resolve().parents[2] / "docs" / "problem.yaml"
    content = yaml.safe_load(docs.read_text(encoding="utf-8"))
    scale = record.grid.half_width / content["grid"]["half_width"]
    content["solute"]["radius"] *= scale
    content["charges"]["positions"] = (scale * np.array(content["charges"]["positions"])).tolist()
    content["grid"] = record.grid.model_dump(mode="json")
    content["medium"] = record.medium.model_dump(mode="json")
    (folder / "problem.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return debye.load_problem(folder / "problem.yaml")
