"""A solute on a grid: what is made of it once for all charge sets, when it is asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from debye.errors import GeometryError, explain
from debye.parameters import Grid, Medium
from debye.physics.algebra import System
from debye.physics.assembly import Discretisation, discretise_cut
from debye.physics.cut import Cut, find_cut
from debye.physics.redistance import signed_distances
from debye.physics.shapes import Shape
from debye.surrogate.flags import shape_features
from debye.threads import one_thread

Floats = NDArray[np.float64]

MOST_STEEP = 1.2
"""Change of a level set over an Å, or its inverse, beyond which it is no distance."""

AWAY = 0.2
"""Cells from Γ from which on that change is looked at: nearer, how Γ bends counts as much."""


class Geometry:
    """A solute on the network's grid and in its medium.

    A prediction needs the level set and the certainty that the grid resolves the shape, which the cut simplices give;
    the certificate needs the discrete equation and its multigrid hierarchy.

    Raises
    ------
    GeometryError
        At first use, if the grid does not resolve the shape, or it leaves the box.
    """

    def __init__(self, grid: Grid, solute: Shape, medium: Medium) -> None:
        self.grid = grid
        self.solute = solute
        self.medium = medium

    @cached_property
    def cut(self) -> Cut:
        """The cut simplices; finding them is what looks whether the grid resolves the shape."""
        with one_thread():
            return find_cut(self.grid, self.solute)

    @cached_property
    def level_set(self) -> Floats:
        """Signed distance at the nodes, shape (cells+1,)*dim, Å.

        That is what the networks were trained on. A level set that does not say that it is a distance is not taken
        for one: in the place of its values stands the distance to the interface that it has on the grid.
        """
        cut = self.cut
        flat = cut.level_set
        if not getattr(self.solute, "is_distance", False):
            with one_thread():
                flat = signed_distances(cut)
        else:
            # ℓ is the distance to the flat piece of Γ in each cut simplex.
            values, lengths = np.abs(flat[cut.nodes]), np.abs(cut.ell)
            away = lengths > AWAY * self.grid.spacing
            steepness = float(np.median(values[away] / lengths[away]))
            if not 1 / MOST_STEEP < steepness < MOST_STEEP:
                raise GeometryError(
                    explain(
                        "solute",
                        f"a level set that says that it is a distance and changes by {steepness:.3g} in an Å",
                        "1",
                        "take is_distance away, or divide",
                    )
                )
        return flat.reshape(self.grid.shape)

    @cached_property
    def discretisation(self) -> Discretisation:
        """The discrete equation."""
        with one_thread():
            return discretise_cut(self.cut, self.medium, "auto")

    @cached_property
    def system(self) -> System:
        """Its algebra."""
        with one_thread():
            return System(self.discretisation)

    @cached_property
    def edge(self) -> Floats:
        """Places of the nodes on the box, shape (boundary nodes, dim), Å."""
        return self.grid.points()[~self.discretisation.interior]

    @cached_property
    def features(self) -> dict[str, float]:
        """Size and roughness of the solute, see `debye.surrogate.flags`."""
        return shape_features(self.level_set[None], self.grid)[0]

    def forget(self) -> None:
        """Let go of equation and hierarchy; they are made again where they are asked for."""
        for name in ("discretisation", "system", "edge"):
            self.__dict__.pop(name, None)
