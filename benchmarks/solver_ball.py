"""Debye beside APBS in 3-D: a ball with a charge at its centre and with one at 0.75 of its radius, without ions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import apbs
import numpy as np
import scipy.fft
from solver_methods import Outcome

import debye

CASES = ("Born ion", "charge at 0.75 R")


class Ball:
    """One case of `apbs.py` on one grid; boundary values are made once and not timed."""

    def __init__(self, case: str, nodes: int) -> None:
        self.case, self.nodes = case, nodes
        self.problem = apbs.problem(case, nodes)[0]
        grid = self.problem.grid
        points = grid.points()
        edge = (np.abs(points) > grid.half_width * (1 - 1e-9)).any(axis=1)
        self._edge = points[edge], self.problem.boundary(points[edge])

    def boundary(self, points: np.ndarray) -> np.ndarray:
        """The exact values on the box."""
        places, values = self._edge
        return values if np.array_equal(points, places) else self.problem.boundary(points)

    def debye(self) -> Outcome:
        """A new geometry and its charge to u, the level set and the reaction energy; and one more charge set."""
        start = time.perf_counter()
        solute = debye.Ball((0.0, 0.0, 0.0), apbs.RADIUS)
        problem = replace(self.problem, solute=solute, boundary=self.boundary)
        solutions = debye.solve_many(problem, [problem.charges, problem.charges])
        solution = next(solutions)
        u, phi, energy = solution.potential, solution.level_set, solution.reaction_energy
        seconds = time.perf_counter() - start
        assert u.shape == phi.shape
        next(solutions)
        more = time.perf_counter() - start - seconds
        phases = dict(solution.report.seconds)
        phases["rest"] = seconds - sum(phases.values())

        def values(_: Any) -> dict[str, float]:
            # Where a node holds the charge u is infinite: such nodes do not count.
            with np.errstate(invalid="ignore"):
                found = apbs.errors(self.case, self.nodes, energy, u.ravel(), solution.regular.ravel())
            return shortened(found)

        return Outcome(phases, values, u.size, {"one more": more})

    def apbs(self, program: str, surface: str) -> Outcome:
        """Two solves of APBS, as its users do: the whole process, without writing potentials."""
        found = apbs.run_apbs(program, self.case, self.nodes, surface, False)

        def values(_: Any) -> dict[str, float]:
            with np.errstate(invalid="ignore"):
                return shortened(apbs.run_apbs(program, self.case, self.nodes, surface, True))

        return Outcome({"process": found["seconds"]}, values, self.nodes**3, {"peak MB": found["peak MB"]})

    def dst(self) -> Outcome:
        """The unit in 3-D."""
        inner = self.nodes - 2
        load = np.random.default_rng(0).standard_normal((inner,) * 3)
        mode = np.sin(0.5 * np.pi * np.arange(1, inner + 1) / (inner + 1)) ** 2
        symbol = mode[:, None, None] + mode[:, None] + mode
        start = time.perf_counter()
        scipy.fft.idstn(scipy.fft.dstn(load, type=1) / symbol, type=1)
        return Outcome({"solve": time.perf_counter() - start}, None, inner**3)


def shortened(found: dict[str, float]) -> dict[str, float]:
    """Errors of `apbs.errors` under the names of the 2-D table, and that of the energy."""
    errors = {}
    for norm, name in (("l2", "L2"), ("max", "largest")):
        errors[f"{norm} solute"] = found[f"w inside, {name}"]
        errors[f"{norm} solvent"] = found[f"u outside, {name}"]
        errors[norm] = max(errors[f"{norm} solute"], errors[f"{norm} solvent"])
    return errors | {"energy": found["energy"]}


def ball_runs(
    nodes: list[int], program: str | None
) -> list[tuple[str, str, str, int, Callable[[], Outcome]]]:
    """Case, method, family, size and run of all that 3-D has."""
    runs: list[tuple[str, str, str, int, Callable[[], Outcome]]] = []
    for case in CASES:
        for n in nodes:
            ball = Ball(case, n)
            runs.append((case, "Debye", "debye", n - 1, ball.debye))
            if program and (n - 1) % 32 == 0:
                for surface in ("mol", "smol"):
                    run = lambda ball=ball, surface=surface: ball.apbs(program, surface)  # noqa: E731
                    runs.append((case, f"APBS {surface}", f"apbs {surface}", n - 1, run))
            runs.append((case, "DST Poisson solve", "dst", n - 1, ball.dst))
    return runs
