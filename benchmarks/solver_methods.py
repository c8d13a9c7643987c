"""What `benchmarks/solver.py` times in 2-D: Debye, its peers as far as they are installed, and two yardsticks."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyamg
import scipy.fft
from peers_clock import Clock
from solver_cases import COMMON, HALF_WIDTH, Case

import debye
from debye.parameters import Solver

SETS = 16
"""Charge sets on one geometry in the amortised sample."""


MOST_OF_FOURTH_ORDER = 256
"""Finest grid that order 4 is run on: beyond it the error is that of the reference."""


@dataclass
class Outcome:
    """One timed run."""

    seconds: dict[str, float]
    """By phase."""
    values: Callable[..., np.ndarray] | None = None
    """Nodes to w there; None for a yardstick."""
    unknowns: int = 0
    apart: dict[str, float] = field(default_factory=dict)
    """Seconds that do not belong to a sample: told, not counted."""

    @property
    def total(self) -> float:
        """Seconds of a sample."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Entry:
    """A method at one size."""

    method: str
    family: str
    """Its colour in the figure."""
    size: int
    run: Callable[[Case], Outcome]


def debye_cold(cells: int, order: Literal[2, 4] = 2) -> Callable[[Case], Outcome]:
    """A new shape, its charges, everything from there to u and the level set at the nodes."""

    def run(case: Case) -> Outcome:
        start = time.perf_counter()
        solution = debye.solve(case.problem(cells), solver=Solver(order=order))
        u, phi = solution.potential, solution.level_set
        seconds = time.perf_counter() - start
        assert u.shape == phi.shape
        phases = dict(solution.report.seconds)
        phases["rest"] = seconds - sum(phases.values())
        return Outcome(phases, nested(solution, cells), (cells - 1) ** 2)

    return run


def debye_amortised(cells: int, order: Literal[2, 4] = 2) -> Callable[[Case], Outcome]:
    """One of 16 charge sets on one new geometry, set-up included; `apart` has what one more set costs."""

    def run(case: Case) -> Outcome:
        sets = charge_sets(case)
        start = time.perf_counter()
        times, first = [], None
        for solution in debye.solve_many(case.problem(cells), sets, solver=Solver(order=order)):
            u, phi = solution.potential, solution.level_set
            assert u.shape == phi.shape
            first = first or solution
            times.append(time.perf_counter() - start)
        marginal = (times[-1] - times[0]) / (SETS - 1)
        return Outcome(
            {"sample": times[-1] / SETS}, nested(first, cells), (cells - 1) ** 2, {"one more": marginal}
        )

    return run


def charge_sets(case: Case) -> list[debye.PointCharges]:
    """The case's own charges, then others with their values turned about the solute's centre."""
    centre = np.array(case.parameters["center"])
    sets = [case.charges]
    for number in range(1, SETS):
        angle = 2 * np.pi * number / SETS
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        # Nearer to the centre: a star's own arms do not turn with the charges.
        places = centre + 0.8 * (case.charges.positions - centre) @ turn.T
        sets.append(debye.PointCharges(places, case.charges.values))
    return sets


