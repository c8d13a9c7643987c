"""From a prediction to the solver's answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.surrogate.conftest import Maker

import debye
from debye.parameters import Solver
from debye.physics.problem import Problem
from debye.physics.solve import prepare
from debye.surrogate.surrogate import Surrogate


@pytest.mark.parametrize("order", [2, 4])
def test_what_is_polished_is_the_solvers_answer(own: Surrogate, own_problem: Maker, order: int) -> None:
    asked = own_problem(2)
    solver = Solver(order=order)
    polished = own.predict(asked, "cpu").polish(1e-8, solver=solver)
    solved = debye.solve(asked, 1e-8, solver=solver)
    assert polished.report.converged
    assert polished.report.relative_residual <= 1e-8
    assert polished.report.order == solved.report.order == order
    np.testing.assert_allclose(polished.regular, solved.regular, atol=1e-6 * np.abs(solved.regular).max())


def test_a_prediction_saves_work_and_says_how_much(own: Surrogate, own_problem: Maker) -> None:
    found = own.predict(own_problem(2), "cpu").polish(compare=True)
    warm, cold = found.solution.report, found.cold
    assert sum(warm.cg_iterations) < sum(cold.cg_iterations)
    assert warm.newton_steps <= cold.newton_steps
    assert cold.residuals[0] == 1.0
    assert warm.residuals[0] < 0.05
    assert cold.converged
    words = f"cold start: {cold.newton_steps} Newton steps, {sum(cold.cg_iterations)} CG iterations"
    assert str(found).startswith(words)
    assert f"from the prediction: {warm.newton_steps} Newton step" in str(found)
    assert found.seconds > 0


def test_a_problem_off_the_grid_is_polished_on_its_own(
    small: Path, problem: Maker, scaled: Callable[..., Problem]
) -> None:
    surrogate = Surrogate.load(small)
    coarse = problem(grid=debye.Grid(cells=16, half_width=16.0))
    for asked in (scaled(problem(), s=1.4, a=1.1), coarse):
        polished, solved = surrogate.predict(asked, "cpu").polish(1e-10), debye.solve(asked, 1e-10)
        np.testing.assert_allclose(polished.regular, solved.regular, atol=1e-7)


@pytest.mark.parametrize("ions", ["nonlinear", "linear"])
@pytest.mark.parametrize("guess", [np.nan, 1e3, 1e-3, 0.0])
def test_a_bad_guess_does_no_harm(ions: str, guess: float, problem: Maker) -> None:
    asked = problem(medium=debye.Medium(ions=ions))
    prepared = prepare(asked)
    cold = prepared.solve(asked.charges, 1e-10)
    warm = prepared.solve(asked.charges, 1e-10, guess=np.full(asked.grid.points().shape[0], guess))
    np.testing.assert_allclose(warm.regular, cold.regular, atol=1e-8)
    if not 0 < guess < 1:
        # Nothing nearer than zero: the very same start.
        assert warm.report.residuals == cold.report.residuals


@pytest.mark.parametrize("ions", ["nonlinear", "linear"])
def test_the_solution_itself_takes_no_step(ions: str, problem: Maker) -> None:
    asked = problem(medium=debye.Medium(ions=ions))
    prepared = prepare(asked)
    solved = prepared.solve(asked.charges, 1e-12)
    again = prepared.solve(asked.charges, 1e-8, guess=solved.regular.ravel())
    assert again.report.newton_steps == 0
    assert again.report.converged
    np.testing.assert_array_equal(again.regular, solved.regular)
