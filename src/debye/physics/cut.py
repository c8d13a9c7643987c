"""Where the interface runs: cut simplices, the flat pieces of interface in them, and quadrature on both sides.

In a cut simplex the interface is the zero set of an affine function ℓ with |∇ℓ| = 1, positive in the solvent. In 2-D
ℓ vanishes at the true roots of the shape on the two cut edges; neighbours share a root, so the polygon is closed. In
3-D four cut edges do not lie in a plane, and ℓ interpolates nodal values that are fitted to all true edge roots at
once, so that the surface is closed too. Linear interpolation of the sampled level set instead would cost a factor of
20 to 40 in the error of the solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import elementwise
from scipy.sparse.linalg import lsqr

from debye.errors import GeometryError, explain
from debye.parameters import Grid
from debye.physics.mesh import corner_views, edge_offsets, kuhn_corners, kuhn_gradients, strides
from debye.physics.quadrature import classes
from debye.physics.shapes import Shape, level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUDGE = 1e-10
"""Least |φ| at a node, in cells: a vertex on the interface is moved off it by this much."""

SAMPLE_STEP = 1 / 24
"""Share of an edge between two looks for a feature thinner than a cell; thinner still than this may go unseen."""

MOST_GRAZING_SLOPE = 0.6
"""Steepest crossing, as a sine of the angle, of an interface that counts as grazing: a circle of 1.5 cells has 0.58."""

MOST_SAGITTA = 0.25
"""Most distance, in cells, between the flat piece and the true interface before a shape counts as not resolved."""


@dataclass(frozen=True)
class Cut:
    """The simplices that the interface crosses."""

    grid: Grid
    level_set: Floats
    """Level set at the nodes, flat, shape (nodes,), Å; never exactly zero."""
    nodes: Ints
    """Flat numbers of the vertices, shape (n, d+1)."""
    simplex: Ints
    """Number of the simplex as in `mesh.locate`, rising, shape (n,)."""
    kind: Ints
    """Permutation of the simplex, shape (n,)."""
    ell: Floats
    """ℓ at the vertices, shape (n, d+1), Å."""
    normal: Floats
    """Unit normal ∇ℓ, from solute to solvent, shape (n, d)."""

    @property
    def vertices(self) -> Floats:
        """Coordinates of the vertices, shape (n, d+1, d), Å."""
        axis = np.unravel_index(self.nodes, self.grid.shape)
        return np.stack([self.grid.axis[number] for number in axis], axis=2)

    @property
    def gradients(self) -> Floats:
        """Gradients of the barycentric coordinates, shape (n, d+1, d), 1/Å."""
        return kuhn_gradients(self.grid.dim)[self.kind] / self.grid.spacing

    @property
    def volume(self) -> float:
        """Volume (area in 2-D) of every simplex of the grid."""
        return self.grid.spacing**self.grid.dim / factorial(self.grid.dim)

    def edge_points(self) -> Floats:
        """Barycentric coordinates of the points where ℓ vanishes on the edges, shape (n, most, d+1), NaN-padded."""
        corners = self.ell.shape[1]
        most = (corners // 2) * (corners - corners // 2)
        points = np.full((len(self.ell), most, corners), np.nan)
        for rows, all_points, p, q in classes(self.ell):
            points[rows, : p * q] = all_points[:, corners:]
        return points


def find_cut(grid: Grid, shape: Shape) -> Cut:
    """Find the cut simplices of a shape on a grid.

    Raises
    ------
    GeometryError
        If the shape leaves the box or comes within a cell of its boundary, holds no node, is not a number somewhere,
        or is not resolved: an edge crossed twice, or an interface that bends within a cell.
    """
    values = nodal_level_set(grid, shape)
    inside = (values < 0).reshape(grid.shape)
    nodes, simplex, kind = _cut_simplices(inside, grid)
    roots = _edge_roots(grid, shape, values)
    typical = _steepness_at_interface(grid, values, roots)
    _refuse_double_crossings(grid, shape, values, typical)
    if grid.dim == 2:
        ell, normal = _through_roots(grid, nodes, kind, inside.ravel(), roots)
    else:
        ell, normal = _normalised(grid, kind, _fitted(grid, values, roots, typical)[nodes])
    order = np.argsort(simplex)
    cut = Cut(grid, values, nodes[order], simplex[order], kind[order], ell[order], normal[order])
    _refuse_bends(cut, shape, typical)
    return cut


def nodal_level_set(grid: Grid, shape: Shape) -> Floats:
    """Level set at the nodes, flat, nudged off zero; refuses shapes that do not fit the box."""
    points = grid.points()
    low, high = (np.asarray(bound, dtype=float) for bound in shape.bounds)
    if low.shape != (grid.dim,) or high.shape != (grid.dim,):
        raise GeometryError(
            explain(
                "solute",
                f"a shape in {low.size}-D",
                f"one in {grid.dim}-D",
                "give grid and solute the same dim",
            )
        )
    if (low < -grid.half_width).any() or (high > grid.half_width).any():
        raise GeometryError(
            explain(
                "solute",
                f"bounds {low.round(3).tolist()} to {high.round(3).tolist()} Å, outside the box",
                f"a shape inside [-{grid.half_width:g}, {grid.half_width:g}] Å",
                "widen the box or move the shape",
            )
        )
    values = np.asarray(shape(points), dtype=float)
    sign = level(shape, points)
    if values.shape != (len(points),) or not (np.isfinite(values).all() and np.isfinite(sign).all()):
        raise GeometryError(
            explain(
                "solute",
                "a level set that is NaN, infinite or of the wrong shape",
                "a finite number for each point",
                "mend the shape's function",
            )
        )
    # One sign for all that follows: of the function whose roots are looked for.
    least = NUDGE * grid.spacing
    values = np.asarray(np.where(sign < 0, -1.0, 1.0) * np.maximum(np.abs(values), least))
    inside = (values < 0).reshape(grid.shape)
    if not inside.any():
        raise GeometryError(
            explain(
                "solute",
                f"no grid node inside (cell {grid.spacing:g} Å)",
                "a shape the grid resolves",
                "use more cells",
            )
        )
    core = (slice(2, -2),) * grid.dim
    if inside.sum() > inside[core].sum():
        raise GeometryError(
            explain(
                "solute",
                "a shape that touches the boundary of the box or comes within a cell of it",
                "at least a cell of solvent all round",
                "widen the box or move the shape",
            )
        )
    return values


def _cut_simplices(inside: NDArray[np.bool_], grid: Grid) -> tuple[Ints, Ints, Ints]:
    """Vertices, simplex numbers and kinds of the simplices with vertices on both sides."""
    numbers = np.arange(inside.size).reshape(grid.shape)
    nodes, simplex, kinds = [], [], []
    all_kinds = len(kuhn_corners(grid.dim))
    for kind in range(all_kinds):
        views = corner_views(inside, grid, kind)
        count = sum(view.astype(np.int8) for view in views)
        cells = np.flatnonzero((count > 0) & (count <= grid.dim))
        nodes.append(np.stack([view.ravel()[cells] for view in corner_views(numbers, grid, kind)], axis=1))
        simplex.append(cells * all_kinds + kind)
        kinds.append(np.full(len(cells), kind))
    return np.concatenate(nodes).astype(np.int64), np.concatenate(simplex), np.concatenate(kinds)


def _edges(grid: Grid, offset: Ints, chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Flat numbers of the low and high ends of the chosen edges along an offset."""
    numbers = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    low = numbers[tuple(slice(0, grid.cells + 1 - step) for step in offset)][chosen]
    return low, low + int(offset @ strides(grid))


