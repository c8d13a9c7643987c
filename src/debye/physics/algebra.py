"""The algebra of one geometry: conjugate gradients under a multigrid hierarchy, and Newton's method around them.

The equation is the optimality condition of the energy

    E(W) = ½ WᵀA W - bᵀW + mᵀF(W),      F' = f = sinh (or the identity), m ≥ 0,

which is convex where A is positive definite, and the penalty sees to that: so Newton with Armijo's rule on E goes down
from anywhere. Newton's step is taken along a curve (`System._moved`): a plain step overshoots where sinh is large and
comes back by 1 in u a step. The change of variable is that of K. Brenner and C. Cancès, Improving Newton's method
performance by parametrization: the case of the Richards equation, SIAM J. Numer. Anal. 55 (2017).

Vectors live on all nodes of the grid and are zero on the box: boundary values go to the right-hand side. Every solve
ends with a verdict.
"""

from __future__ import annotations

import math
import time
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Multigrid
from debye.physics.assembly import Discretisation, Load
from debye.physics.ions import identity, node_equation, sinh
from debye.physics.jacobian import Geometry, Jacobian
from debye.physics.outcome import Outcome, Report

Floats = NDArray[np.float64]

SHARE_OF_DIAGONAL = 0.1
"""Share of the diagonal of A in a node's own equation: its neighbours move with it, so its stiffness is less."""

LEAST_ERROR = 1e-10
"""Relative error, as estimated, that is good enough for any tolerance."""

LARGEST_FLOOR = 1e-6
"""Relative error, as estimated, above which an error that does not fall any more is not put down to round-off."""

LARGEST_PLAIN_CONTRAST = 1000.0
"""Ratio of the permittivities up to which the residual of the linear equation alone tells when to stop."""

CYCLES = 2
"""Cycles of multigrid behind an estimate of the error (`System.assess`): of networks' errors one leaves a sixth, two a
twentieth (docs/surrogate.md)."""

LARGEST_PLAIN = 0.5
"""Below this |u| sinh u is near enough to u for a plain step."""


