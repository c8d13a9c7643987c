"""What a grid can carry: the level set at the nodes, and the refusal of shapes that the grid does not resolve."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from debye.errors import GeometryError, explain
from debye.parameters import Grid
from debye.physics.compiled import compiled
from debye.physics.crossings import NUDGE, edges_within_reach
from debye.physics.mesh import coordinates, edge_offsets, node_points, strides
from debye.physics.shapes import Shape, level, values_at

if TYPE_CHECKING:
    from debye.physics.cut import Cut

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE_STEP = 1 / 24
"""Share of an edge below which a stretch of it is not searched for a feature thinner than a cell."""

MOST_GRAZING_SLOPE = 0.6
"""Steepest crossing, as a sine of the angle, of an interface that counts as grazing: a circle of 1.5 cells has 0.58."""

MOST_SAGITTA = 0.25
"""Distance, in cells, between the flat piece and the true interface from which on a cut simplex counts as bent."""

MOST_CORNER_SAGITTA = 0.75
"""Most of that distance in any cut simplex: what the corner of a square may have."""

MOST_CORNERS = 0.05
"""Most bent simplices and edges past tips, as a share of the cut simplices: molecules without a probe have up to 2 %
on grids that carry them, a star with lobes of a cell's width has 10 %."""

REMEDY = "use more cells or smooth the shape; give a molecule a probe_radius"
"""What helps against all that is refused here."""

TIP = 3
"""Most cells behind its tip within which a corner must be a cell thick."""

MOST_BALLS = 24
"""Inscribed balls in a corner from its tip on; in one of 20° each is 1.16 times as large as the one before."""


def bounds_on(grid: Grid, shape: Shape) -> tuple[Floats, Floats]:
    """Bounds of a shape, each of shape (dim,), checked.

    Raises
    ------
    GeometryError
        If they are not two corners in the grid's dimension, the low one first.
    """
    try:
        low, high = (np.asarray(bound, dtype=float).ravel() for bound in shape.bounds)
    except (TypeError, ValueError):
        low, high = np.empty(0), np.empty(0)
    if not low.size or low.size != high.size or not (low < high).all():
        raise GeometryError(
            explain("solute bounds", shape.bounds, "a low and a high corner", "see docs/adding_a_shape.md")
        )
    if low.size != grid.dim:
        raise GeometryError(
            explain(
                "solute",
                f"a shape in {low.size}-D",
                f"one in {grid.dim}-D",
                "give grid and solute the same dim",
            )
        )
    return low, high


def nodal_level_set(grid: Grid, shape: Shape) -> Floats:
    """Level set at the nodes, flat, nudged off zero; refuses shapes that do not fit the box.

    One sign for all that follows: that of the function whose roots are looked for. A shape with a `level` of its own
    whose values are distances is asked for it at the nodes within reach of an edge that the interface may cross;
    elsewhere a distance's sign is not in doubt. Any other level set is asked everywhere.
    """
    low, high = bounds_on(grid, shape)
    if (low < -grid.half_width).any() or (high > grid.half_width).any():
        raise GeometryError(
            explain(
                "solute",
                f"bounds {low.round(3).tolist()} to {high.round(3).tolist()} Å, outside the box",
                f"a shape inside [-{grid.half_width:g}, {grid.half_width:g}] Å",
                "widen the box or move the shape",
            )
        )
    points = node_points(grid)
    values = values_at(shape, points)
    least = NUDGE * grid.spacing
    if hasattr(shape, "level"):
        reach = grid.spacing * np.sqrt(grid.dim) if getattr(shape, "is_distance", False) else np.inf
        near = np.flatnonzero(np.abs(values) <= reach)
        side = np.where(values_at(shape.level, points[near]) < 0, -1.0, 1.0)
        values[near] = side * np.maximum(np.abs(values[near]), least)
    beyond, inside, rim = _settle(values, least, grid.axis, low, high)
    if beyond >= 0:
        raise GeometryError(
            explain(
                "solute bounds",
                f"{low.round(3).tolist()} to {high.round(3).tolist()} Å, and the solute at "
                f"{coordinates(grid, np.array([beyond]))[0].round(3).tolist()} Å",
                "bounds that hold the whole shape",
                "widen the bounds",
            )
        )
    if not inside:
        raise GeometryError(
            explain(
                "solute",
                f"no grid node inside (cell {grid.spacing:g} Å)",
                "a shape the grid resolves",
                "use more cells",
            )
        )
    if rim:
        raise GeometryError(
            explain(
                "solute",
                "a shape that touches the boundary of the box or comes within a cell of it",
                "at least a cell of solvent all round",
                "widen the box or move the shape",
            )
        )
    return values