def _edge_pairs(grid: Grid, values: Floats, offset: Ints) -> tuple[Floats, Floats]:
    field = values.reshape(grid.shape)
    low = field[tuple(slice(0, grid.cells + 1 - step) for step in offset)]
    high = field[tuple(slice(step, None) for step in offset)]
    return low, high


def _coordinates(grid: Grid, nodes: Ints) -> Floats:
    return np.stack([grid.axis[number] for number in np.unravel_index(nodes, grid.shape)], axis=-1)


def _edge_roots(grid: Grid, shape: Shape, values: Floats) -> Floats:
    """Share t of the way from the low to the high end at which each edge is crossed, (offsets, nodes); NaN if not."""
    offsets = edge_offsets(grid.dim)
    roots = np.full((len(offsets), values.size), np.nan)
    for number, offset in enumerate(offsets):
        low_values, high_values = _edge_pairs(grid, values, offset)
        low, _ = _edges(grid, offset, (low_values < 0) != (high_values < 0))
        start = _coordinates(grid, low)
        step = offset * grid.spacing

        def along(t: Floats, *origin: Floats, step: Floats = step) -> Floats:
            points = np.stack([one + t * part for one, part in zip(origin, step, strict=True)], axis=-1)
            return level(shape, points.reshape(-1, points.shape[-1])).reshape(t.shape)

        ends = (np.zeros(len(low)), np.ones(len(low)))
        found = elementwise.find_root(along, ends, args=tuple(start.T), tolerances={"xatol": 1e-13}).x
        # A node that was nudged off the interface may leave no bracket: the root is then at that node.
        at_low = np.abs(values[low]) < np.abs(high_values[(low_values < 0) != (high_values < 0)])
        found = np.where(np.isfinite(found), found, np.where(at_low, 0.0, 1.0))
        roots[number, low] = np.clip(found, NUDGE, 1.0 - NUDGE)
    return roots