class System:
    """The algebraic equation of one geometry, for any charge set on it."""

    def __init__(self, discretisation: Discretisation, multigrid: Multigrid = "auto") -> None:
        self.discretisation = discretisation
        self.operator = discretisation.operator
        self.lumped = np.where(discretisation.interior, discretisation.lumped, 0.0)
        medium = discretisation.medium
        self.law = sinh if medium.ions == "nonlinear" and medium.screening > 0.0 else identity
        self._multigrid = multigrid

    @cached_property
    def linearised(self) -> Jacobian:
        """The linear equation, which is the first step of Newton's method too: shared by all charge sets."""
        jacobian = Jacobian(Geometry(self.discretisation, self._multigrid), self.lumped)
        jacobian.prepare()
        return jacobian

    @cached_property
    def _balance(self) -> Floats:
        """Diagonal of A over m where there are ions, infinite elsewhere: see `_moved`."""
        there = self.lumped > 0
        ratio = self.operator.diagonal / np.where(there, self.lumped, 1.0)
        return np.where(there, SHARE_OF_DIAGONAL * ratio, np.inf)

    def solve(
        self,
        load: Load,
        boundary: Floats,
        rtol: float,
        max_newton: int,
        max_cg: int,
        guess: Floats | None = None,
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
        guess : ndarray, shape (nodes,), optional
            Where to start; values on the box do not count. One with more energy than zero has, or that is not finite,
            is not used: zero is nearer to the solution.

        Returns
        -------
        w : ndarray, shape (nodes,)
            Nodal values; meaningful only if the report says "converged".
        report : Report
        """
        start = time.perf_counter()
        right = self._right(load, boundary)
        _ = self.linearised
        built = time.perf_counter()
        # Overflow is no surprise to be warned of: it ends in the verdict "not finite".
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(np.linalg.norm(right)):
                return self._assembled(np.zeros_like(right), boundary), Report(
                    "not finite", 0, (), (float("nan"),)
                )
            first = self._start(right, guess)
            w, outcome, iterations, residuals = self._iterate(right, first, rtol, max_newton, max_cg)
        seconds = {"multigrid": built - start, "iterate": time.perf_counter() - built}
        report = Report(outcome, len(iterations), tuple(iterations), tuple(residuals), seconds)
        return self._assembled(w, boundary), report

    def assess(self, load: Load, boundary: Floats, w: Floats) -> tuple[float, Floats]:
        """How far any nodal values are from solving the equation of a charge set.

        Parameters
        ----------
        load, boundary
            As for `solve`.
        w : ndarray, shape (nodes,)
            Nodal values of unknown origin.

        Returns
        -------
        relative_residual : float
            That of `Report`, of w with the boundary values in the place of its own on the box.
        error : ndarray, shape (nodes,)
            Estimate of w less the solution: `CYCLES` cycles of multigrid on Newton's equation at w; on the box exactly
            the difference. It falls short of the error by what the cycles leave and by what Newton's step does.
        """
        interior = self.discretisation.interior
        right = self._right(load, boundary)
        inner = np.where(interior, w, 0.0)
        # An overflow is a large residual, as it should be.
        with np.errstate(over="ignore", invalid="ignore"):
            _, residual, slope = self._state(inner, right)
            # Without charges and boundary values there is nothing to relate a residual to.
            relative = float(np.linalg.norm(residual)) / max(float(np.linalg.norm(right)), 1e-300)
            near = self._relaxed(inner, residual, slope)
            if near is not inner:
                _, residual, slope = self._state(near, right)
            ions = self.lumped * slope
            jacobian = self.linearised.alone().next(ions)
            left = jacobian.cycle(residual)
            for _ in range(CYCLES - 1):
                left = left + jacobian.cycle(residual - (self.operator @ left + ions * left))
        error = inner - near + left
        error[~interior] = w[~interior] - boundary
        return relative, error

    def _relaxed(self, w: Floats, residual: Floats, slope: Floats) -> Floats:
        """W with the nodes at which the ions outweigh the stiffness put onto their own equation; w itself if none.

        Newton's step from a potential that is far too large is 1 kT/e: an estimate by it alone would be, too.
        """
        node = np.flatnonzero(self.lumped * slope > self.operator.diagonal)
        if not node.size or self.law is identity:
            return w
        balance, mass = self.operator.diagonal[node], self.lumped[node]
        _, value, _ = self.law(w[node])
        near = w.copy()
        near[node] = node_equation(balance / mass, (balance * w[node] - residual[node]) / mass + value)
        return near

    def _right(self, load: Load, boundary: Floats) -> Floats:
        """Right-hand side with the boundary values in it, zero on the box."""
        edge = self._assembled(np.zeros(self.lumped.size), boundary)
        interior = self.discretisation.interior
        right: Floats = np.where(interior, load.right_hand_side, 0.0) - self.operator @ edge
        return right

    def _start(self, right: Floats, guess: Floats | None) -> Floats:
        """The guess, zero on the box, where it lies lower than zero does in the convex energy; else zero."""
        if guess is not None:
            w = np.where(self.discretisation.interior, guess, 0.0)
            if self._state(w, right)[0] < 0.0:
                return w
        return np.zeros_like(right)

    def _iterate(
        self, right: Floats, w: Floats, rtol: float, max_newton: int, max_cg: int
    ) -> tuple[Floats, Outcome, list[int], list[float]]:
        scale = float(np.linalg.norm(right))
        if scale == 0.0:
            return np.zeros_like(right), "converged", [], [0.0]
        jacobian = self.linearised.alone()
        if self.law is identity:
            return self._iterate_linear(jacobian, right, w, scale, rtol, max_newton, max_cg)
        iterations: list[int] = []
        outcome: Outcome = "converged"
        energy, residual, slope = self._state(w, right)
        residuals = [float(np.linalg.norm(residual)) / scale]
        if w.any():
            jacobian = jacobian.next(self.lumped * slope)
        error = math.inf
        while outcome == "converged":
            if residuals[-1] <= rtol:
                before, error = error, self._error(w, residual, jacobian)
                if error <= max(rtol, LEAST_ERROR) or 0.5 * before < error <= LARGEST_FLOOR:
                    break
            if not np.isfinite(residuals[-1]):
                outcome = "not finite"
            elif len(iterations) >= max_newton:
                outcome = "iteration limit"
            else:
                if iterations:
                    jacobian = jacobian.next(self.lumped * slope)
                step, count, outcome = jacobian.solve(-residual, self._forcing(residuals, rtol), max_cg)
                iterations.append(count)
                if outcome != "converged":
                    # What there is goes into the report, and to a caller who asks for it.
                    w = w + step
                    residuals.append(float(np.linalg.norm(self._state(w, right)[1])) / scale)
                    break
                moved = self._line_search(w, step, energy, residual, right)
                if moved is None:
                    outcome = "converged" if residuals[-1] <= rtol else "stagnated"
                    break
                w, (energy, residual, slope) = moved
                residuals.append(float(np.linalg.norm(residual)) / scale)
        return w, outcome, iterations, residuals

    def _iterate_linear(
        self,
        jacobian: Jacobian,
        right: Floats,
        w: Floats,
        scale: float,
        rtol: float,
        max_solves: int,
        max_cg: int,
    ) -> tuple[Floats, Outcome, list[int], list[float]]:
        """The linear equation: one solve, and more if the residual flatters.

        The recursion's residual may be less than the true one; and at large contrasts a small true one may hide the
        error on the side of the small permittivity's flux.
        """
        residual = self.operator @ w + self.lumped * w - right
        iterations: list[int] = []
        residuals = [float(np.linalg.norm(residual)) / scale]
        outcome: Outcome = "converged"
        while outcome == "converged":
            reached = residuals[-1] <= rtol
            if reached and not self._hides_an_error(w, residual, jacobian):
                break
            stuck = len(residuals) > 2 and residuals[-1] > 0.5 * residuals[-2]
            if stuck or len(iterations) >= max_solves:
                outcome = "converged" if reached else "stagnated" if stuck else "iteration limit"
                break
            target = 1e-2 if reached else 0.5 * rtol / residuals[-1]
            step, count, outcome = jacobian.solve(-residual, target, max_cg)
            w = w + step
            residual = self.operator @ w + self.lumped * w - right
            iterations.append(count)
            residuals.append(float(np.linalg.norm(residual)) / scale)
        return w, outcome, iterations, residuals

    def _hides_an_error(self, w: Floats, residual: Floats, jacobian: Jacobian) -> bool:
        """Whether the permittivities are so far apart that the residual says little, and the error is large."""
        medium = self.discretisation.medium
        contrast = max(medium.eps_solute, medium.eps_solvent) / min(medium.eps_solute, medium.eps_solvent)
        return contrast > LARGEST_PLAIN_CONTRAST and self._error(w, residual, jacobian) > LARGEST_FLOOR

    def _error(self, w: Floats, residual: Floats, jacobian: Jacobian) -> float:
        """Estimate of the relative error of w, in the solvent and in all, from one cycle of multigrid.

        What Newton leaves is smooth, and a smooth residual of 1e-8 stands for an error 1/h² times larger. The
        solvent counts on its own: beside the w of a solute with strong charges its u is invisible.
        """
        error = jacobian.cycle(residual)
        there = self.lumped > 0
        parts = [(error, w), (error[there], w[there])]
        return max(float(np.linalg.norm(e)) / max(float(np.linalg.norm(v)), 1e-300) for e, v in parts)

    def _forcing(self, residuals: list[float], rtol: float) -> float:
        """Tolerance of a linear solve: as good as the step deserves (Eisenstat and Walker), so the end is quadratic."""
        last = residuals[-1]
        return float(np.clip(last, 0.1 * rtol / last, 1e-2 if len(residuals) > 1 else 1e-4))

    def _state(self, w: Floats, right: Floats) -> tuple[float, Floats, Floats]:
        """Energy, residual, and the derivative of f at the nodes."""
        nodal_energy, value, slope = self.law(w)
        product = self.operator @ w
        energy = w @ (0.5 * product - right) + self.lumped @ nodal_energy
        return float(energy), product - right + self.lumped * value, slope

    def _moved(self, w: Floats, step: Floats) -> Floats:
        """W + step, but along the curve on which each node's own equation is solved exactly, not its linearisation.

        Where |u| grows, the step is taken in τ = d u + m sinh u, d a share of the diagonal of A: for small u this is
        u itself, for large u it is the charge of the node's ions. A step that is too long in u by a factor of e⁵ then
        ends 5 too high, and not 5 Newton steps late. The curve starts along the step, so it descends where that does.
        """
        target = w + step
        if self.law is identity:
            return target
        node = np.flatnonzero((np.abs(target) > LARGEST_PLAIN) & (self.lumped > 0))
        start, end, balance = w[node], target[node], self._balance[node]
        # Where |u| falls, Newton's own step never overshoots; a change of sign is a growth from zero.
        falls = np.abs(end) < np.abs(start)
        start = np.where(start * end < 0, 0.0, start)
        _, value, slope = sinh(start)
        tau = balance * start + value + (balance + slope) * (end - start)
        target[node] = np.where(falls & (w[node] * end > 0), end, node_equation(balance, tau))
        return target

    def _line_search(
        self, w: Floats, step: Floats, energy: float, residual: Floats, right: Floats
    ) -> tuple[Floats, tuple[float, Floats, Floats]] | None:
        slope = float(residual @ step)
        norm = float(np.linalg.norm(residual))
        share = 1.0
        while share > 1e-10:
            tried = self._moved(w, share * step)
            state = self._state(tried, right)
            # Near the end the energy's change drowns in round-off: there a smaller residual decides.
            if (
                state[0] <= energy + 1e-4 * share * slope
                or np.linalg.norm(state[1]) <= (1 - 0.5 * share) * norm
            ):
                return tried, state
            share *= 0.5
        return None

    def _assembled(self, inner: Floats, boundary: Floats) -> Floats:
        """Values at all nodes, those of the box put in."""
        w = inner.copy()
        w[~self.discretisation.interior] = boundary
        return w
