"""Molecules: the solvent-excluded surface of atoms rolled over by a probe, in 2-D and 3-D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from debye.errors import GeometryError, explain
from debye.physics.balls import BallUnion
from debye.physics.shapes import check_finite, check_positive, number, numbers, packed

Floats = NDArray[np.float64]

WATER = 1.4
LARGEST_PROBE = 1e6
"""Radius of the probe that stands for a water molecule, Å."""


@dataclass(frozen=True)
class Molecule:
    """Atoms and all the room between them into which a probe cannot roll: the solvent-excluded region.

    With U the union of the balls of radius r_i + p around the atoms (the solvent-accessible region, which the probe's
    centre cannot enter), the molecule is what of U lies deeper than p,

        φ(x) = p + d_U(x),   d_U the signed distance to the surface of U, negative inside,

    and its surface consists of pieces of the atoms and of the probe where it touches two atoms or more. A cavity too
    small for the probe belongs to the molecule; with p = 0 the molecule is the union of the atoms (the van der Waals
    region). The surface is that of F. M. Richards, Annu. Rev. Biophys. Bioeng. 6 (1977).

    φ is exact up to round-off, not sampled: it is continuous, 1-Lipschitz, and the signed distance to the surface,
    inside and out, but for one place: outside, near a cusp where two positions of the probe cut off each other's
    surface, the distance may be larger. For p > 0 the surface has a tangent plane everywhere but at such
    cusps; for p = 0 it has corners where atoms meet.

    Parameters
    ----------
    centers : sequence of sequences of float, shape (atoms, dim)
        Å; dim is 2 or 3. Atoms may overlap, coincide or lie apart.
    radii : sequence of float, shape (atoms,)
        Van der Waals or other radii r_i, Å.
    probe_radius : float
        p, Å; 1.4 stands for water.

    Raises
    ------
    GeometryError
        If there is no atom, a value is not finite, a radius is not positive, the probe's radius is negative, or the
        lengths do not match.

    Examples
    --------
    Two atoms; between them the probe, rolled from above, stops at (0, 4) and leaves what is below it dry.

    >>> pair = Molecule(centers=[[-3.0, 0.0], [3.0, 0.0]], radii=[3.6, 3.6], probe_radius=1.4)
    >>> pair(np.array([[0.0, 0.0], [0.0, 2.6], [0.0, 4.0], [10.0, 0.0]])).round(12) + 0.0
    array([-2.6,  0. ,  1.4,  3.4])
    """

    centers: Sequence[Sequence[float]]
    radii: Sequence[float]
    probe_radius: float = WATER
    _accessible: BallUnion = field(init=False, repr=False, compare=False)

    is_distance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            centers = np.array(self.centers, dtype=float)
        except (TypeError, ValueError):
            centers = np.empty(0)
        if centers.ndim != 2 or centers.shape[1] not in (2, 3) or not len(centers):
            raise GeometryError(
                explain(
                    "molecule centers", self.centers, "rows of 2 or of 3 coordinates", "give one row an atom"
                )
            )
        radii = numbers("molecule", "radii", self.radii)
        if len(radii) != len(centers):
            raise GeometryError(
                explain(
                    "molecule radii", f"{len(radii)} radii", f"{len(centers)}", "give one for each center"
                )
            )
        probe = number("molecule", "probe_radius", self.probe_radius)
        check_finite("molecule", centers=centers)
        check_positive("molecule", radii=radii)
        if not 0.0 <= probe <= LARGEST_PROBE:
            raise GeometryError(
                explain(
                    "molecule probe_radius",
                    self.probe_radius,
                    f"a length of 0 to {LARGEST_PROBE:g} Å",
                    "0 gives the union of the atoms",
                )
            )
        object.__setattr__(self, "centers", tuple(tuple(row) for row in centers.tolist()))
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "probe_radius", probe)
        object.__setattr__(self, "_accessible", BallUnion(centers, np.array(radii) + probe))

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        centers, radii = np.array(self.centers), np.array(self.radii)[:, None]
        return (centers - radii).min(axis=0), (centers + radii).max(axis=0)

    def level(self, points: Floats) -> Floats:
        """φ, except that a point in an atom gets its depth in that atom: same zero set and sign, and faster."""
        return self.probe_radius + self._accessible.signed_distance(points, deep=self.probe_radius)

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        return self.probe_radius + self._accessible.signed_distance(packed(points, len(self.centers[0])))
