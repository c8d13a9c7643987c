"""Fourth order at the nodes: a high-order equation for the same nodal values, solved from the second-order solution.

Away from the interface the equation is the nine-point Mehrstellen stencil (`debye.physics.mehrstellen`); a node with Γ
in its 3x3 neighbourhood takes its value from functions that fulfil the conditions on Γ (`debye.physics.fit`). The
unknown there is u = w + χ_solute G, for which those conditions are homogeneous. The rows depend on the geometry alone.

The second-order matrix is close to this one in all but the rows near Γ. So each step of GMRES first solves for the
nodes near Γ alone, exactly (a band matrix, since they lie along a curve), then takes one V-cycle of the second-order
multigrid: about six steps gain the digits that there are to gain. With sinh ions, Newton's method runs around it.

The method rests on a smooth Γ. Where the interface has corners or bends within a few cells, or a charge lies next to
it, the second-order solution stays what it is and the report says why (docs/correction.md).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from debye.physics import mehrstellen
from debye.physics.caveats import layer_cells
from debye.physics.charges import coulomb_potential
from debye.physics.fit import REACH, window_rows
from debye.physics.ions import identity
from debye.physics.mesh import coordinates

if TYPE_CHECKING:
    from debye.physics.algebra import System
    from debye.physics.assembly import Discretisation
    from debye.physics.charges import PointCharges
    from debye.physics.jacobian import Jacobian

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REDUCTION = 1e-5
"""Share of its initial residual to which the high-order equation is solved: digits beyond are not the method's."""

ROUND_OFF = 1e-13
"""Residual, as a share of the norm of ε w, below which nothing is left to correct."""

MOST_NEWTON = 8
"""Newton steps after which it has failed; two are enough where it works."""

MOST_STEPS = 20
"""Steps of GMRES in each."""

LARGEST_MISFIT = 0.002
"""By how many cells the interface may miss the smooth curves that stand in for it."""

LARGEST_SUM = 1.4
"""Largest sum of |weights| with which a row may predict its value: 1.1 along smooth curves, 2 and more at corners."""

LARGEST_CONTRAST = 1000.0
"""Ratio of the permittivities beyond which errors of the flux, which the rows do not conserve, may rule one side."""

FEWEST_LAYER_CELLS = 1.0
"""Least thickness of the ions' boundary layer, in cells: thinner, no polynomial follows it."""

FEWEST_CELLS = 4.0
"""Least distance of a charge from the interface, in cells: nearer, u is too rough for the windows."""

LEAST_GAP = 0.1
"""Least distance of a charge from any node of a window, in cells: G is infinite at a charge."""

LARGEST_CHANGE = 0.2
"""Relative change of w, on either side, that is not a correction any more."""

SMALL = 1e-3
"""Share of the norm of w below which the norm on one side is not what a change is measured by."""


@dataclass(frozen=True)
class Outcome:
    """What came of a correction."""

    nodal: Floats
    """Nodal values: corrected, or as they were."""
    change: tuple[float, float] | None
    """Relative L2 change of w in the solute and in the solvent; None if nothing was corrected."""
    reason: str
    """Why nothing was corrected; empty if it was."""
    seconds: float


