"""A network asked as the solver is: one problem or many, fields, files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learning.made_up import change_weights, no_number
from tests.surrogate.conftest import Maker

import debye
from debye import schema, store
from debye.errors import ConfigError, FormatError
from debye.learning import shipped
from debye.learning.predict import predict_dataset
from debye.surrogate import geometry
from debye.surrogate import surrogate as module
from debye.surrogate.datasets import dataset_of
from debye.surrogate.surrogate import Surrogate


def test_a_problem_is_predicted_as_the_same_data_set_is(small: Path, problem: Maker, tmp_path: Path) -> None:
    asked = problem()
    store.write(debye.solve(asked).to_dataset(), tmp_path / "solved.nc")
    predict_dataset(small, tmp_path / "solved.nc", tmp_path / "predicted.nc", "cpu")
    found = Surrogate.load(small).predict(asked, "cpu").to_dataset()
    with store.open_raw(tmp_path / "predicted.nc") as expected:
        values = expected["regular_potential"].values
        assert np.ptp(values) > 1e-3
        np.testing.assert_array_equal(found["regular_potential"], values)
        for name in ("model", "parameters", "train_digest"):
            assert found.attrs[name] == expected.attrs[name]


def test_fields_are_those_of_a_solution_with_the_same_w(small: Path, problem: Maker) -> None:
    asked = problem()
    found, solved = Surrogate.load(small).predict(asked, "cpu"), debye.solve(asked)
    same = replace(solved, nodal=found.regular.ravel())
    np.testing.assert_array_equal(found.level_set, same.level_set)
    np.testing.assert_array_equal(found.potential, same.potential)
    points = np.random.default_rng(0).uniform(-16, 16, (100, 2))
    np.testing.assert_allclose(found.evaluate(points), same.evaluate(points), rtol=1e-12, atol=1e-12)
    assert found.reaction_energy == pytest.approx(same.reaction_energy, rel=1e-12)
    assert found.ionic_energy == pytest.approx(same.ionic_energy, rel=1e-12)
    with pytest.raises(ConfigError, match="points: found a point outside"):
        found.evaluate([[17.0, 0.0]])


def test_a_list_is_one_by_one_whatever_the_batch(
    small: Path, problem: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    surrogate = Surrogate.load(small)
    first = problem(0)
    asked = [problem(number) for number in range(3)]
    asked += [
        replace(first, charges=debye.PointCharges(first.charges.positions[:1], [0.05 * n])) for n in (1, 2)
    ]
    asked.append(problem(5, grid=debye.Grid(cells=16, half_width=16.0)))
    alone = [surrogate.predict(one, "cpu") for one in asked]
    for size in (64, 2):
        monkeypatch.setattr(module, "AT_ONCE", {"cpu": size})
        together = surrogate.predict(asked, "cpu")
        assert len(together) == len(asked)
        for one, other, what in zip(alone, together, asked, strict=True):
            assert other.problem is what
            np.testing.assert_allclose(other.regular, one.regular, atol=1e-5 * np.abs(one.regular).max())
            assert one.certificate is not None
            assert other.certificate is not None
            assert other.certificate.uncalibrated == pytest.approx(one.certificate.uncalibrated, rel=1e-3)
    assert surrogate.predict([], "cpu") == []


def test_problems_of_one_solute_share_its_geometry(
    small: Path, problem: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand charge sets must not pay for their one shape a thousand times."""
    cuts, systems, batches = [], [], []
    for name, calls in (("find_cut", cuts), ("discretise_cut", systems)):
        real = getattr(geometry, name)
        monkeypatch.setattr(geometry, name, lambda *a, real=real, calls=calls: (calls.append(1), real(*a))[1])
    surrogate = Surrogate.load(small)
    real_regular = surrogate.regular
    monkeypatch.setattr(surrogate, "regular", lambda *a: (batches.append(len(a[1])), real_regular(*a))[1])
    first = problem()
    # An equal shape is the same one; a user's own is known by identity.
    again = debye.Star(first.solute.center, first.solute.radius, first.solute.amplitudes, first.solute.phases)
    values = first.charges.values
    asked = [
        problem(solute=solute, charges=debye.PointCharges(first.charges.positions, factor * values))
        for factor in np.linspace(0.5, 1.0, 20)
        for solute in (first.solute, again)
    ]
    surrogate.predict(asked, "cpu", certify=False)
    assert (len(cuts), len(systems), batches) == (1, 0, [40])
    surrogate.predict([*asked, problem(1)], "cpu")
    assert (len(cuts), len(systems)) == (3, 2)


