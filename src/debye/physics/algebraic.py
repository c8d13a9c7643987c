"""Algebraic multigrid: pyamg's Ruge-Stüben hierarchy and conjugate gradients around it.

The reference for geometric multigrid (`debye.physics.multigrid`), and its substitute where that fails: it looks at the
matrix alone.
"""

from __future__ import annotations

import warnings

import numpy as np
import pyamg
from numpy.typing import NDArray
from pyamg.krylov import cg
from scipy import sparse

from debye.physics.multigrid import Outcome

Floats = NDArray[np.float64]

OTHER = 1.2
"""Factor between diagonal entries of two matrices beyond which the later one gets a hierarchy of its own."""


class Hierarchy:
    """A matrix on the inner nodes with a hierarchy of it, or of one before that is near enough.

    Parameters
    ----------
    stiffness : sparse array, shape (n, n)
    ions : ndarray, shape (nodes,)
        What to add to its diagonal, on all nodes of the grid.
    interior : ndarray of bool, shape (nodes,)
        Where the n unknowns are.
    before : Hierarchy, optional
        One whose multigrid is kept if the diagonals are near.
    """

    def __init__(
        self,
        stiffness: sparse.csr_array,
        ions: Floats,
        interior: NDArray[np.bool_],
        before: Hierarchy | None = None,
    ) -> None:
        self._interior = interior
        self._matrix = sparse.csr_array(stiffness + sparse.diags_array(ions[interior]))
        self._built: Floats = self._matrix.diagonal()
        self._levels: pyamg.MultilevelSolver
        if before is not None and np.abs(np.log(self._built / before._built)).max() <= np.log(OTHER):
            self._built, self._levels = before._built, before._levels
        else:
            self._levels = build_hierarchy(self._matrix)

    def cycle(self, right: Floats) -> Floats:
        """One V-cycle for a right-hand side on all nodes, from zero."""
        x = np.zeros_like(right)
        x[self._interior] = self._levels.aspreconditioner(cycle="V") @ right[self._interior]
        return x

    def solve(self, right: Floats, rtol: float, most: int) -> tuple[Floats, int, Outcome]:
        """Conjugate gradients from zero: solution on all nodes, iterations, verdict."""
        x = np.zeros_like(right)
        x[self._interior], count, outcome = linear_solve(
            self._matrix, right[self._interior], self._levels, rtol, most
        )
        return x, count, outcome


def build_hierarchy(matrix: sparse.csr_array) -> pyamg.MultilevelSolver:
    """Ruge-Stüben hierarchy of a matrix."""
    return pyamg.ruge_stuben_solver(_narrow(matrix), max_coarse=200)


def linear_solve(
    matrix: sparse.csr_array, right: Floats, hierarchy: pyamg.MultilevelSolver, rtol: float, most: int
) -> tuple[Floats, int, Outcome]:
    """Conjugate gradients under a hierarchy.

    Returns
    -------
    x : ndarray
    iterations : int
    outcome : str
        "converged", "iteration limit", "not definite" or "not finite".
    """
    residuals: list[float] = []
    # Its warning of an indefinite matrix is the verdict below; it insists on being shown, so it is caught here.
    with warnings.catch_warnings(record=True):
        x, info = cg(
            matrix,
            right,
            tol=rtol,
            maxiter=most,
            M=hierarchy.aspreconditioner(cycle="V"),
            residuals=residuals,
        )
    outcome: Outcome = "converged" if info == 0 else "iteration limit" if info > 0 else "not definite"
    if not np.isfinite(x).all():
        outcome = "not finite"
    return x, max(len(residuals) - 1, 0), outcome


def _narrow(matrix: sparse.csr_array) -> sparse.csr_matrix:
    """Matrix with the 32-bit indices and the matrix class that pyamg's kernels take."""
    return sparse.csr_matrix(
        (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)), shape=matrix.shape
    )
