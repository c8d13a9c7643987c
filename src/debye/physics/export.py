"""The discrete equation as matrices, for solvers of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from debye.errors import ConfigError, explain
from debye.parameters import Grid, Penalty, Solver
from debye.physics.assembly import THETA, Variant, discretise
from debye.physics.ions import sinh
from debye.physics.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Assembled:
    """The equation ``stiffness @ x + ionic * f(x) = right_hand_side``, what `debye.assemble` returns."""

    grid: Grid
    matrix: sparse.csr_array
    """Matrix of the linear equation, ``stiffness + diag(ionic)``: also the Jacobian at 0 for sinh; (n, n)."""
    right_hand_side: Floats
    """Loads J0, J1 and boundary values, shape (n,)."""
    stiffness: sparse.csr_array
    """A without the ions, shape (n, n); symmetric positive definite in the solver's own form."""
    ionic: Floats
    """The vector m, shape (n,); zero in the solute."""
    nonlinear: bool
    """Whether f is sinh."""
    nodes: Ints
    """Flat number (C order of `grid.shape`) of the node of each unknown, shape (n,)."""
    boundary_nodes: Ints
    """Flat numbers of the other nodes, shape (m,)."""
    boundary_values: Floats
    """Values of w there, shape (m,)."""

    def residual(self, x: Floats) -> Floats:
        """``stiffness @ x + ionic * f(x) - right_hand_side``, shape (n,)."""
        ions = sinh(x)[1] if self.nonlinear else x
        return np.asarray(self.stiffness @ x + self.ionic * ions - self.right_hand_side)

    def to_grid(self, x: Floats) -> Floats:
        """Unknowns and boundary values on the grid, as `Solution.regular`: shape ``grid.shape``.

        Raises
        ------
        ConfigError
            If x has another shape than `nodes`.
        """
        if np.shape(x) != self.nodes.shape:
            raise ConfigError(
                explain(
                    "unknowns", f"shape {np.shape(x)}", f"{self.nodes.shape}", "give one value an unknown"
                )
            )
        field = np.empty(len(self.nodes) + len(self.boundary_nodes))
        field[self.nodes] = x
        field[self.boundary_nodes] = self.boundary_values
        return field.reshape(self.grid.shape)


def assemble(problem: Problem, penalty: Penalty | None = None, variant: Variant = "symmetric") -> Assembled:
    """Matrix, right-hand side and node maps of the discrete equation of a problem.

    Parameters
    ----------
    problem : Problem
    penalty : float or "auto", optional
        σ of the interior-penalty term; the solver's own if left out.
    variant : {"symmetric", "incomplete", "nonsymmetric"}
        Form on cut facets; the solver uses the symmetric one.

    Returns
    -------
    Assembled

    Raises
    ------
    GeometryError
        If the grid does not resolve the shape, or it leaves the box.
    ConfigError
        If penalty or variant is none of these.

    Examples
    --------
    >>> import debye
    >>> from scipy.sparse.linalg import spsolve
    >>> problem = debye.Problem(
    ...     debye.Grid(cells=32, half_width=16.0),
    ...     debye.Ball((0.0, 0.0), 8.0),
    ...     debye.PointCharges([[3.0, 1.0]], [0.1]),
    ...     debye.Medium(ions="linear"),
    ... )
    >>> equation = debye.assemble(problem)
    >>> w = equation.to_grid(spsolve(equation.matrix.tocsc(), equation.right_hand_side))
    >>> bool(abs(w - debye.solve(problem, rtol=1e-12).regular).max() < 1e-9)
    True
    """
    if not isinstance(variant, str) or variant not in THETA:
        raise ConfigError(
            explain("variant", repr(variant), f"one of {', '.join(THETA)}", "choose one of these")
        )
    sigma = Solver().penalty if penalty is None else Solver(penalty=penalty).penalty
    discretisation = discretise(problem.grid, problem.solute, problem.medium, sigma, variant)
    inner = discretisation.interior
    rows = discretisation.stiffness[inner]
    edge = problem.boundary_values(problem.grid.points()[~inner])
    stiffness = sparse.csr_array(rows[:, inner])
    ionic = discretisation.lumped[inner]
    load = discretisation.load(problem.charges).right_hand_side
    return Assembled(
        grid=problem.grid,
        matrix=sparse.csr_array(stiffness + sparse.diags_array(ionic)),
        right_hand_side=load[inner] - rows[:, ~inner] @ edge,
        stiffness=stiffness,
        ionic=ionic,
        nonlinear=problem.medium.ions == "nonlinear",
        nodes=np.flatnonzero(inner),
        boundary_nodes=np.flatnonzero(~inner),
        boundary_values=edge,
    )