@compiled
def _settle(values: Floats, least: float, axis: Floats, low: Floats, high: Floats) -> tuple[int, int, int]:
    """Nudge values off zero; count nodes.

    Returns
    -------
    int
        The first node that is inside but out of bounds, -1 if none.
    int
        Nodes inside.
    int
        Those of them on the box or next to it.
    """
    count, dim = len(axis), len(low)
    beyond, inside, rim = -1, 0, 0
    for node in range(len(values)):
        value = values[node]
        if value < 0.0:
            values[node] = min(value, -least)
            inside += 1
            edge, out = False, False
            rest = node
            for number in range(dim - 1, -1, -1):
                place = rest % count
                rest //= count
                edge |= place < 2 or place >= count - 2
                out |= axis[place] < low[number] or axis[place] > high[number]
            rim += edge
            if out and beyond < 0:
                beyond = node
        elif value < least:
            values[node] = least
    return beyond, inside, rim


def refuse_unresolved(cut: Cut, shape: Shape, typical: float) -> None:
    """Refuse a shape whose interface the grid does not carry.

    Corners have no grid on which they are flat, so some are let pass: edges that run past the tip of something that
    soon gets a cell thick, and cut simplices in which the interface bends. They must be few.

    Raises
    ------
    GeometryError
        If a feature lies between nodes, the interface bends by more than a corner's tip, or bends nearly everywhere.
    """
    past_tips = _refuse_double_crossings(cut.grid, shape, cut.level_set, typical)
    bent = _refuse_bends(cut, shape, typical)
    if past_tips + bent > MOST_CORNERS * len(cut.simplex):
        raise GeometryError(
            explain(
                "solute",
                f"an interface that bends in {past_tips + bent} of {len(cut.simplex)} cut cells",
                f"corners in at most {MOST_CORNERS:.0%} of them",
                REMEDY,
            )
        )


def _refuse_double_crossings(grid: Grid, shape: Shape, values: Floats, typical: float) -> int:
    """Refuse features between nodes: edges whose ends lie on one side and which the interface crosses nevertheless.

    Two such edges are no feature: one that a smooth interface merely grazes, bending little and crossing it at small
    angles, and one that runs past the tip of a corner. Returns the number of the latter.
    """
    offsets = edge_offsets(grid.dim)
    # On any other edge the level set cannot reach zero between its ends.
    low, number, reach = edges_within_reach(grid, values)
    high, start = low + (offsets @ strides(grid))[number], coordinates(grid, low)
    step = np.asarray(grid.spacing * offsets[number], dtype=float)
    edge, share = _second_crossings(shape, start, step, values[low], values[high], reach[number])
    corners = 0
    # Seldom is there any; then one direction after the other.
    for direction in np.unique(number[edge]):
        chosen = number[edge] == direction
        rows, shares = edge[chosen], share[chosen]
        along = grid.spacing * offsets[direction]
        ends = (values[low[rows]], values[high[rows]])
        grazed, middle, value = _grazed(shape, start[rows], along, shares, ends, typical * grid.spacing)
        steep = np.flatnonzero(~grazed)
        thick = _thickens(shape, middle[steep], value[steep], grid.spacing, typical * grid.spacing)
        if not thick.all():
            place = middle[steep[~thick]][0].round(3).tolist()
            raise GeometryError(
                explain(
                    "solute",
                    f"an edge of the grid crossed twice near {place} Å (cell {grid.spacing:g} Å)",
                    "a shape without features thinner than a cell",
                    REMEDY,
                )
            )
        corners += len(np.unique(rows[steep]))
    return corners


def _second_crossings(
    shape: Shape, start: Floats, step: Floats, low: Floats, high: Floats, most_change: Floats
) -> tuple[Ints, Floats]:
    """Find points on the far side of the interface on edges whose ends are on one side: edge rows and shares t.

    The level set changes by at most `most_change` along an edge; so around each value there is a stretch that needs
    no look, and a stretch that is left is halved until it is shorter than `SAMPLE_STEP`.
    """
    row = np.arange(len(low))
    begin, end = np.abs(low) / most_change, 1.0 - np.abs(high) / most_change
    edges_found, shares = [row[:0]], [begin[:0]]
    while row.size:
        middle = 0.5 * (begin + end)
        value = np.asarray(shape(start[row] + middle[:, None] * step[row]), dtype=float)
        far = (value < 0) != (low[row] < 0)
        edges_found.append(row[far])
        shares.append(middle[far])
        clear = np.abs(value) / most_change[row]
        row = np.tile(row, 2)
        begin, end = np.append(begin, middle + clear), np.append(middle - clear, end)
        left = np.flatnonzero(np.tile(~far, 2) & (end - begin > SAMPLE_STEP))
        row, begin, end = row[left], begin[left], end[left]
    return np.concatenate(edges_found), np.concatenate(shares)


