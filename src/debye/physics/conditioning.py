"""What a matrix of the penalty study is like to solve: its extreme eigenvalues, its inertia, and iteration counts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyamg
from numpy.typing import NDArray
from pyamg.krylov import cg, fgmres
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh, splu

from debye.seeds import generator

Floats = NDArray[np.float64]

MOST_MULTIGRID, MOST_PLAIN = 500, 3000
"""Iterations after which a solve with and without multigrid is given up."""

RTOL = 1e-8
"""Norm of the residual over that of the right-hand side at which an iteration ends."""


def symmetric_part(matrix: sparse.csr_array) -> sparse.csr_array:
    """(M + Mᵀ)/2."""
    return sparse.csr_array(0.5 * (matrix + matrix.T))


def iterate(
    matrix: sparse.csr_array, right: Floats, hierarchy: pyamg.MultilevelSolver | None, symmetric: bool
) -> tuple[Floats, float]:
    """Solution and number of iterations; all NaN where the iteration failed, the limit where plain CG reached it.

    Conjugate gradients and GMRES are measured alike, by the norm of b - Mw: GMRES is the flexible one, preconditioned
    from the right, because the usual one ends at the preconditioned residual.
    """
    residuals: list[float] = []
    most = MOST_PLAIN if hierarchy is None else MOST_MULTIGRID
    settings: dict[str, Any] = {"tol": RTOL, "maxiter": most, "residuals": residuals}
    if hierarchy is not None:
        settings["M"] = hierarchy.aspreconditioner(cycle="V")
    # Both warn of what is recorded below as NaN.
    with warnings.catch_warnings(record=True), np.errstate(all="ignore"):
        w, info = (
            cg(matrix, right, **settings) if symmetric else fgmres(matrix, right, restart=None, **settings)
        )
    if info < 0 or not np.isfinite(w).all() or (info > 0 and hierarchy is not None):
        return np.full_like(right, np.nan), np.nan
    return w, float(min(len(residuals) - 1, most))


def spectrum(matrix: sparse.csr_array) -> dict[str, float]:
    """Extreme eigenvalues of a symmetric matrix and the number that are not positive, by Sylvester's law of inertia.

    Examples
    --------
    >>> found = spectrum(sparse.diags_array(np.linspace(-1.0, 8.0, 40)).tocsr())
    >>> int(found["negative_eigenvalues"]), round(found["eigenvalue_smallest"], 2)
    (5, -1.0)
    """
    # Without pivoting the factors are L D Lᵀ, and D has as many negative entries as the matrix eigenvalues.
    factors = splu(
        sparse.csc_array(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )  # fmt: skip
    negative = int((factors.U.diagonal() <= 0).sum())
    if negative:
        smallest = _extreme(matrix, which="SA", ncv=min(60, matrix.shape[0] - 1), maxiter=500)
    else:
        inverse = LinearOperator(matrix.shape, matvec=factors.solve, dtype=float)
        smallest = _extreme(matrix, which="LM", sigma=0.0, OPinv=inverse)
    largest = _extreme(matrix, which="LA")
    return {
        "negative_eigenvalues": negative,
        "eigenvalue_smallest": smallest,
        "eigenvalue_largest": largest,
    }


def _extreme(matrix: sparse.csr_array, **settings: Any) -> float:
    # The same start vector every time: a second run gives the same figures.
    start = generator("penalty", "spectrum").normal(size=matrix.shape[0])
    try:
        return float(eigsh(matrix, k=1, tol=1e-3, v0=start, return_eigenvectors=False, **settings)[0])
    except ArpackNoConvergence:
        return np.nan
