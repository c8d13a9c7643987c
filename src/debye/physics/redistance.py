"""The signed distance to an interface at the nodes, where the shape's own level set is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.errors import GeometryError, explain
from debye.physics.compiled import compiled
from debye.physics.cut import Cut
from debye.physics.mesh import node_points

Floats = NDArray[np.float64]


def signed_distances(cut: Cut) -> Floats:
    """Distance of every node to the interface as the grid carries it, negative in the solute.

    The interface is the polygon through the roots of the level set on the edges of the grid: off the true one by
    h²/4R at most, R its radius of curvature.

    Parameters
    ----------
    cut : Cut
        In 2-D.

    Returns
    -------
    ndarray, shape (nodes,)
        Å.

    Raises
    ------
    GeometryError
        In 3-D, where the pieces are triangles and quadrilaterals.

    Examples
    --------
    >>> import debye
    >>> from debye.physics.cut import find_cut
    >>> grid, ball = debye.Grid(cells=64, half_width=16.0), debye.Ball((0.0, 0.0), 8.0)
    >>> cut = find_cut(grid, ball)
    >>> bool(abs(signed_distances(cut) - ball(grid.points())).max() < 0.5**2 / (4 * 8.0))
    True
    """
    if cut.grid.dim != 2:
        raise GeometryError(
            explain(
                "solute",
                "a level set in 3-D that is no distance",
                "one that is",
                "give it is_distance = True",
            )
        )
    places = np.einsum("nkv,nvx->nkx", cut.edge_points(), cut.vertices)
    start = places[:, 0]
    # An interface through a vertex has one root alone.
    along = np.nan_to_num(places[:, 1] - start)
    nearest = _nearest(node_points(cut.grid), start, along)
    return np.asarray(np.where(cut.level_set < 0, -1.0, 1.0) * nearest)


@compiled
def _nearest(points: Floats, start: Floats, along: Floats) -> Floats:
    """Distance of each point to the nearest of the lines from `start` to `start + along`, shape (n,)."""
    found = np.empty(len(points))
    for number in range(len(points)):
        least = np.inf
        for piece in range(len(start)):
            x, y = points[number, 0] - start[piece, 0], points[number, 1] - start[piece, 1]
            length = along[piece, 0] ** 2 + along[piece, 1] ** 2
            share = 0.0
            if length > 0.0:
                share = min(max((x * along[piece, 0] + y * along[piece, 1]) / length, 0.0), 1.0)
            x -= share * along[piece, 0]
            y -= share * along[piece, 1]
            least = min(least, x * x + y * y)
        found[number] = np.sqrt(least)
    return found
