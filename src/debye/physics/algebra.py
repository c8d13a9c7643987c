"""The algebra of one geometry: conjugate gradients under one multigrid hierarchy, and damped Newton around them.

The equation is the optimality condition of the energy

    E(W) = ½ WᵀA W - bᵀW + mᵀF(W) + kᵀF(Q W + B_q),      F' = f = sinh (or the identity),

which is convex where A is positive definite, and the penalty sees to that: so Newton with Armijo's rule on E goes down
from anywhere. The hierarchy is built once, for the linearisation at u = 0, and preconditions every Newton step of every
charge set on the geometry. Every solve ends with a verdict.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pyamg
from numpy.typing import NDArray
from pyamg.krylov import cg
from scipy import sparse

from debye.physics.assembly import Discretisation, Load

Floats = NDArray[np.float64]
Outcome = Literal["converged", "iteration limit", "not definite", "stagnated", "not finite"]

LARGEST_EXPONENT = 40.0
"""Beyond this |u|, sinh goes on as its tangent: still monotone, so the energy stays convex, and nothing overflows."""


@dataclass(frozen=True)
class Report:
    """Verdict of a solve.

    Attributes
    ----------
    outcome : str
        "converged", "iteration limit", "not definite", "stagnated" or "not finite".
    newton_steps : int
        Linear solves; 1 for the linear equation.
    cg_iterations : tuple of int
        Conjugate-gradient iterations in each of them.
    residuals : tuple of float
        1 before the first step, and the residual of the discrete equation after each, relative to the norm of its
        data: loads and boundary values, without the ionic term.
    seconds : dict
        Wall time by phase: "geometry", "multigrid" (shared by all charge sets of a geometry), "load", "iterate".
    """

    outcome: Outcome
    newton_steps: int
    cg_iterations: tuple[int, ...]
    residuals: tuple[float, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether the relative residual asked for was reached."""
        return self.outcome == "converged"

    @property
    def relative_residual(self) -> float:
        """Relative residual at the end."""
        return self.residuals[-1]

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"{self.outcome}, {self.newton_steps} Newton step{'s' * (self.newton_steps != 1)}, "
            f"{sum(self.cg_iterations)} CG iterations, relative residual {self.relative_residual:.1e}, "
            f"{sum(self.seconds.values()):.2f} s"
        )


def sinh(u: Floats) -> tuple[Floats, Floats, Floats]:
    """Sinh u with its integral and derivative (cosh u - 1, sinh u, cosh u), continued by the tangent for large |u|."""
    inner = np.clip(u, -LARGEST_EXPONENT, LARGEST_EXPONENT)
    over = u - inner
    value, slope = np.sinh(inner), np.cosh(inner)
    return slope - 1.0 + over * value + 0.5 * slope * over**2, value + slope * over, slope


def identity(u: Floats) -> tuple[Floats, Floats, Floats]:
    """The linear ionic term in the shape of `sinh`: (u²/2, u, 1)."""
    return 0.5 * u**2, u, np.ones_like(u)