def _grazed(
    shape: Shape, start: Floats, step: Floats, share: Floats, ends: tuple[Floats, Floats], cell: float
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Whether edges that are crossed twice, around `share`, are only grazed; the middle between and the value there.

    `cell` is the change of the level set over a cell.
    """
    crossings = [_crossing(shape, start, step, share, end) for end in (0.0, 1.0)]
    t = 0.5 * (crossings[0] + crossings[1])
    middle = start + t[:, None] * step
    value = np.asarray(shape(middle), dtype=float)
    bend = np.abs(value - (1.0 - t) * ends[0] - t * ends[1])
    length = np.sqrt(step @ step) / step.max() * cell
    slope = np.maximum(*(_slope(shape, start, step, place) for place in crossings)) / length
    return (bend <= MOST_SAGITTA * cell) & (slope <= MOST_GRAZING_SLOPE), middle, value


def _slope(shape: Shape, start: Floats, step: Floats, share: Floats) -> Floats:
    """Size of the level set's derivative with respect to the share of the edge, shape (n,)."""
    ends = [np.asarray(shape(start + (share + move)[:, None] * step), dtype=float) for move in (-1e-4, 1e-4)]
    return np.asarray(np.abs(ends[1] - ends[0]) / 2e-4)


def _thickens(shape: Shape, tips: Floats, value: Floats, spacing: float, cell: float) -> NDArray[np.bool_]:
    """Whether what the tips lie in becomes a cell thick within reach; an island or a strip never does.

    Goes from ball to inscribed ball, always to the deepest point on its surface, so it cannot leave the feature.
    """
    dim = tips.shape[1]
    ways = _unit(np.array([way for way in product((-1.0, 0.0, 1.0), repeat=dim) if any(way)]))
    side, here, depth = np.sign(value), tips.copy(), np.abs(value)
    for _ in range(MOST_BALLS):
        around = here[:, None] + (0.9 * spacing / cell * depth)[:, None, None] * ways
        depths = (
            np.asarray(shape(around.reshape(-1, dim)), dtype=float).reshape(len(tips), len(ways))
            * side[:, None]
        )
        best = depths.argmax(axis=1)[:, None]
        near = ((around - tips[:, None]) ** 2).sum(axis=2) <= (TIP * spacing) ** 2
        move = (np.take_along_axis(depths, best, axis=1)[:, 0] > depth) & np.take_along_axis(near, best, 1)[
            :, 0
        ]
        here[move] = np.take_along_axis(around, best[..., None], axis=1)[move, 0]
        depth[move] = np.take_along_axis(depths, best, axis=1)[move, 0]
    return np.asarray(depth >= 0.5 * cell)


def _crossing(shape: Shape, start: Floats, step: Floats, share: Floats, end: float) -> Floats:
    """Share at which the edge is crossed between `share` and its end, shape (n,)."""
    found = np.tile(share, (2, 1))
    found[1] = end
    inside = level(shape, start + share[:, None] * step) < 0
    for _ in range(30):
        middle = found.mean(axis=0)
        same = (level(shape, start + middle[:, None] * step) < 0) == inside
        found = np.where([same, ~same], middle, found)
    return np.asarray(found.mean(axis=0))


def _unit(vectors: Floats) -> Floats:
    """Vectors divided by their lengths along the last axis; zero stays zero."""
    length = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def _refuse_bends(cut: Cut, shape: Shape, typical: float) -> int:
    """Compare the middles of the flat pieces with the true interface; returns the number of those that bend."""
    cell = typical * cut.grid.spacing
    middle = cut.middles()
    sagitta = np.abs(np.asarray(shape(middle), dtype=float)) / cell
    worst = int(np.argmax(sagitta))
    if sagitta[worst] > MOST_CORNER_SAGITTA:
        raise GeometryError(
            explain(
                "solute",
                f"an interface that bends by {sagitta[worst]:.2f} cells within the cell at "
                f"{middle[worst].round(3).tolist()} Å",
                f"at most {MOST_CORNER_SAGITTA} cells",
                REMEDY,
            )
        )
    return int((sagitta > MOST_SAGITTA).sum())