def nested(solution: debye.Solution, cells: int) -> Callable[..., np.ndarray]:
    """Values of w at those of the common nodes that the grid contains: all, or a quarter of them; NaN elsewhere."""

    def values(nodes: Any) -> np.ndarray:
        shared = math.gcd(cells, COMMON)
        found = np.full((COMMON + 1, COMMON + 1), np.nan)
        there, here = slice(None, None, COMMON // shared), slice(None, None, cells // shared)
        found[there, there] = solution.regular[here, here]
        return found.ravel()

    return values


def dst(cells: int) -> Callable[[Case], Outcome]:
    """The unit: one Poisson solve of constant coefficients with the fast sine transform of scipy, out of place."""
    load = np.random.default_rng(0).standard_normal((cells - 1, cells - 1))
    mode = 4.0 * np.sin(0.5 * np.pi * np.arange(1, cells) / cells) ** 2 * (cells / (2 * HALF_WIDTH)) ** 2
    symbol = mode[:, None] + mode

    def run(case: Case) -> Outcome:
        repeats = max(1, 400_000 // cells**2)
        scipy.fft.dstn(load, type=1)
        start = time.perf_counter()
        for _ in range(repeats):
            scipy.fft.idstn(scipy.fft.dstn(load, type=1) / symbol, type=1)
        return Outcome({"solve": (time.perf_counter() - start) / repeats}, None, (cells - 1) ** 2)

    return run


def ruge_stuben(cells: int) -> Callable[[Case], Outcome]:
    """Ruge-Stüben hierarchy of pyamg and conjugate gradients to 1e-8 on the five-point Laplacian, matrix given."""
    matrix = pyamg.gallery.poisson((cells - 1, cells - 1), format="csr")
    load = np.random.default_rng(0).standard_normal(matrix.shape[0])

    def run(case: Case) -> Outcome:
        clock = Clock()
        hierarchy = pyamg.ruge_stuben_solver(matrix)
        clock("set-up")
        hierarchy.solve(load, tol=1e-8, accel="cg", maxiter=100)
        clock("solve")
        return Outcome(clock.seconds, None, matrix.shape[0])

    return run


PEERS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "fitted": ("peers_ngsolve", {"P1": (32, 64, 128), "P2": (8, 16, 32, 64), "P3": (8, 12, 16, 32),
                                 "P4": (8, 12, 16, 24), "P6": (6, 8, 12, 16)}),
    "cut": ("peers_xfem", {"P1": (32, 64, 128, 256, 512), "P2": (16, 32, 64), "P3": (12, 16, 24),
                           "P4": (8, 12, 16, 24)}),
    "skfem": ("peers_skfem", {"P1": (32, 64, 128), "P2": (16, 32, 64)}),
}  # fmt: skip
"""Module of each peer, and the sizes of each order: cells along the box, or edges of the mesh on Γ of 32 Å / size."""


def entries(cells: list[int], only: list[str], quick: bool) -> tuple[list[Entry], list[str]]:
    """All methods at their sizes, and a line for each peer that is not there."""
    found: list[Entry] = []
    missing: list[str] = []
    if "debye" in only:
        found += [Entry("Debye", "debye", n, debye_cold(n)) for n in cells]
        found += [Entry(f"Debye, one of {SETS}", "amortised", n, debye_amortised(n)) for n in cells]
        high = [n for n in cells if n <= MOST_OF_FOURTH_ORDER]
        found += [Entry("Debye, order 4", "debye 4", n, debye_cold(n, 4)) for n in high]
        found += [
            Entry(f"Debye, order 4, one of {SETS}", "amortised 4", n, debye_amortised(n, 4)) for n in high
        ]
    for family, (module, orders) in PEERS.items():
        if family not in only:
            continue
        try:
            peer = importlib.import_module(module)
        except (ImportError, OSError) as error:
            missing.append(f"{family} ({module}): left out, {error}")
            continue
        for order, sizes in orders.items():
            chosen = [n for n in sizes if n <= max(cells)]
            for size in chosen[-3:-1] if quick else chosen:
                found += [
                    peer_entry(method, family, size) for method in variants(peer, family, int(order[1:]))
                ]
                if family == "fitted" and int(order[1:]) > 2:
                    found.append(peer_amortised(peer.Fitted(int(order[1:])), size))
    if "pyamg" in only:
        found += [Entry("pyamg, five-point Laplacian", "pyamg", n, ruge_stuben(n)) for n in cells]
    found += [Entry("DST Poisson solve", "dst", n, dst(n)) for n in sorted({*cells, 128})]
    return found, missing


def variants(peer: Any, family: str, order: int) -> list[Any]:
    """What to run of one peer at one order."""
    if family == "cut":
        return [peer.Cut(order), peer.Cut(order, ghost=0.0)]
    return [peer.Fitted(order)]


def peer_entry(method: Any, family: str, size: int) -> Entry:
    """One peer at one size."""

    def run(case: Case) -> Outcome:
        seconds, values, unknowns = method.run(case, size)
        apart = {}
        if family == "cut":
            # The background mesh does not depend on the shape: whoever makes many samples keeps it.
            apart["mesh"] = seconds.pop("mesh")
        return Outcome(seconds, values, unknowns, apart)

    return Entry(method.name, family, size, run)


def peer_amortised(method: Any, size: int) -> Entry:
    """NGSolve's own amortised sample: one of the same 16 charge sets on one mesh, linear: one factorisation."""

    def run(case: Case) -> Outcome:
        seconds, values, unknowns = method.run(case, size, charge_sets(case))
        return Outcome({name: part / SETS for name, part in seconds.items()}, values, unknowns)

    return Entry(f"{method.name}, one of {SETS}", "fitted amortised", size, run)
