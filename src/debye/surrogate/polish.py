"""From a prediction to the solver's answer, and what the prediction saved beside a start from zero."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from debye.parameters import Solver
from debye.physics.outcome import Report
from debye.physics.solution import Solution
from debye.physics.solve import prepare

if TYPE_CHECKING:
    from debye.surrogate.prediction import Prediction


REPETITIONS, BUDGET = 5, 0.2
"""How often both starts are timed, at most, and the seconds after which no further repetition begins."""


@dataclass(frozen=True, eq=False)
class Polished:
    """A solution that started from a prediction, beside one that started from zero.

    Attributes
    ----------
    solution : Solution
        From the prediction; its report counts its work.
    cold : Report
        Of a start from zero on the same prepared geometry.
    seconds : float
        What the prediction itself took.
    """

    solution: Solution
    cold: Report
    seconds: float

    def __str__(self) -> str:
        """One line for a person; times without the set-up of geometry and multigrid, which both starts share."""
        cost = f"prediction itself {1e3 * self.seconds:.1f} ms"
        return f"cold start: {_work(self.cold)}; from the prediction: {_work(self.solution.report)}; {cost}"


def _work(report: Report) -> str:
    steps, count = report.newton_steps, sum(report.cg_iterations)
    return (
        f"{steps} Newton step{'s' * (steps != 1)}, {count} CG iteration{'s' * (count != 1)}, "
        f"{1e3 * report.seconds['iterate']:.2f} ms"
    )


def polish(prediction: Prediction, rtol: float | None, solver: Solver | None) -> Solution:
    """See `Prediction.polish`."""
    problem = prediction.problem
    return prepare(problem, solver).solve(problem.charges, rtol, guess=prediction.regular.ravel())


def polished(prediction: Prediction, rtol: float | None, solver: Solver | None) -> Polished:
    """See `Prediction.polish`, with `compare`."""
    problem, guess = prediction.problem, prediction.regular.ravel()
    prepared = prepare(problem, solver)
    # Set-up and first calls are to burden neither of the two.
    cold = prepared.solve(problem.charges, rtol, check=False)
    solution = prepared.solve(problem.charges, rtol, guess=guess)
    started = time.perf_counter()
    for _ in range(REPETITIONS):
        # In turn, and the quickest of each counts: what else the machine does is to burden neither, either.
        solution = min(solution, prepared.solve(problem.charges, rtol, guess=guess), key=_seconds)
        cold = min(cold, prepared.solve(problem.charges, rtol, check=False), key=_seconds)
        if time.perf_counter() - started > BUDGET:
            break
    return Polished(solution, cold.report, prediction.seconds)


def _seconds(solution: Solution) -> float:
    return solution.report.seconds["iterate"]
