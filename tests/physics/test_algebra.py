import numpy as np
import pytest

import debye
from debye.parameters import Solver
from debye.physics.ions import LARGEST_EXPONENT, sinh
from debye.physics.solve import prepare


def test_continued_sinh_is_smooth_monotone_and_never_overflows():
    u = np.array([-1e300, -50.0, -1.0, 0.0, 1.0, 50.0, 1e5])
    with np.errstate(all="raise", under="ignore"):
        energy, value, slope = sinh(u[1:])
    assert np.isfinite([energy, value, slope]).all()
    assert (np.diff(value) > 0).all()
    inner = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(sinh(inner)[1], np.sinh(inner))
    np.testing.assert_allclose(sinh(inner)[0], np.cosh(inner) - 1.0, atol=1e-15)
    # C¹ across the change: derivative of the energy is the value, of the value the slope.
    for at in (LARGEST_EXPONENT - 1e-4, LARGEST_EXPONENT + 1e-4, 45.0):
        step = 1e-5
        ends = [sinh(np.array([at + s])) for s in (-step, step)]
        for low, high in ((0, 1), (1, 2)):
            slope = (ends[1][low] - ends[0][low]) / (2 * step)
            np.testing.assert_allclose(slope, sinh(np.array([at]))[high], rtol=1e-3)


@pytest.mark.parametrize(
    ("limits", "outcome"), [({"max_cg": 1}, "iteration limit"), ({"max_newton": 1}, "iteration limit")]
)
def test_a_solve_that_stops_early_raises_with_its_report(problem, limits, outcome):
    with pytest.raises(debye.SolveError, match=outcome) as caught:
        debye.solve(problem(32), solver=Solver(**limits))
    assert caught.value.report.outcome == outcome
    unchecked = debye.solve(problem(32), solver=Solver(**limits), check=False)
    assert not unchecked.report.converged
    assert unchecked.report.relative_residual > 1e-8


def test_without_penalty_at_high_contrast_the_matrix_is_found_indefinite(problem):
    medium = debye.Medium(eps_solute=1.0, eps_solvent=1000.0, ions="linear")
    star = debye.Star((0.3, -0.4), 6.5, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0))
    hard = problem(64, medium=medium, solute=star, charges=debye.PointCharges([[3.0, 1.0]], [0.1]))
    with pytest.raises(debye.SolveError) as caught:
        debye.solve(hard, solver=Solver(penalty=0.0))
    assert caught.value.report.outcome == "not definite"
    assert debye.solve(hard).report.converged


def test_huge_charges_end_with_a_verdict_not_a_crash(problem):
    with np.errstate(all="raise", under="ignore"):
        huge = debye.solve(
            problem(32, charges=debye.PointCharges([[3.0, 1.0]], [1e200])),
            check=False,
            solver=Solver(max_newton=5),
        )
    assert huge.report.outcome in ("iteration limit", "stagnated", "not finite", "converged")


def test_report_counts_and_residual_agree_with_the_equation(problem):
    solution = debye.solve(problem(64), rtol=1e-9)
    report = solution.report
    assert report.newton_steps == len(report.cg_iterations) == len(report.residuals) - 1
    assert report.relative_residual <= 1e-9
    assert set(report.seconds) == {"geometry", "load", "multigrid", "iterate"}
    # The residual, assembled here from the equation itself.
    discretisation = solution.discretisation
    inner = discretisation.interior
    load = discretisation.load(solution.problem.charges)
    residual = discretisation.stiffness @ solution.nodal - load.right_hand_side
    residual += discretisation.lumped * np.sinh(solution.nodal * (discretisation.lumped > 0))
    edge = np.where(inner, 0.0, solution.nodal)
    data = load.right_hand_side - discretisation.stiffness @ edge
    found = np.linalg.norm(residual[inner]) / np.linalg.norm(data[inner])
    assert found == pytest.approx(report.relative_residual, rel=1e-3, abs=1e-12)


def test_zero_charge_on_a_zero_box_is_the_zero_solution(problem):
    solution = debye.solve(problem(32, charges=debye.PointCharges([[3.0, 1.0]], [0.0]), boundary="zero"))
    assert solution.report.converged
    assert not solution.regular.any()


def test_line_search_takes_back_a_step_that_is_too_long(problem):
    prepared = prepare(problem(32))
    system = prepared._system
    load = prepared.discretisation.load(prepared.problem.charges).right_hand_side
    right = np.where(prepared.discretisation.interior, load, 0.0)
    start = np.where(prepared.discretisation.cut.level_set < 0, 1.0, 0.0)
    energy, residual, _ = system._state(start, right)
    step = -1e3 * residual / np.linalg.norm(residual)
    assert system._state(start + step, right)[0] > energy
    moved = system._line_search(start, step, energy, residual, right)
    assert moved is not None
    assert moved[1][0] < energy
    # Uphill there is nothing to take.
    assert system._line_search(start, -step, energy, residual, right) is None


@pytest.mark.parametrize("charge", [2.0, 20.0])
def test_strong_charges_converge_with_damping(problem, charge):
    strong = debye.solve(problem(64, charges=debye.PointCharges([[3.0, 1.0]], [charge])))
    assert strong.report.converged
    assert np.abs(strong.regular[strong.level_set > 0]).max() > 5.0
