"""Sizes of a shape as the grid's cut sees it, and sums over several places of a shape on its grid."""

import numpy as np

from debye.physics.cut import find_cut
from debye.physics.mesh import corner_views, kuhn_corners
from debye.physics.quadrature import interface_quadrature
from tests.physics.staircases import side_quadrature


def measures(shape, grid):
    """Area (volume) of solute and of solvent, and length (area) of the interface, by cut quadrature."""
    cut = find_cut(grid, shape)
    kinds = len(kuhn_corners(grid.dim))
    inside = (cut.level_set < 0).reshape(grid.shape)
    in_solute = np.stack(
        [corner_views(inside, grid, kind)[0].ravel() for kind in range(kinds)], axis=1
    ).ravel()
    uncut = np.ones(len(in_solute), dtype=bool)
    uncut[cut.simplex] = False
    solute, solvent = (
        cut.volume * (side_quadrature(cut.ell, side).weight.sum() + (uncut & (in_solute == is_in)).sum())
        for side, is_in in (("negative", True), ("positive", False))
    )
    return solute, solvent, interface_quadrature(cut.ell, cut.vertices).weight.sum()