class System:
    """The algebraic equation of one geometry, for any charge set on it."""

    def __init__(self, discretisation: Discretisation) -> None:
        self.discretisation = discretisation
        inner = discretisation.interior
        rows = discretisation.stiffness[inner]
        self.stiffness = rows[:, inner].tocsr()
        self.coupling = rows[:, ~inner].tocsr()
        self.lumped = discretisation.lumped[inner]
        # The outermost simplices are never cut, so Q does not see boundary nodes.
        self.basis = discretisation.ionic_basis[:, inner].tocsr()
        self.weights = discretisation.ionic.weight
        self.law = sinh if discretisation.medium.ions == "nonlinear" else identity

    @cached_property
    def linearised(self) -> sparse.csr_array:
        """Matrix of the linear equation: the derivative at u = 0."""
        return self._derivative(np.ones_like(self.lumped), np.ones_like(self.weights))

    @cached_property
    def hierarchy(self) -> pyamg.MultilevelSolver:
        """Multigrid hierarchy of `linearised` (Ruge-Stüben), built at first use and kept."""
        return pyamg.ruge_stuben_solver(_narrow(self.linearised), max_coarse=200)

    def _derivative(self, nodal: Floats, ionic: Floats) -> sparse.csr_array:
        ionic_part = self.basis.T @ (sparse.diags_array(self.weights * ionic) @ self.basis)
        return sparse.csr_array(self.stiffness + sparse.diags_array(self.lumped * nodal) + ionic_part)

    def _linear_solve(
        self, matrix: sparse.csr_array, right: Floats, rtol: float, most: int
    ) -> tuple[Floats, int, Outcome]:
        residuals: list[float] = []
        # Its warning of an indefinite matrix is the verdict below; it insists on being shown, so it is caught here.
        with warnings.catch_warnings(record=True):
            x, info = cg(
                matrix,
                right,
                tol=rtol,
                maxiter=most,
                M=self.hierarchy.aspreconditioner(cycle="V"),
                residuals=residuals,
            )
        outcome: Outcome = "converged" if info == 0 else "iteration limit" if info > 0 else "not definite"
        if not np.isfinite(x).all():
            outcome = "not finite"
        return x, max(len(residuals) - 1, 0), outcome

    def solve(
        self, load: Load, boundary: Floats, rtol: float, max_newton: int, max_cg: int
    ) -> tuple[Floats, Report]:
        """Solve for one charge set.

        Parameters
        ----------
        load : Load
        boundary : ndarray, shape (boundary nodes,)
            Values of u on the box.
        rtol : float
            Relative residual to reach.
        max_newton, max_cg : int
            Limits on Newton steps and on iterations in each.

        Returns
        -------
        w : ndarray, shape (nodes,)
            Nodal values; meaningful only if the report says "converged".
        report : Report
        """
        start = time.perf_counter()
        right = load.right_hand_side[self.discretisation.interior] - self.coupling @ boundary
        _ = self.hierarchy
        built = time.perf_counter()
        # Overflow is no surprise to be warned of: it ends in the verdict "not finite".
        with np.errstate(over="ignore", invalid="ignore"):
            size = float(np.linalg.norm(right))
            if not np.isfinite(size):
                return self._assembled(np.zeros_like(right), boundary), Report(
                    "not finite", 0, (), (float("nan"),)
                )
            w, outcome, iterations, residuals = self._iterate(
                right, load.bubble_values, size, rtol, max_newton, max_cg
            )
        seconds = {"multigrid": built - start, "iterate": time.perf_counter() - built}
        report = Report(outcome, len(iterations), tuple(iterations), tuple(residuals), seconds)
        return self._assembled(w, boundary), report

    def _iterate(
        self, right: Floats, bubble: Floats, size: float, rtol: float, max_newton: int, max_cg: int
    ) -> tuple[Floats, Outcome, list[int], list[float]]:
        scale = size or 1.0
        # The first step is the linear equation: Newton's step from u = 0, where f'(u) = 1. (Starting from W = 0 would
        # put u = G into the solvent side of cut simplices, through the bubble.)
        ionic_load = self.basis.T @ (self.weights * bubble)
        if size == 0.0 and not ionic_load.any():
            return np.zeros_like(right), "converged", [], [0.0]
        linear = self.law is identity
        tolerance = 0.5 * rtol if linear else max(0.5 * rtol, 1e-4)
        w, count, outcome = self._linear_solve(self.linearised, right - ionic_load, tolerance, max_cg)
        iterations, residuals = [count], [1.0]
        energy, residual, nodal, ionic = self._state(w, right, bubble)
        residuals.append(float(np.linalg.norm(residual)) / scale)
        while outcome == "converged" and residuals[-1] > rtol:
            if not np.isfinite(residuals[-1]):
                outcome = "not finite"
            elif len(iterations) >= max_newton:
                outcome = "iteration limit"
            else:
                # Eisenstat and Walker: solve each step as well as its size deserves, so that the end is quadratic.
                forcing = float(np.clip(residuals[-1], 0.1 * rtol / residuals[-1], 1e-2))
                matrix = self.linearised if linear else self._derivative(nodal, ionic)
                step, count, outcome = self._linear_solve(matrix, -residual, forcing, max_cg)
                iterations.append(count)
                if outcome == "converged":
                    moved = self._line_search(w, step, energy, residual, right, bubble)
                    if moved is None:
                        outcome = "stagnated"
                        break
                    w, (energy, residual, nodal, ionic) = moved
                    residuals.append(float(np.linalg.norm(residual)) / scale)
        return w, outcome, iterations, residuals

    def _state(self, w: Floats, right: Floats, bubble: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Energy, residual, and the derivatives of f at nodes and at ionic quadrature points."""
        nodal_energy, nodal_value, nodal_slope = self.law(w)
        ionic_energy, ionic_value, ionic_slope = self.law(self.basis @ w + bubble)
        product = self.stiffness @ w
        energy = w @ (0.5 * product - right) + self.lumped @ nodal_energy + self.weights @ ionic_energy
        residual = product - right + self.lumped * nodal_value + self.basis.T @ (self.weights * ionic_value)
        return float(energy), residual, nodal_slope, ionic_slope

    def _line_search(
        self, w: Floats, step: Floats, energy: float, residual: Floats, right: Floats, bubble: Floats
    ) -> tuple[Floats, tuple[float, Floats, Floats, Floats]] | None:
        slope = float(residual @ step)
        norm = float(np.linalg.norm(residual))
        share = 1.0
        while share > 1e-10:
            tried = w + share * step
            state = self._state(tried, right, bubble)
            # Near the end the energy's change drowns in round-off: there a smaller residual decides.
            if (
                state[0] <= energy + 1e-4 * share * slope
                or np.linalg.norm(state[1]) <= (1 - 0.5 * share) * norm
            ):
                return tried, state
            share *= 0.5
        return None

    def _assembled(self, inner: Floats, boundary: Floats) -> Floats:
        w = np.empty(self.discretisation.interior.size)
        w[self.discretisation.interior] = inner
        w[~self.discretisation.interior] = boundary
        return w


def _narrow(matrix: sparse.csr_array) -> sparse.csr_matrix:
    """Matrix with the 32-bit indices and the matrix class that pyamg's kernels take."""
    return sparse.csr_matrix(
        (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)), shape=matrix.shape
    )