def _root_of(grid: Grid, roots: Floats, first: Ints, second: Ints) -> Floats:
    """Share of the way from node `first` to node `second` at which their edge is crossed."""
    # Offsets are listed in the order of their steps in the flat node number.
    number = np.searchsorted(edge_offsets(grid.dim) @ strides(grid), np.abs(second - first))
    t = roots[number, np.minimum(first, second)]
    return np.asarray(np.where(first < second, t, 1.0 - t))


def _through_roots(
    grid: Grid, nodes: Ints, kind: Ints, inside: NDArray[np.bool_], roots: Floats
) -> tuple[Floats, Floats]:
    """2-D: the line through the two true edge roots of each cut triangle."""
    is_in = inside[nodes]
    # The vertex that is alone on its side, then the other two: both cut edges start at it.
    alone = np.where(is_in.sum(axis=1) == 1, is_in.argmax(axis=1), (~is_in).argmax(axis=1))
    rows = np.arange(len(nodes))
    first, second = (alone + 1) % 3, (alone + 2) % 3
    to_first = _root_of(grid, roots, nodes[rows, alone], nodes[rows, first])
    to_second = _root_of(grid, roots, nodes[rows, alone], nodes[rows, second])
    ell = np.empty(nodes.shape)
    sign = np.where(is_in[rows, alone], -1.0, 1.0)
    ell[rows, alone] = sign
    ell[rows, first] = -sign * (1.0 - to_first) / to_first
    ell[rows, second] = -sign * (1.0 - to_second) / to_second
    return _normalised(grid, kind, ell)


def _normalised(grid: Grid, kind: Ints, ell: Floats) -> tuple[Floats, Floats]:
    """Scale vertex values of an affine function to |∇ℓ| = 1; return them and ∇ℓ."""
    gradient = np.einsum("nv,nvx->nx", ell, kuhn_gradients(grid.dim)[kind] / grid.spacing)
    length = np.sqrt((gradient**2).sum(axis=1))
    return ell / length[:, None], gradient / length[:, None]


def _fitted(grid: Grid, values: Floats, roots: Floats, typical: float) -> Floats:
    """3-D: nodal values whose linear interpolant vanishes as near as can be to all true edge roots."""
    steps = edge_offsets(grid.dim) @ strides(grid)
    number, low = np.nonzero(np.isfinite(roots))
    high = low + steps[number]
    t = roots[number, low]
    used, local = np.unique(np.concatenate([low, high]), return_inverse=True)
    rows = np.arange(len(low))
    scale = 1.0 / np.abs(values[high] - values[low])
    weights = np.concatenate([(1.0 - t) * scale, t * scale])
    misfit = sparse.csr_array((weights, (np.tile(rows, 2), local)), shape=(len(low), len(used)))
    start = values[used]
    change = lsqr(misfit, -(misfit @ start), damp=0.05 / (typical * grid.spacing), atol=1e-8, btol=1e-8)[0]
    # Values keep their sign: a node changes side only if the shape says so.
    moved = np.where(
        start < 0, np.minimum(start + change, 0.05 * start), np.maximum(start + change, 0.05 * start)
    )
    fitted = values.copy()
    fitted[used] = moved
    return fitted