def test_the_network_is_placed_once(small: Path, problem: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    from debye.learning import answer

    placed = []
    real = answer.place
    monkeypatch.setattr(answer, "place", lambda *a: (placed.append(a[1]), real(*a))[1])
    surrogate = Surrogate.load(small)
    for number in range(3):
        surrogate.predict(problem(number), "cpu", certify=False)
    assert len(placed) == 1


def test_the_file_is_in_the_documented_format(small: Path, problem: Maker, tmp_path: Path) -> None:
    molecule = debye.Molecule([[0.0, 0.0], [3.0, 1.0]], [5.0, 4.0], 1.4)
    asked = [
        problem(0),
        problem(1),
        problem(solute=molecule, charges=debye.PointCharges([[1.0, 0.0]], [0.05])),
    ]
    found = dataset_of(Surrogate.load(small).predict(asked, "cpu"))
    assert schema.validate(found) == asked[0].grid
    store.write(found, tmp_path / "found.nc")
    with store.open_dataset(tmp_path / "found.nc", add=["potential"]) as again:
        schema.validate(again)
        assert again.sizes["sample"] == 3
        np.testing.assert_array_equal(again["charge_count"], [len(one.charges) for one in asked])
        assert list(again["geometry"].values) == ["star", "star", "molecule"]
        assert (again["relative_residual"] > 0).all()
        assert np.isnan(again["error_estimate"]).all()
        assert all("not calibrated" in flags for flags in again["flags"].values)
        assert again["flags"].attrs["long_name"]
        names = schema.parameter_names(again)
        assert names["molecule"][:2] == ["centers_0_x", "centers_0_y"]
    blank = Surrogate.load(small).predict(asked[0], "cpu", certify=False).to_dataset()
    schema.validate(blank)
    assert "error_estimate" not in blank
    assert blank["relative_residual"].item() == 1.0
    other = problem(grid=debye.Grid(cells=16, half_width=16.0))
    with pytest.raises(ConfigError, match="found grids"):
        dataset_of(Surrogate.load(small).predict([asked[0], other], "cpu"))


SOLVED = {
    "regular_potential", "reaction_energy", "ionic_energy", "newton_steps", "cg_iterations", "relative_residual",
    "layer_cells", "warnings", "solve_seconds",
}  # fmt: skip
"""What a solve says, or a prediction in its place."""


@pytest.mark.parametrize("kind", ["star", "ellipsoid"])
def test_the_file_is_that_of_the_solution_but_for_what_was_solved(
    kind: str, small: Path, problem: Maker
) -> None:
    ellipse = {
        "solute": debye.Ellipsoid((0.0, 1.0), (8.0, 6.0), 0.4),
        "charges": debye.PointCharges([[1.0, 0.0]], [0.05]),
    }
    asked = problem(**(ellipse if kind == "ellipsoid" else {}))
    found = Surrogate.load(small).predict(asked, "cpu").to_dataset()
    solved = debye.solve(asked).to_dataset()
    for name in set(schema.VARIABLES) - SOLVED:
        np.testing.assert_array_equal(found[name], solved[name], err_msg=name)
    assert schema.parameter_names(found) == schema.parameter_names(solved)
    assert schema.medium_of(found, "found") == asked.medium
    assert found["newton_steps"].item() == found["cg_iterations"].item() == 0
    configured = json.loads(found.attrs["configuration"])
    assert configured["boundary"] == "debye-huckel"
    assert configured["grid"]["cells"] == 32
    assert debye.Medium(**configured["medium"]) == asked.medium


def test_what_is_no_problem_is_refused(small: Path, problem: Maker) -> None:
    with pytest.raises(ConfigError, match="problem 1: found str"):
        Surrogate.load(small).predict([problem(), "problem.yaml"], "cpu")  # type: ignore[list-item]


def test_a_prediction_that_is_no_number_is_refused(small: Path, problem: Maker, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(small.read_bytes())
    change_weights(path, no_number)
    with pytest.raises(
        FormatError, match=r"problem: found a prediction of checkpoint\.safetensors with NaN or inf"
    ):
        Surrogate.load(path).predict(problem(), "cpu")


def test_a_package_without_its_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped.resources, "files", lambda _: tmp_path)
    with pytest.raises(FormatError, match=r"compact\.safetensors: found no such file"):
        Surrogate.load()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / shipped.NAME).touch()
    assert shipped.shipped() == tmp_path / "weights" / shipped.NAME