class Correction:
    """The high-order equation of one geometry, for any charge set on it; 2-D.

    Parameters
    ----------
    system : System
        The second-order equation.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        discretisation = system.discretisation
        grid, medium = discretisation.grid, discretisation.medium
        n = grid.cells + 1
        inside = discretisation.cut.level_set < 0
        near_interface = np.zeros((n, n), dtype=bool)
        mehrstellen.find_ring(inside.reshape(n, n), near_interface)
        ring = np.flatnonzero(near_interface)
        self._inside, self._ring = inside, ring
        roots, first = _roots(discretisation)
        ratio = medium.eps_solute / medium.eps_solvent
        weight, source, misfit = window_rows(n, inside, ring, first, roots, ratio)
        self.misfit = float(misfit.max())
        """By how many cells the interface misses the curves; inf where it is not smooth at all."""
        self.amplification = float(np.abs(weight).sum(axis=1).max()) - 1.0
        """Largest sum of |weights| of a row, its own node left out."""
        eps = np.where(inside, medium.eps_solute, medium.eps_solvent).reshape(n, n)
        self._eps = eps
        self._rows = (eps, ring, weight, source)
        self._needed = np.flatnonzero(_dilated(near_interface).ravel() & inside)
        self._watched = discretisation.elements.edge_points.reshape(-1, 2), coordinates(grid, self._needed)
        self._ions = np.where(inside, 0.0, medium.screening / medium.eps_solvent * grid.spacing**2)

    def correct(self, w: Floats, charges: PointCharges) -> Outcome:
        """Correct the second-order nodal values of a charge set.

        Parameters
        ----------
        w : ndarray, shape (nodes,)
            With the values on the box.
        charges : PointCharges

        Returns
        -------
        Outcome
        """
        start = time.perf_counter()
        change = (0.0, 0.0)
        found, reason = w, self._obstacle(w, charges)
        if not reason:
            # Overflow is no surprise to be warned of: it ends in the verdict.
            with np.errstate(over="ignore", invalid="ignore"):
                found, reason = self._newton(w, self._load(charges))
                change = self._change(w, found)
            if not reason and not max(change) <= LARGEST_CHANGE:
                reason = f"it would change w by {max(change):.0%} of its norm on one side of the interface"
        if reason:
            return Outcome(w, None, reason, time.perf_counter() - start)
        return Outcome(found, change, "", time.perf_counter() - start)

    def _change(self, w: Floats, found: Floats) -> tuple[float, float]:
        """Relative L2 change in the solute and in the solvent; a w of almost nothing on one side does not count."""
        least = max(SMALL * float(np.linalg.norm(w)), 1e-300)
        solute, solvent = (
            float(np.linalg.norm(found[side] - w[side])) / max(float(np.linalg.norm(w[side])), least)
            for side in (self._inside, ~self._inside)
        )
        return solute, solvent

    def _obstacle(self, w: Floats, charges: PointCharges) -> str:
        """Why the method would not work; empty if nothing speaks against it."""
        if not (self.misfit <= LARGEST_MISFIT and self.amplification <= LARGEST_SUM):
            return "the interface has a corner or bends within a few cells"
        discretisation = self._system.discretisation
        grid, medium = discretisation.grid, discretisation.medium
        if not 1.0 / LARGEST_CONTRAST <= medium.eps_solute / medium.eps_solvent <= LARGEST_CONTRAST:
            return f"the permittivities differ by a factor of more than {LARGEST_CONTRAST:g}"
        if not layer_cells(discretisation, w) >= FEWEST_LAYER_CELLS:
            return "the ions' boundary layer is thinner than a cell"
        for place in charges.positions:
            near, node = (np.hypot(*(points - place).T).min() / grid.spacing for points in self._watched)
            if near < FEWEST_CELLS or node < LEAST_GAP:
                return f"a charge lies {near:.2g} cells from the interface, too near for its windows"
        return ""

    def _load(self, charges: PointCharges) -> Floats:
        """What the Coulomb potential adds to the rows near Γ, shape (nodes,)."""
        medium = self._system.discretisation.medium
        g = np.zeros(self._inside.size)
        g[self._needed] = coulomb_potential(self._watched[1], charges, medium)
        load = np.zeros_like(g)
        mehrstellen.apply_near(g.reshape(self._eps.shape), *self._rows, load)
        return load

    def _newton(self, w: Floats, load: Floats) -> tuple[Floats, str]:
        """Newton's method from the second-order solution; the second item says what went wrong."""
        system, first = self._system, 0.0
        residual = np.empty_like(w)
        floor = ROUND_OFF * float(np.linalg.norm(self._eps.ravel() * w))
        for step in range(MOST_NEWTON + 1):
            _, value, slope = system.law(w)
            self._apply(w, self._ions * value, residual)
            residual += load
            size = float(np.linalg.norm(residual))
            first = first or size
            if not np.isfinite(size) or size > 10.0 * first:
                return w, "its iteration diverged"
            if size <= max(REDUCTION * first, floor):
                return w, ""
            if step < MOST_NEWTON:
                linear = system.linearised
                jacobian = linear if system.law is identity else linear.next(system.lumped * slope)
                w = w - self._gmres(residual, 0.5 * REDUCTION * first / size, self._ions * slope, jacobian)
        return w, "its iteration did not converge"

    def _gmres(self, right: Floats, rtol: float, slope: Floats, jacobian: Jacobian) -> Floats:
        """Flexible GMRES (Y. Saad, SIAM J. Sci. Comput. 14, 1993) from zero for the linearised equation."""
        solve_near = self._near_solver(slope)
        size, order = float(np.linalg.norm(right)), self._band[0]
        # Fresh memory costs more than the arithmetic: one block, whose rows are touched as they are needed.
        ions, product, *rest = np.empty((2 * MOST_STEPS + 4, right.size))
        basis, steps = rest[: MOST_STEPS + 1], rest[MOST_STEPS + 1 :]
        table, target = np.zeros((MOST_STEPS + 1, MOST_STEPS)), np.zeros(MOST_STEPS + 1)
        target[0] = size
        np.divide(right, size, out=basis[0])
        for k in range(MOST_STEPS):
            step = steps[k]
            step[:] = 0.0
            step[order] = solve_near(basis[k])
            self._apply(step, np.multiply(slope, step, out=ions), product)
            step += jacobian.cycle(np.subtract(basis[k], product, out=product))
            self._apply(step, np.multiply(slope, step, out=ions), product)
            for row in range(k + 1):
                table[row, k] = basis[row] @ product
                product -= np.multiply(table[row, k], basis[row], out=ions)
            table[k + 1, k] = np.linalg.norm(product)
            if not np.isfinite(table[k + 1, k]):
                return product
            part = table[: k + 2, : k + 1]
            share = np.linalg.lstsq(part, target[: k + 2], rcond=None)[0]
            left = float(np.linalg.norm(target[: k + 2] - part @ share))
            if left <= rtol * size or table[k + 1, k] == 0.0:
                break
            np.divide(product, table[k + 1, k], out=basis[k + 1])
        product[:] = 0.0
        for factor, step in zip(share, steps, strict=False):
            product += np.multiply(factor, step, out=ions)
        return product

    def _apply(self, w: Floats, g: Floats, out: Floats) -> None:
        """Left-hand side of the high-order equation, h² times the ionic term given; zero on the box."""
        shape = self._eps.shape
        mehrstellen.apply(w.reshape(shape), g.reshape(shape), *self._rows, out.reshape(shape))

    @cached_property
    def _band(self) -> tuple[Ints, Ints, int]:
        """Nodes near Γ in an order that keeps their block a narrow band; each node's place in it; half the width."""
        ring, n = self._ring, len(self._eps)
        number = np.full(n * n, -1)
        number[ring] = np.arange(len(ring))
        start, columns = mehrstellen.neighbours(n, number, ring)
        shape = (len(ring), len(ring))
        order = reverse_cuthill_mckee(csr_array((np.ones(len(columns)), columns, start), shape), True)
        place = np.empty(len(ring), dtype=np.int64)
        place[order] = np.arange(len(ring))
        rows = np.repeat(np.arange(len(ring)), np.diff(start))
        width = int(np.abs(place[rows] - place[columns]).max())
        number[ring] = place
        return ring[order], number, width

    def _near_solver(self, slope: Floats) -> Any:
        """Factorised block of the nodes near Γ: a function from a right-hand side to values, in the band's order."""
        order, place, width = self._band
        band = np.zeros((3 * width + 1, len(order)), order="F")
        mehrstellen.fill_band(band, width, place, slope.reshape(self._eps.shape), *self._rows)
        factor, pivots, _ = lapack.dgbtrf(band, width, width, overwrite_ab=True)
        return lambda right: lapack.dgbtrs(factor, width, width, right[order], pivots)[0]


def _roots(discretisation: Discretisation) -> tuple[Floats, Ints]:
    """Roots on edges of cut triangles, in cells from the low corner of the box, and where each cell's begin."""
    grid, elements = discretisation.grid, discretisation.elements
    roots = (elements.edge_points.reshape(-1, 2) + grid.half_width) / grid.spacing
    triangles = np.searchsorted(elements.cut.simplex, 2 * np.arange(grid.cells**2 + 1))
    return np.ascontiguousarray(roots), elements.edge_points.shape[1] * triangles


def _dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All nodes in the windows of those marked."""
    wide, n = np.pad(mask, REACH), len(mask)
    side = range(2 * REACH + 1)
    along = np.logical_or.reduce([wide[a : a + n] for a in side])
    return np.asarray(np.logical_or.reduce([along[:, a : a + n] for a in side]))