def _steepness_at_interface(grid: Grid, values: Floats, roots: Floats) -> float:
    """Typical |∇φ| where the interface runs: 1 for a distance, anything for a level set of another scale."""
    crossed = np.isfinite(roots).any(axis=0).reshape(grid.shape)
    parts = np.gradient(values.reshape(grid.shape), grid.spacing)
    square = np.sum([part**2 for part in parts], axis=0)
    return float(np.sqrt(np.median(square[crossed])))


def _refuse_double_crossings(grid: Grid, shape: Shape, values: Floats, typical: float) -> None:
    """Refuse features between nodes; an edge that a smooth interface merely grazes is no such feature.

    A grazing interface leaves the level set along the edge nearly linear and crosses it at a small angle; a thin
    feature crosses some edge steeply.
    """
    field = values.reshape(grid.shape)
    steepest = max(np.abs(np.diff(field, axis=axis)).max() / grid.spacing for axis in range(grid.dim))
    for offset in edge_offsets(grid.dim):
        low_values, high_values = _edge_pairs(grid, values, offset)
        same = (low_values < 0) == (high_values < 0)
        # On any other edge the level set cannot reach zero between its ends.
        length = grid.spacing * np.sqrt(offset.sum())
        chosen = same & (np.abs(low_values) + np.abs(high_values) <= steepest * length)
        low, high = _edges(grid, offset, chosen)
        edge, t = _second_crossings(grid, shape, values, low, offset)
        start = _coordinates(grid, low[edge])
        nearby = np.stack(
            [start + (t + s * SAMPLE_STEP)[:, None] * grid.spacing * offset for s in (-1, 0, 1)]
        )
        before, at, after = np.asarray(shape(nearby.reshape(-1, grid.dim)), dtype=float).reshape(3, -1)
        between = (1.0 - t) * values[low[edge]] + t * values[high[edge]]
        bend = np.abs(at - between) / (typical * grid.spacing)
        slope = np.maximum(np.abs(after - at), np.abs(at - before)) / (typical * SAMPLE_STEP * length)
        if ((bend > MOST_SAGITTA) | (slope > MOST_GRAZING_SLOPE)).any():
            place = nearby[1][np.argmax(bend)].round(3).tolist()
            raise GeometryError(
                explain(
                    "solute",
                    f"an edge of the grid crossed twice near {place} Å (cell {grid.spacing:g} Å)",
                    "a shape without features thinner than a cell",
                    "use more cells or smooth the shape",
                )
            )


def _second_crossings(
    grid: Grid, shape: Shape, values: Floats, low: Ints, offset: Ints
) -> tuple[Ints, Floats]:
    """Find points on the far side of the interface on edges whose ends are on one side: edge rows and shares t.

    A feature of width d is seen where a sample falls into it, so samples stand SAMPLE_STEP of an edge apart.
    """
    start = _coordinates(grid, low)
    inside = values[low] < 0
    edges, shares = [], []
    for t in np.arange(SAMPLE_STEP, 1.0, SAMPLE_STEP):
        found = np.flatnonzero((level(shape, start + t * grid.spacing * offset) < 0) != inside)
        edges.append(found)
        shares.append(np.full(len(found), t))
    return np.concatenate(edges), np.concatenate(shares)


def _refuse_bends(cut: Cut, shape: Shape, typical: float) -> None:
    """Compare the flat pieces with the true interface at their middles."""
    points = cut.edge_points()
    middle = np.einsum("nv,nvx->nx", np.nanmean(points, axis=1), cut.vertices)
    value = np.asarray(shape(middle), dtype=float)
    sagitta = np.abs(value) / (typical * cut.grid.spacing)
    worst = int(np.argmax(sagitta))
    if sagitta[worst] > MOST_SAGITTA:
        raise GeometryError(
            explain(
                "solute",
                f"an interface that bends by {sagitta[worst]:.2f} cells within the cell at "
                f"{middle[worst].round(3).tolist()} Å",
                f"at most {MOST_SAGITTA} cells",
                "use more cells or smooth the shape",
            )
        )
