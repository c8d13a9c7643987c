"""Linear equations with A + diag(ions) on one geometry, by geometric multigrid, algebraic multigrid, or both.

Geometric multigrid is an order of magnitude faster to set up and to apply. Algebraic multigrid knows no grid, and so is
not upset by one: "auto" takes a linear equation to it that geometric multigrid has not solved in `PATIENCE` iterations,
and all further ones of the same charge set. What it does for one charge set does not touch the next.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from debye.parameters import Multigrid
from debye.physics import algebraic, multigrid
from debye.physics.multigrid import Levels, Outcome, make_levels

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation

Floats = NDArray[np.float64]

PATIENCE = 250
"""Iterations after which "auto" tries algebraic multigrid. At contrasts of 1e6, between a solute and the box or in a
crevice a cell wide, the geometric kind takes up to 170; with the others' set-up it is still the faster one."""


class Geometry:
    """What all linear equations of one geometry share, made at first use."""

    def __init__(self, discretisation: Discretisation, kind: Multigrid) -> None:
        self.discretisation = discretisation
        self.kind = kind

    @cached_property
    def levels(self) -> Levels:
        """Levels of geometric multigrid."""
        return make_levels(self.discretisation)

    @cached_property
    def stiffness(self) -> sparse.csr_array:
        """A on the inner nodes as a matrix, for algebraic multigrid."""
        inner = self.discretisation.interior
        return sparse.csr_array(self.discretisation.stiffness[inner][:, inner])


class Jacobian:
    """A + diag(ions), ready to be solved with.

    Parameters
    ----------
    geometry : Geometry
    ions : ndarray, shape (nodes,)
        Zero on the box.
    before : Jacobian, optional
        That of the Newton step before: algebraic multigrid is kept where it is near enough.
    """

    def __init__(self, geometry: Geometry, ions: Floats, before: Jacobian | None = None) -> None:
        self._geometry = geometry
        self._ions = ions
        # A chain of all steps before would keep all their hierarchies in memory.
        self._before = before._algebraic if before and before._algebraic_only else None
        self._algebraic_only: bool = before._algebraic_only if before else geometry.kind == "algebraic"

    @cached_property
    def _geometric(self) -> multigrid.Hierarchy:
        return multigrid.Hierarchy(self._geometry.levels, self._ions)

    @cached_property
    def _algebraic(self) -> algebraic.Hierarchy:
        interior = self._geometry.discretisation.interior
        made = algebraic.Hierarchy(self._geometry.stiffness, self._ions, interior, self._before)
        self._before = None
        return made

    def prepare(self) -> None:
        """Set up the multigrid now rather than at first use."""
        _ = self._algebraic if self._algebraic_only else self._geometric

    def alone(self) -> Jacobian:
        """The same equation for another charge set, which does not see what this one's solves changed."""
        return copy(self)

    def next(self, ions: Floats) -> Jacobian:
        """The equation of the next Newton step."""
        return Jacobian(self._geometry, ions, self)

    def cycle(self, right: Floats) -> Floats:
        """One V-cycle of multigrid from zero."""
        return (self._algebraic if self._algebraic_only else self._geometric).cycle(right)

    def solve(self, right: Floats, rtol: float, most: int) -> tuple[Floats, int, Outcome]:
        """Conjugate gradients from zero.

        Parameters
        ----------
        right : ndarray, shape (nodes,)
            Zero on the box.
        rtol : float
            Norm of the residual over that of `right` to reach.
        most : int
            Limit on iterations, of both kinds together.

        Returns
        -------
        x : ndarray, shape (nodes,)
        iterations : int
        outcome : str
            "converged", "iteration limit", "not definite" or "not finite".
        """
        spent = 0
        if not self._algebraic_only:
            limit = min(most, PATIENCE) if self._geometry.kind == "auto" else most
            x, spent, outcome = self._geometric.solve(right, rtol, limit)
            # A matrix that is not definite is so for every method, also where a small one could be solved directly.
            if outcome != "iteration limit" or self._geometry.kind == "geometric" or spent >= most:
                return x, spent, outcome
            self._algebraic_only = True
        x, count, outcome = self._algebraic.solve(right, rtol, most - spent)
        return x, spent + count, outcome
