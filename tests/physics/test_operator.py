"""The matrix-free operator against the matrix, put together in another way."""

import numpy as np
import pytest

import debye
from debye.parameters import Grid, Medium
from debye.physics.assembly import discretise
from debye.physics.operator import row_offsets

STAR = debye.Star((0.3, -0.4), 7.0, (0.2, 0.12, -0.05), (0.4, 2.0, 1.0))
CASES = {
    "star": (Grid(cells=40, half_width=12.0, dim=2), STAR),
    # A solute a cell from the box: rows of special nodes then reach to the box and, with zeros, beyond it.
    "wide": (Grid(cells=17, half_width=10.0, dim=2), debye.Ball((0.1, -0.2), 8.4)),
    "ball": (Grid(cells=12, half_width=6.0, dim=3), debye.Ball((0.1, -0.2, 0.05), 3.0)),
    "ellipsoid": (
        Grid(cells=13, half_width=6.0, dim=3),
        debye.Ellipsoid((0.0, 0.1, 0.2), (4.8, 2.0, 3.0), 0.4),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.mark.parametrize("variant", ["symmetric", "incomplete", "nonsymmetric"])
@pytest.mark.parametrize("eps", [(2.0, 80.0), (1000.0, 1.0)])
def test_product_is_that_of_the_matrix(case, variant, eps):
    medium = Medium(eps_solute=eps[0], eps_solvent=eps[1])
    discretisation = discretise(*case, medium, 1.5, variant)
    x = np.random.default_rng(3).normal(size=discretisation.interior.size)
    found, expected = discretisation.operator @ x, discretisation.stiffness @ x
    inner = discretisation.interior
    np.testing.assert_allclose(found[inner], expected[inner], rtol=0, atol=1e-12 * np.abs(expected).max())
    assert not found[~inner].any()


def test_diagonal_is_that_of_the_matrix(case):
    discretisation = discretise(*case, Medium(), "auto")
    inner = discretisation.interior
    expected = discretisation.stiffness.diagonal()[inner]
    np.testing.assert_allclose(discretisation.operator.diagonal[inner], expected, rtol=1e-13)


def test_vertex_rule_shares_out_the_whole_solvent(case):
    grid, shape = case
    discretisation = discretise(grid, shape, Medium(), "auto")
    cut = discretisation.cut
    volume = discretisation.lumped / Medium().screening
    assert not volume[cut.level_set < 0].any()
    assert (volume[cut.level_set > 0] > 0).all()
    # Node by node against a sum over all simplices of the grid.
    by_hand = np.zeros(volume.size)
    sizes = dict(zip(cut.simplex.tolist(), 1.0 - discretisation.elements.share_negative, strict=True))
    from debye.physics.mesh import kuhn_corners, strides

    kinds = kuhn_corners(grid.dim)
    for number, low in enumerate(np.ndindex(*(grid.cells,) * grid.dim)):
        for kind, corners in enumerate(kinds):
            nodes = (np.array(low) + corners) @ strides(grid)
            solvent = nodes[cut.level_set[nodes] > 0]
            if len(solvent):
                share = sizes.get(number * len(kinds) + kind, 1.0) * cut.volume / len(solvent)
                by_hand[solvent] += share
    np.testing.assert_allclose(volume, by_hand, rtol=1e-12)


def test_rows_reach_no_further_than_two_cells():
    cells = 50
    for dim, count in ((2, 13), (3, 27)):
        offsets = row_offsets(dim, cells)
        assert offsets[0] == 0
        assert len(offsets) == len(set(offsets.tolist())) == count
        assert sorted(offsets) == sorted(-offsets)
