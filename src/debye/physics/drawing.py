"""Random shapes: one draw of each kind of family, and the names under which a data set keeps their parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.errors import GeometryError, explain
from debye.families import BallFamily, EllipsoidFamily, Family, MoleculeFamily, StarFamily
from debye.physics.molecule import Molecule
from debye.physics.shapes import Ball, Ellipsoid, Shape, Star
from debye.physics.solution import shape_parameters

Floats = NDArray[np.float64]

MOST_GROWN = 200
"""Molecules grown for one draw, and places tried for one atom, after which the draw is refused."""


def draw_shape(family: Family, dim: int, random: np.random.Generator) -> Shape:
    """Draw a shape of a family.

    Parameters
    ----------
    family : BallFamily, EllipsoidFamily, StarFamily or MoleculeFamily
        Ranges; every parameter is uniform in its range.
    dim : int
        Number of space dimensions.
    random : numpy.random.Generator

    Returns
    -------
    Shape

    Raises
    ------
    GeometryError
        If no molecule in `MOST_GROWN` stays within the family's reach.
    """
    center = tuple(random.uniform(*family.offset, size=dim))
    if isinstance(family, BallFamily):
        return Ball(center, float(random.uniform(*family.radius)))
    if isinstance(family, EllipsoidFamily):
        longer = float(random.uniform(*family.semi_axis))
        shorter = longer * float(random.uniform(*family.aspect))
        return Ellipsoid(center, (longer, shorter), float(random.uniform(0.0, np.pi)))
    if isinstance(family, MoleculeFamily):
        return _draw_molecule(family, np.array(center), random)
    return _draw_star(family, center, random)


def parameter_names(family: Family, dim: int) -> list[str]:
    """Names of the parameters of a family's shapes, in the order of `geometry_parameter`.

    Molecules of a family differ in their number of parameters: these are the names for the most atoms.

    Examples
    --------
    >>> from debye.families import ChargeSampling
    >>> charges = ChargeSampling(count=(1, 1), magnitude=(0.1, 0.1), clearance=1.0)
    >>> parameter_names(BallFamily(kind="ball", radius=(5, 8), charges=charges), dim=2)
    ['center_x', 'center_y', 'radius']
    """
    if isinstance(family, MoleculeFamily):
        most = family.atoms[1]
        return list(shape_parameters(Molecule(np.zeros((most, dim)).tolist(), [1.0] * most)))
    # Every shape of another family has the same parameters.
    return list(shape_parameters(draw_shape(family, dim, np.random.default_rng(0))))


def parameter_row(shape: Shape, names: list[str]) -> list[float]:
    """Parameters of a shape under the names of its family; NaN where the shape has none of that name.

    Examples
    --------
    >>> parameter_row(Ball((1.0, 2.0), 3.0), ["center_x", "radius", "other"])
    [1.0, 3.0, nan]
    """
    parameters = shape_parameters(shape)
    return [parameters.get(name, np.nan) for name in names]


def _draw_star(family: StarFamily, center: tuple[float, ...], random: np.random.Generator) -> Star:
    radius = float(random.uniform(*family.radius))
    # High modes are damped like 1/k, so that the curvature does not grow with the number of modes.
    modes = random.uniform(-1.0, 1.0, family.modes) / np.arange(2, family.modes + 2)
    amplitudes = modes * random.uniform(*family.amplitude) / np.abs(modes).sum()
    return Star(center, radius, tuple(amplitudes), tuple(random.uniform(0.0, 2 * np.pi, family.modes)))


def _draw_molecule(family: MoleculeFamily, center: Floats, random: np.random.Generator) -> Molecule:
    """A molecule that stays within the family's reach; those that do not are drawn again from the same stream."""
    for _ in range(MOST_GROWN):
        count = int(random.integers(family.atoms[0], family.atoms[1] + 1))
        radii = random.uniform(*family.radius, count)
        places = _grow(family, radii, len(center), random)
        if places is None:
            continue
        places -= places.mean(axis=0)
        if (np.linalg.norm(places, axis=1) + radii).max() <= family.reach:
            return Molecule((places + center).tolist(), radii.tolist(), family.probe_radius)
    raise GeometryError(
        explain(
            "molecule",
            f"none of {MOST_GROWN} within its reach",
            f"an extent of at most {family.reach:g} Å",
            "raise reach, or lower the number of atoms or their radii",
        )
    )


def _grow(family: MoleculeFamily, radii: Floats, dim: int, random: np.random.Generator) -> Floats | None:
    """Centres of atoms of these radii, shape (atoms, dim), the first at the origin; None where one found no place."""
    places = np.zeros((1, dim))
    while len(places) < len(radii):
        done, radius = len(places), radii[len(places)]
        for _ in range(MOST_GROWN):
            parent = int(random.integers(done))
            direction = random.normal(size=dim)
            apart = random.uniform(*family.bond) * (radius + radii[parent])
            place = places[parent] + apart * direction / np.linalg.norm(direction)
            least = family.bond[0] * (radius + radii[:done])
            # The parent is as near as the bond says, up to round-off.
            least[parent] = 0.0
            if (np.linalg.norm(places - place, axis=1) >= least).all():
                places = np.vstack([places, place])
                break
        else:
            return None
    return places
