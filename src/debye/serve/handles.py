"""Handles: the points by which a solute is dragged, and the solute that belongs to a handle's new place.

The first handle of a ball, an ellipse and a star is its centre; a molecule's handles are its atoms. A star has twelve
more around it: their radii are turned into its Fourier amplitudes, modes 2 to 6; mode 1 moves the centre.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from debye.errors import ConfigError, explain
from debye.physics.molecule import Molecule
from debye.physics.shapes import Ball, Ellipsoid, Star
from debye.serve.drawing import MOST_ATOMS, Family, Solute, bounded

Floats = NDArray[np.float64]

AROUND = 12
"""Handles around a star."""
MODES = AROUND // 2
"""Highest Fourier mode that they determine."""
LEAST = 0.5
"""Shortest radius or semi-axis that a handle can give, Å; whether the grid resolves it is the solver's to say."""


def first_of(family: Family) -> Solute:
    """Solute with which a family starts on the page."""
    if family == "ball":
        return Ball((0.0, 0.0), 8.0)
    if family == "ellipsoid":
        return Ellipsoid((0.0, 0.0), (9.5, 6.0), 0.4)
    if family == "star":
        return Star((0.0, 0.0), 8.0, (0.08, 0.12, 0.0, 0.05, 0.0), (0.6, 1.2, 0.0, 2.0, 0.0))
    return Molecule(((-4.0, -1.0), (2.5, -2.0), (1.5, 4.0)), (4.5, 4.5, 4.0))


def handles(solute: Solute) -> list[tuple[str, float, float]]:
    """Name and place of each handle, Å.

    Examples
    --------
    >>> handles(Ball((1.0, 0.0), 8.0))
    [('centre', 1.0, 0.0), ('radius', 9.0, 0.0)]
    """
    if isinstance(solute, Molecule):
        return [(f"atom {number}", *place) for number, place in enumerate(_pairs(solute.centers))]
    x, y = solute.center
    found = [("centre", x, y)]
    if isinstance(solute, Ball):
        return [*found, ("radius", x + solute.radius, y)]
    if isinstance(solute, Ellipsoid):
        long, short = solute.semi_axes
        cosine, sine = math.cos(solute.angle), math.sin(solute.angle)
        first = ("first semi-axis", x + long * cosine, y + long * sine)
        return [*found, first, ("second semi-axis", x - short * sine, y + short * cosine)]
    for degrees, radius in zip(range(0, 360, 360 // AROUND), radii(solute).tolist(), strict=True):
        angle = math.radians(degrees)
        place = x + radius * math.cos(angle), y + radius * math.sin(angle)
        found.append((f"outline at {degrees}°", *place))
    return found


def dragged(solute: Solute, number: int, x: float, y: float, reach: float) -> Solute:
    """The solute with a handle dragged towards (x, y).

    Parameters
    ----------
    solute : Solute
    number : int
        Handle, as in `handles`.
    x, y : float
        Where it is dragged to, Å.
    reach : float
        Half width of the box.

    Raises
    ------
    DebyeError
        If there is no such solute.
    """
    x, y = bounded("x", x, -reach, reach), bounded("y", y, -reach, reach)
    if isinstance(solute, Molecule):
        places = [*_pairs(solute.centers)]
        places[number] = (x, y)
        return Molecule(places, solute.radii, solute.probe_radius)
    if number == 0:
        return replace(solute, center=(x, y))
    dx, dy = x - solute.center[0], y - solute.center[1]
    if isinstance(solute, Ball):
        return replace(solute, radius=max(math.hypot(dx, dy), LEAST))
    if isinstance(solute, Ellipsoid):
        return _turned(solute, number, dx, dy)
    angle = 2 * np.pi * (number - 1) / AROUND
    around = radii(solute)
    # Along its ray only.
    around[number - 1] = max(dx * math.cos(angle) + dy * math.sin(angle), LEAST)
    return star_of(solute.center[0], solute.center[1], around)


def _turned(solute: Ellipsoid, number: int, dx: float, dy: float) -> Ellipsoid:
    """Ellipse whose semi-axis `number`, 1 or 2, ends at (dx, dy) from its centre; the other keeps its length."""
    axes = list(solute.semi_axes)
    axes[number - 1] = max(math.hypot(dx, dy), LEAST)
    angle = math.atan2(dy, dx) - (0.5 * math.pi if number == 2 else 0.0)
    return replace(solute, semi_axes=tuple(axes), angle=math.remainder(angle, 2 * math.pi))


def radii(star: Star) -> Floats:
    """Radii of a star in the directions of its handles, shape (12,), Å."""
    angle = 2 * np.pi * np.arange(AROUND) / AROUND
    modes = np.arange(2, len(star.amplitudes) + 2)
    waves = np.cos(np.outer(angle, modes) + np.array(star.phases))
    return np.asarray(star.radius * (1.0 + waves @ np.array(star.amplitudes)))


def star_of(x: float, y: float, around: Floats) -> Star:
    """Star with these radii around (x, y), shape (12,): their mean and modes 2 to 6.

    A star has no mode 1, which to first order is a shift: the centre moves by it.

    Examples
    --------
    >>> star = star_of(0.0, 0.0, np.full(AROUND, 8.0))
    >>> star.radius, max(star.amplitudes) < 1e-12
    (8.0, True)
    """
    waves = np.fft.rfft(around) / AROUND
    # Every mode stands for its negative one too, except the highest, which is its own.
    waves[1:MODES] *= 2
    radius = float(waves[0].real)
    amplitudes, phases = np.abs(waves[2:]) / radius, np.angle(waves[2:])
    center = (x + float(waves[1].real), y - float(waves[1].imag))
    return Star(center, radius, tuple(amplitudes.tolist()), tuple(phases.tolist()))


def with_atom(solute: Molecule) -> Molecule:
    """One atom more, beside the last one.

    Raises
    ------
    ConfigError
        If there are `MOST_ATOMS` already.
    """
    count = len(solute.radii)
    if count >= MOST_ATOMS:
        raise ConfigError(explain("atoms", f"{count} and one more", f"at most {MOST_ATOMS}", "remove one"))
    (x, y), radius = _pairs(solute.centers)[-1], solute.radii[-1]
    # Towards the middle of the box, where there is room.
    turn = math.atan2(-y, -x) if (x, y) != (0.0, 0.0) else 0.0
    place = (x + radius * math.cos(turn), y + radius * math.sin(turn))
    return Molecule((*_pairs(solute.centers), place), (*solute.radii, radius), solute.probe_radius)


def without_atom(solute: Molecule, number: int) -> Molecule:
    """One atom less.

    Raises
    ------
    ConfigError
        If it is the last one.
    """
    if len(solute.radii) == 1:
        raise ConfigError(explain("atoms", "none left", "at least one", "add another one first"))
    places, sizes = _pairs(solute.centers), list(solute.radii)
    del places[number], sizes[number]
    return Molecule(places, sizes, solute.probe_radius)


def with_radius(solute: Molecule, number: int, radius: float, reach: float) -> Molecule:
    """The same with another radius of an atom."""
    sizes = list(solute.radii)
    sizes[number] = bounded("radius", radius, LEAST, reach)
    return Molecule(solute.centers, sizes, solute.probe_radius)


def _pairs(centers: object) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in centers]  # type: ignore[attr-defined]
