"""The signed distance of a shape whose level set is none."""

from __future__ import annotations

import numpy as np
import pytest

import debye
from debye.physics.cut import find_cut
from debye.physics.redistance import signed_distances

GRID = debye.Grid(cells=64, half_width=16.0)
STAR = debye.Star((0.3, -0.2), 7.0, (0.1, 0.05), (0.4, 1.0))


class Warped:
    """A star under a function that keeps its sign and no length."""

    bounds = STAR.bounds

    def __call__(self, points):
        value = STAR(points)
        return np.sinh(value) * (2.0 + np.sin(points[:, 0]))


@pytest.mark.parametrize("shape", [STAR, Warped()], ids=["distance", "warped"])
def test_it_is_the_distance_whatever_the_level_set(shape) -> None:
    found = signed_distances(find_cut(GRID, shape))
    wanted = STAR(GRID.points())
    assert (np.sign(found) == np.sign(wanted)).all()
    # Chords of at most √2 h on radii of curvature of 2 Å and more: their sagitta.
    assert abs(found - wanted).max() < 2 * GRID.spacing**2 / (8 * 2.0)


def test_it_gets_four_times_better_with_half_the_cell() -> None:
    errors = []
    for cells in (32, 64, 128):
        grid = debye.Grid(cells=cells, half_width=16.0)
        errors.append(np.sqrt(np.mean((signed_distances(find_cut(grid, STAR)) - STAR(grid.points())) ** 2)))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.4)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.4)


def test_three_dimensions_are_refused() -> None:
    cut = find_cut(debye.Grid(cells=16, half_width=8.0, dim=3), debye.Ball((0.0, 0.0, 0.0), 4.0))
    with pytest.raises(debye.GeometryError, match="is_distance = True"):
        signed_distances(cut)
