"""A problem as a data set without a solution."""

from __future__ import annotations

import json

import numpy as np
import pytest

import debye
from debye import schema, store
from debye.errors import GeometryError
from debye.physics.unsolved import unsolved

BLANK = {
    "regular_potential", "reaction_energy", "ionic_energy", "newton_steps", "cg_iterations", "relative_residual",
    "layer_cells", "warnings", "solve_seconds",
}  # fmt: skip
"""What only a solve can know."""


@pytest.fixture
def star(problem):
    return problem(
        solute=debye.Star((0.0, 0.0), 8.0, (0.1,), (0.3,)),
        medium=debye.Medium(debye_length=5.0, eps_solute=4.0, ions="linear"),
    )


def test_it_is_the_data_set_of_the_solution_but_for_what_was_solved(star, tmp_path):
    asked = unsolved(star)
    assert schema.validate(asked) == star.grid
    store.write(asked, tmp_path / "asked.nc")
    with store.open_dataset(tmp_path / "asked.nc") as again:
        schema.validate(again)
    solved = debye.solve(star).to_dataset()
    for name in set(schema.VARIABLES) - BLANK:
        np.testing.assert_array_equal(asked[name], solved[name], err_msg=name)
    assert schema.parameter_names(asked) == schema.parameter_names(solved)
    assert schema.medium_of(asked, "asked") == star.medium


def test_it_says_that_nothing_was_solved(star):
    asked = unsolved(star)
    assert not asked["regular_potential"].any()
    assert asked["newton_steps"].item() == asked["cg_iterations"].item() == 0
    assert asked["relative_residual"].item() == 1.0
    assert "not solved" in asked.attrs["title"]


def test_its_configuration_is_that_of_the_problem(problem):
    configured = json.loads(unsolved(problem(boundary="zero")).attrs["configuration"])
    assert configured["boundary"] == "zero"
    assert configured["grid"]["cells"] == 32
    assert debye.Medium(**configured["medium"]) == debye.Medium()
    made = json.loads(unsolved(problem(boundary=lambda points: np.zeros(len(points)))).attrs["configuration"])
    assert made["boundary"] == "callable"


def test_a_solute_of_ones_own_has_no_parameters(problem):
    class Square:
        bounds = ((-6.0, -6.0), (6.0, 6.0))

        def __call__(self, points):
            return np.abs(points).max(axis=1) - 6.3

    asked = unsolved(problem(solute=Square(), charges=debye.PointCharges([[1.0, 0.5]], [0.1])))
    schema.validate(asked)
    assert asked["geometry"].item() == "custom"
    assert asked.sizes["parameter"] == 0


@pytest.mark.parametrize(
    ("solute", "words"),
    [
        (debye.Ball((0.0, 0.0), 15.9), "outside the box|box"),
        (debye.Star((0.0, 0.0), 8.0, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3), (0.0,) * 7), "resolve|interface"),
    ],
)
def test_what_the_solver_refuses_is_refused(problem, solute, words):
    asked = problem(cells=12, solute=solute, charges=debye.PointCharges([[0.0, 0.0]], [0.1]))
    with pytest.raises(GeometryError, match=words) as caught:
        unsolved(asked)
    with pytest.raises(GeometryError) as expected:
        debye.solve(asked)
    assert str(caught.value) == str(expected.value)
