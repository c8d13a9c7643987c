"""How a solve ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["converged", "iteration limit", "not definite", "stagnated", "not finite"]


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
        Residual of the discrete equation before the first step (1 unless a guess was given) and after each, relative
        to the norm of its data: loads and boundary values, without the ionic term.
    seconds : dict
        Wall time by phase: "geometry", "multigrid" (shared by all charge sets of a geometry), "load", "iterate".
    layer_cells : float
        Cells across the thinnest boundary layer of the ions: the least λ_D/√cosh u in the solvent over h.
    warnings : tuple of str
        What is inaccurate although the solve converged: a boundary layer thinner than a cell, a charge near the
        interface. Empty where nothing needs saying.
    order : int
        Order in h of the nodal values: 4 if `Solver.order` asked for it and it was reached, or 2.
    correction : tuple of float or None
        What the fourth order changed: relative L2 change of w in the solute and in the solvent, which estimates the
        error of the second order. None at order 2.
    """

    outcome: Outcome
    newton_steps: int
    cg_iterations: tuple[int, ...]
    residuals: tuple[float, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    layer_cells: float = math.inf
    warnings: tuple[str, ...] = ()
    order: int = 2
    correction: tuple[float, float] | None = None

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
