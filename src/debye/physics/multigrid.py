"""Geometric multigrid on the uniform grid, a V-cycle as preconditioner of conjugate gradients.

Every second node of a grid is a node of the next one, and prolongation P is (bi-, tri-)linear. Each level looks like
the finest one (`debye.physics.operator`): one stencil for all nodes, rows for a few (`debye.physics.coarsening`). The
ions' term is a vector m on the finest grid, and Pᵀm, its row sums, on the next: a Newton step changes nothing else. The
facet terms act on single cells and are seen by the smoother of the finest grid alone.

Smoothing is Gauss-Seidel, special nodes, red ones, black ones, special ones again, and backwards after the coarse
correction, so that the V-cycle is symmetric, and positive definite where A is (W. Hackbusch, Multi-Grid Methods and
Applications, 1985). Where the permittivities jump by a factor of 1000, this takes fewer iterations than Ruge-Stüben's
prolongation, which follows the matrix (docs/performance.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from debye.physics.coarsening import Level, coarser_cells, finest_cells, make_level
from debye.physics.cycle import conjugate_gradients, restrict_all, v_cycle
from debye.physics.operator import STENCIL, Rows

if TYPE_CHECKING:
    from debye.physics.assembly import Discretisation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Outcome = Literal["converged", "iteration limit", "not definite", "not finite"]

OUTCOMES: tuple[Outcome, ...] = ("converged", "iteration limit", "not definite", "not finite")
"""Verdicts of `debye.physics.cycle.conjugate_gradients` by number."""


@dataclass(frozen=True)
class Levels:
    """All levels one after another in flat arrays, as the compiled cycle takes them; level l has ``cells[l]`` cells."""

    dim: int
    cells: Ints
    first: Ints
    """Where each level's nodes begin, shape (levels+1,)."""
    stencil: Floats
    """Entry of A with ε = 1 for neighbours that differ along 1, 2 and 3 axes, shape (levels, 3)."""
    scale: Floats
    """ε of each node's own side, 0 on the box, shape (all nodes,)."""
    stiffness: Floats
    """Diagonal without the ions, shape (all nodes,); 1 on the box."""
    first_special: Ints
    """Where each level's special nodes begin, shape (levels+1,)."""
    special: Rows
    """Their rows without the diagonal; nodes are numbered within their level."""


def make_levels(discretisation: Discretisation) -> Levels:
    """Coarsen the finest grid until one unknown is left."""
    grid, operator = discretisation.grid, discretisation.operator
    dim, inside = grid.dim, discretisation.cut.level_set < 0
    low, high = (
        eps * grid.spacing ** (dim - 2)
        for eps in (discretisation.medium.eps_solute, discretisation.medium.eps_solvent)
    )
    level = Level(grid.cells, STENCIL, operator.scale, operator.diagonal, operator.special)
    found = [level]
    cells = finest_cells(discretisation, inside, (high, low))
    while cells.cells > 2:
        cells, inside = coarser_cells(cells, inside, (high, low), dim)
        found.append(make_level(cells, inside, (high, low), dim))
    return join(found, dim)


def join(levels: list[Level], dim: int) -> Levels:
    """Put levels one after another."""

    def begins(parts: list[NDArray[Any]]) -> Ints:
        return np.cumsum([0] + [len(part) for part in parts])

    special = [level.special for level in levels]
    ends = begins([rows.entries for rows in special])
    return Levels(
        dim,
        np.array([level.cells for level in levels]),
        begins([level.scale for level in levels]),
        np.array([level.stencil for level in levels]),
        np.concatenate([level.scale for level in levels]),
        np.concatenate([level.stiffness for level in levels]),
        begins([rows.nodes for rows in special]),
        Rows(
            np.concatenate([rows.nodes for rows in special]),
            np.concatenate(
                [rows.start[:-1] + end for rows, end in zip(special, ends[:-1], strict=True)] + [ends[-1:]]
            ),
            np.concatenate([rows.columns for rows in special]),
            np.concatenate([rows.entries for rows in special]),
        ),
    )


class Hierarchy:
    """Multigrid for A + diag(m), m given on the nodes."""

    def __init__(self, levels: Levels, ions: Floats) -> None:
        self._data = (
            levels.dim, levels.cells, levels.first, levels.stencil, levels.scale,
            levels.first_special, levels.special.arrays,
        )  # fmt: skip
        self._size = levels.first[1]
        mass = np.zeros(levels.first[-1])
        mass[: self._size] = ions
        restrict_all(mass, levels.dim, levels.cells, levels.first)
        self._diagonal = levels.stiffness + mass
        self._inverse = 1.0 / self._diagonal
        for level in range(len(levels.cells)):
            own = slice(levels.first_special[level], levels.first_special[level + 1])
            self._inverse[levels.first[level] + levels.special.nodes[own]] = 0.0

    def cycle(self, right: Floats) -> Floats:
        """One V-cycle for the right-hand side, from zero."""
        total = self._data[2][-1]
        x, b, work, line = np.zeros(total), np.zeros(total), np.zeros(total), np.zeros(self._data[1][0] + 1)
        b[: self._size] = right
        v_cycle(x, b, work, line, self._data, self._diagonal, self._inverse)
        return x[: self._size]

    def solve(self, right: Floats, rtol: float, most: int) -> tuple[Floats, int, Outcome]:
        """Conjugate gradients from zero: solution, iterations, verdict."""
        x = np.zeros_like(right)
        count, verdict = conjugate_gradients(right, x, rtol, most, self._data, self._diagonal, self._inverse)
        return x, count, OUTCOMES[verdict]