def test_the_packages_own_network_is_small_right_and_described(own: Surrogate, own_problem: Maker) -> None:
    assert own.path.stat().st_size <= 8e6
    card = own.path.with_name("compact.md").read_text(encoding="utf-8")
    assert f"| parameters | {own.record.parameters:,} |" in card
    assert own.record.train_digest in card
    asked = own_problem(3)
    found, labels = own.predict(asked, "cpu"), debye.solve(asked)
    # Of the potential u: what is added to w in the solute is known exactly, and infinite at a charge.
    finite = np.isfinite(labels.potential)
    error = np.linalg.norm((found.regular - labels.regular)[finite])
    assert error < 0.05 * np.linalg.norm(labels.potential[finite])
    assert error < 0.05 * np.linalg.norm(labels.regular)


def test_predictions_take_any_units(
    own: Surrogate, own_problem: Maker, scaled: Callable[..., object]
) -> None:
    """The package's network on a box of another size: as near to the solver as on its own."""
    asked = scaled(own_problem(4), s=1.3, a=1.2, temperature=310.0)
    found, solved = own.predict(asked, "cpu"), debye.solve(asked)
    finite = np.isfinite(solved.potential)
    error = np.linalg.norm((found.potential - solved.potential)[finite])
    assert error < 0.02 * np.linalg.norm(solved.potential[finite])


def test_a_level_set_that_is_no_distance_is_not_taken_for_one(own: Surrogate) -> None:
    class Squared:
        bounds = (np.array([-8.0, -8.0]), np.array([8.0, 8.0]))

        def __call__(self, points: np.ndarray) -> np.ndarray:
            return (points**2).sum(axis=1) - 64.0

    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -4.0]], [0.1, -0.05])
    ball, squared = (
        own.predict(debye.Problem(own.grid, solute, charges, own.medium), "cpu")
        for solute in (debye.Ball((0.0, 0.0), 8.0), Squared())
    )
    assert abs(squared.level_set - ball.level_set).max() < own.grid.spacing**2 / (4 * 8.0)
    assert abs(squared.regular - ball.regular).max() < 1e-3 * abs(ball.regular).max()
    assert squared.certificate is not None
    assert not squared.certificate.flags


def test_of_a_list_the_problem_is_named_that_is_wrong(own: Surrogate) -> None:
    class Lie:
        is_distance = True
        bounds = (np.array([-8.0, -8.0]), np.array([8.0, 8.0]))

        def __call__(self, points: np.ndarray) -> np.ndarray:
            return 100.0 * (np.hypot(*points.T) - 8.0)

    charges = debye.PointCharges([[3.0, 1.0]], [0.1])
    good, thick, lie = (
        debye.Problem(own.grid, solute, charges, own.medium)
        for solute in (debye.Ball((0.0, 0.0), 8.0), debye.Ball((0.0, 0.0), 15.9), Lie())
    )
    with pytest.raises(debye.GeometryError, match=r"problem 2: solute: .* touches"):
        own.predict([good, good, thick], "cpu")
    with pytest.raises(debye.GeometryError, match=r"lie: solute: .* says that it is a distance"):
        own.predict([good, lie], "cpu", names=["good", "lie"])


@pytest.mark.parametrize(
    ("asked", "options", "words"),
    [
        (None, {}, "problem: found NoneType"),
        ([], {"names": ["one"]}, "names: found 1 for 0 problems"),
        ([], {"device": "mps"}, "device: found mps"),
    ],
)
def test_what_is_no_question_is_refused(
    asked: object, options: dict[str, Any], words: str, own: Surrogate
) -> None:
    with pytest.raises(debye.ConfigError, match=words):
        own.predict(asked, **options)  # type: ignore[call-overload]


def test_a_file_is_of_one_kind(own: Surrogate, own_problem: Maker) -> None:
    one, other = own_problem(0), own_problem(1)
    certified, plain = own.predict(one, "cpu"), own.predict(other, "cpu", certify=False)
    with pytest.raises(debye.ConfigError, match="certificates"):
        dataset_of([certified, plain])
    with pytest.raises(debye.ConfigError, match="found none"):
        dataset_of([])
    assert "array" not in repr(certified)
