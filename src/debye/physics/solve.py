"""Solving problems: one, or many charge sets on one geometry with the set-up shared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from debye.config import Solver
from debye.errors import SolveError, explain
from debye.physics.algebra import Report, System
from debye.physics.assembly import discretise
from debye.physics.charges import PointCharges
from debye.physics.problem import Problem
from debye.physics.solution import Solution

Floats = NDArray[np.float64]


def solve(problem: Problem, rtol: float = 1e-8, *, solver: Solver | None = None, check: bool = True) -> Solution:
    """Solve a problem.

    Parameters
    ----------
    problem : Problem
    rtol : float
        Relative residual of the discrete equation to reach.
    solver : Solver, optional
        Penalty and limits; its `rtol` gives way to the one above.
    check : bool
        Raise unless the solve converged; False returns the solution with its report, whatever the outcome.

    Returns
    -------
    Solution

    Raises
    ------
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
    rtol: float = 1e-8,
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
    ChargeError, GeometryError, SolveError
    """
    limits = solver or Solver()
    start = time.perf_counter()
    discretisation = discretise(problem.grid, problem.solute, problem.medium, limits.penalty)
    system = System(discretisation)
    edge = problem.grid.points()[~discretisation.interior]
    geometry_seconds = time.perf_counter() - start
    for charges in charge_sets:
        one = replace(problem, charges=charges)
        start = time.perf_counter()
        load = discretisation.load(charges)
        boundary = one.boundary_values(edge)
        load_seconds = time.perf_counter() - start
        w, report = system.solve(load, boundary, rtol, limits.max_newton, limits.max_cg)
        seconds = {"geometry": geometry_seconds, "load": load_seconds} | report.seconds
        report = replace(report, seconds=seconds)
        if check and not report.converged:
            raise SolveError(_failure(report, rtol), report)
        yield Solution(one, discretisation, load.bubble, w, report)
        geometry_seconds = 0.0


def _failure(report: Report, rtol: float) -> str:
    remedies = {
        "iteration limit": "raise max_newton or max_cg, or lower the charges",
        "not definite": "raise the penalty",
        "stagnated": "lower the charges or refine the grid",
        "not finite": "look for huge charges or permittivities",
    }
    return explain("solve", str(report), f"a relative residual of {rtol:g}", remedies.get(report.outcome, "see the report"))
