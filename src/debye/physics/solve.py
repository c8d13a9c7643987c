"""Solving problems: one, or many charge sets on one geometry with the set-up shared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from debye.errors import ConfigError, SolveError, explain
from debye.parameters import Solver
from debye.physics.algebra import System
from debye.physics.assembly import discretise
from debye.physics.caveats import layer_cells, warnings_of
from debye.physics.charges import PointCharges
from debye.physics.correction import Correction
from debye.physics.outcome import Report
from debye.physics.problem import Problem
from debye.physics.solution import Solution
from debye.threads import one_thread

Floats = NDArray[np.float64]


def solve(
    problem: Problem, rtol: float | None = None, *, solver: Solver | None = None, check: bool = True
) -> Solution:
    """Solve a problem.

    Parameters
    ----------
    problem : Problem
    rtol : float, optional
        Relative residual of the discrete equation to reach; that of `solver`, by default 1e-8, if left out.
    solver : Solver, optional
        Penalty, limits and tolerance.
    check : bool
        Raise unless the solve converged; False returns the solution with its report, whatever the outcome.

    Returns
    -------
    Solution

    Raises
    ------
    ConfigError
        If order 4 is asked for in 3-D.
    GeometryError
        If the grid does not resolve the shape, or it leaves the box.
    SolveError
        If the solve did not converge; carries the report.

    Examples
    --------
    >>> import debye
    >>> problem = debye.Problem(
    ...     grid=debye.Grid(cells=32, half_width=16.0),
    ...     solute=debye.Ball(center=(0.0, 0.0), radius=8.0),
    ...     charges=debye.PointCharges(positions=[[3.0, 1.0]], values=[0.1]),
    ... )
    >>> debye.solve(problem).report.outcome
    'converged'
    """
    return next(solve_many(problem, [problem.charges], rtol, solver=solver, check=check))


def solve_many(
    problem: Problem,
    charge_sets: Iterable[PointCharges],
    rtol: float | None = None,
    *,
    solver: Solver | None = None,
    check: bool = True,
) -> Iterator[Solution]:
    """Solve for many charge sets on one geometry; geometry, matrix and multigrid hierarchy are set up once.

    Parameters
    ----------
    problem : Problem
        Its charges are not used.
    charge_sets : iterable of PointCharges
    rtol, solver, check
        As for `solve`.

    Yields
    ------
    Solution
        One a charge set, in order. Set-up time is counted in the first one's report.

    Raises
    ------
    ChargeError, ConfigError, GeometryError, SolveError
    """
    prepared = prepare(problem, solver)
    for charges in charge_sets:
        yield prepared.solve(charges, rtol, check=check)


class Prepared:
    """A geometry with its discretisation and multigrid hierarchy, ready for any charge set."""

    def __init__(self, problem: Problem, limits: Solver) -> None:
        start = time.perf_counter()
        if limits.order == 4 and problem.grid.dim != 2:
            raise ConfigError(explain("solver.order", "4 in 3-D", "2 in 3-D", "use order 2 and more cells"))
        self.problem = problem
        self.limits = limits
        with one_thread():
            self.discretisation = discretise(problem.grid, problem.solute, problem.medium, limits.penalty)
            self._system = System(self.discretisation, limits.multigrid)
            self._correction = Correction(self._system) if limits.order == 4 else None
        self._edge = problem.grid.points()[~self.discretisation.interior]
        self._geometry_seconds = time.perf_counter() - start

    def solve(
        self,
        charges: PointCharges,
        rtol: float | None = None,
        *,
        check: bool = True,
        guess: Floats | None = None,
    ) -> Solution:
        """Solve for one charge set; see `debye.solve` for parameters and errors.

        `guess`, shape (nodes,), is where Newton's method starts, see `System.solve`.
        """
        rtol = self.limits.rtol if rtol is None else rtol
        rtol = Solver(rtol=rtol).rtol
        start = time.perf_counter()
        problem = replace(self.problem, charges=charges)
        boundary = problem.boundary_values(self._edge)
        with one_thread():
            load = self.discretisation.load(charges)
            loaded = time.perf_counter() - start
            w, report = self._system.solve(
                load, boundary, rtol, self.limits.max_newton, self.limits.max_cg, guess
            )
        report = replace(
            report, seconds={"geometry": self._geometry_seconds, "load": loaded} | report.seconds
        )
        self._geometry_seconds = 0.0
        layer = layer_cells(self.discretisation, w)
        report = replace(report, layer_cells=layer, warnings=warnings_of(problem, layer, boundary))
        if self._correction is not None and report.converged:
            w, report = self._corrected(self._correction, w, charges, report)
        if check and not report.converged:
            raise SolveError(_failure(report, rtol), report)
        return Solution(problem, self.discretisation, load.bubble, w, report)

    def _corrected(
        self, correction: Correction, w: Floats, charges: PointCharges, report: Report
    ) -> tuple[Floats, Report]:
        """Fourth order at the nodes; second order with a warning where that is not to be had."""
        with one_thread():
            found = correction.correct(w, charges)
        report = replace(report, seconds=report.seconds | {"correction": found.seconds})
        if found.reason:
            warning = (
                f"order 4: not reached, since {found.reason}: values are of second order; use more cells"
            )
            return w, replace(report, warnings=(*report.warnings, warning))
        return found.nodal, replace(report, order=4, correction=found.change)


def prepare(problem: Problem, solver: Solver | None = None) -> Prepared:
    """Set up the geometry of a problem once, for many charge sets.

    Raises
    ------
    ConfigError
        If order 4 is asked for in 3-D.
    GeometryError
        If the grid does not resolve the shape, or it leaves the box.
    """
    return Prepared(problem, solver or Solver())


def _failure(report: Report, rtol: float) -> str:
    remedies = {
        "iteration limit": "raise max_newton or max_cg, or lower the charges",
        "not definite": "raise the penalty",
        "stagnated": "lower the charges or refine the grid",
        "not finite": "look for huge charges or permittivities",
    }
    return explain(
        "solve",
        str(report),
        f"a relative residual of {rtol:g}",
        remedies.get(report.outcome, "see the report"),
    )
