"""Shapes of the solute: level sets that are negative inside, with bounds.

A shape is any callable ``points (n, dim) -> (n,)`` with an attribute ``bounds`` ``(low, high)``, each of shape
(dim,). The shapes here return the signed distance in Å and say so with ``is_distance``. Where a cheaper function has
the same zero set, a shape offers it as ``level``; signs and roots use that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from debye.errors import GeometryError, explain
from debye.physics import outline, quadrics

Floats = NDArray[np.float64]


@runtime_checkable
class Shape(Protocol):
    """What a user's own shape must offer."""

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Low and high corner of a box around the shape, each of shape (dim,), Å."""
        ...

    def __call__(self, points: Floats, /) -> Floats:
        """Level set at `points` (n, dim), shape (n,): negative inside, positive outside."""
        ...


def level(shape: Shape, points: Floats) -> Floats:
    """Return the cheapest function with the shape's zero set and sign at `points`, shape (n,)."""
    cheap = getattr(shape, "level", shape)
    return np.asarray(cheap(points), dtype=float)


def values_at(function: Callable[[Floats], Floats], points: Floats) -> Floats:
    """Return the values of a shape's function at `points`, shape (n,), checked.

    Raises
    ------
    GeometryError
        If the shape's function returns anything else than n finite numbers.
    """
    found = np.asarray(function(points))
    if found.shape != (len(points),) or found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        raise GeometryError(
            explain(
                "solute",
                f"a level set that is NaN, infinite or of the wrong kind ({found.dtype} of shape {found.shape})",
                f"a finite number for each of {len(points)} points",
                "mend the shape's function",
            )
        )
    return found.astype(float)


def check_finite(shape: str, **lengths: ArrayLike) -> None:
    """Raise GeometryError unless all values are finite."""
    for name, value in lengths.items():
        try:
            found = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            found = np.array(np.nan)
        if isinstance(value, (str, bool)) or not np.isfinite(found).all():
            raise GeometryError(explain(f"{shape} {name}", value, "finite numbers", "mend the value"))


def check_positive(shape: str, **lengths: ArrayLike) -> None:
    """Raise GeometryError unless all values are finite and positive."""
    check_finite(shape, **lengths)
    for name, value in lengths.items():
        if not (np.asarray(value, dtype=float) > 0).all():
            raise GeometryError(
                explain(f"{shape} {name}", value, "a positive length in Å", "give a value > 0")
            )


def number(shape: str, name: str, value: float) -> float:
    """Return a finite number as a float; GeometryError if it is none."""
    if isinstance(value, (str, bool)) or np.ndim(value) != 0:
        raise GeometryError(explain(f"{shape} {name}", repr(value), "one number", "mend the value"))
    check_finite(shape, **{name: value})
    return float(value)


def numbers(shape: str, name: str, values: ArrayLike) -> tuple[float, ...]:
    """Return values as a tuple of floats; GeometryError if they are none."""
    try:
        found = np.atleast_1d(np.asarray(values, dtype=float))
        if found.ndim != 1:
            raise ValueError
        return tuple(float(value) for value in found)
    except (TypeError, ValueError):
        raise GeometryError(
            explain(f"{shape} {name}", values, "a list of numbers", "mend the value")
        ) from None


def _point(shape: str, center: Sequence[float], dims: tuple[int, ...]) -> tuple[float, ...]:
    found = numbers(shape, "center", center)
    if len(found) not in dims:
        expected = " or ".join(str(dim) for dim in dims)
        raise GeometryError(
            explain(f"{shape} center", center, f"{expected} coordinates", "give one for each axis")
        )
    check_finite(shape, center=found)
    return found


def packed(points: ArrayLike, dim: int) -> Floats:
    """Points as the compiled loops take them, which do not look whether they have `dim` coordinates."""
    found = np.ascontiguousarray(points, dtype=float)
    if found.ndim != 2 or found.shape[1] != dim:
        raise GeometryError(
            explain("points", f"shape {found.shape}", f"(n, {dim})", f"give {dim} coordinates each")
        )
    return found


@dataclass(frozen=True)
class Ball:
    """Disc (2-D) or ball (3-D).

    Parameters
    ----------
    center : sequence of float
        Å; its length is the dimension.
    radius : float
        Å.

    Raises
    ------
    GeometryError
        If a value is not finite or the radius is not positive.

    Examples
    --------
    >>> Ball(center=(0.0, 0.0), radius=2.0)(np.array([[3.0, 4.0]]))
    array([3.])
    """

    center: Sequence[float]
    radius: float

    is_distance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _point("ball", self.center, (2, 3)))
        object.__setattr__(self, "radius", number("ball", "radius", self.radius))
        check_positive("ball", radius=self.radius)

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        center = np.asarray(self.center)
        return center - self.radius, center + self.radius

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        points = packed(points, len(self.center))
        return np.asarray(quadrics.ball_distances(points, np.array(self.center), self.radius))


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipse (2-D) or ellipsoid (3-D); `angle` turns it in the x-y plane, counter-clockwise, in radians.

    The signed distance solves Eberly's scalar equation for the closest point by Newton's method, from the side on
    which it converges monotonically (D. Eberly, Distance from a point to an ellipsoid, Geometric Tools, 2013).

    Raises
    ------
    GeometryError
        If a value is not finite or a semi-axis is not positive.

    Examples
    --------
    >>> ellipse = Ellipsoid(center=(0.0, 0.0), semi_axes=(3.0, 1.0))
    >>> ellipse(np.array([[5.0, 0.0], [0.0, 0.0]]))
    array([ 2., -1.])
    """

    center: Sequence[float]
    semi_axes: Sequence[float]
    angle: float = 0.0

    is_distance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _point("ellipsoid", self.center, (2, 3)))
        axes = numbers("ellipsoid", "semi_axes", self.semi_axes)
        object.__setattr__(self, "semi_axes", axes)
        if len(axes) != len(self.center):
            raise GeometryError(
                explain("ellipsoid semi_axes", axes, f"{len(self.center)} lengths", "give one for each axis")
            )
        check_positive("ellipsoid", semi_axes=axes)
        object.__setattr__(self, "angle", number("ellipsoid", "angle", self.angle))

    def _rotation(self) -> Floats:
        turn = np.eye(len(self.center))
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turn[:2, :2] = [[cosine, -sine], [sine, cosine]]
        return turn

    def _frame(self) -> tuple[Floats, Floats, float, float]:
        """Center, semi-axes, cosine and sine as `quadrics` takes them."""
        return np.array(self.center), np.array(self.semi_axes), np.cos(self.angle), np.sin(self.angle)

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        center = np.asarray(self.center)
        reach = np.sqrt(((self._rotation() * np.asarray(self.semi_axes)) ** 2).sum(axis=1))
        return center - reach, center + reach

    def level(self, points: Floats) -> Floats:
        """Σ (y_i/a_i)² - 1: the zero set and sign of the distance, at a fraction of its cost."""
        return np.asarray(quadrics.ellipsoid_levels(packed(points, len(self.center)), *self._frame()))

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        return np.asarray(quadrics.ellipsoid_distances(packed(points, len(self.center)), *self._frame()))


@dataclass(frozen=True)
class Star:
    """Star r(θ) = R (1 + Σ a_k cos(kθ + p_k)), k = 2, 3, … (2-D).

    The signed distance starts from the nearest of many points of the curve and ends with Newton's method for the
    foot of the perpendicular (`debye.physics.outline`).

    Raises
    ------
    GeometryError
        If a value is not finite, the radius is not positive, or Σ|a_k| ≥ 1 (the curve would pass its centre).

    Examples
    --------
    >>> star = Star(center=(0.0, 0.0), radius=2.0, amplitudes=(0.2,), phases=(0.0,))
    >>> star(np.array([[2.4, 0.0]])).round(12) + 0.0
    array([0.])
    """

    center: Sequence[float]
    radius: float
    amplitudes: Sequence[float]
    phases: Sequence[float]

    is_distance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _point("star", self.center, (2,)))
        object.__setattr__(self, "amplitudes", numbers("star", "amplitudes", self.amplitudes))
        object.__setattr__(self, "phases", numbers("star", "phases", self.phases))
        object.__setattr__(self, "radius", number("star", "radius", self.radius))
        check_positive("star", radius=self.radius)
        check_finite("star", amplitudes=self.amplitudes, phases=self.phases)
        if len(self.amplitudes) != len(self.phases):
            raise GeometryError(
                explain(
                    "star phases", len(self.phases), f"{len(self.amplitudes)} phases", "give one an amplitude"
                )
            )
        total = sum(abs(value) for value in self.amplitudes)
        if total >= 1:
            raise GeometryError(
                explain("star amplitudes", self.amplitudes, "Σ|a_k| < 1", "make them smaller")
            )

    @cached_property
    def _outline(self) -> outline.Outline:
        return outline.outline(self.radius, np.array(self.amplitudes), np.array(self.phases))

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        center = np.asarray(self.center)
        curve = self._outline.samples[6:]
        return center + curve.min(axis=1), center + curve.max(axis=1)

    def level(self, points: Floats) -> Floats:
        """R - R(θ): the zero set and sign of the distance, at a fraction of its cost."""
        center, tables = np.array(self.center), self._outline
        return np.asarray(outline.levels(packed(points, 2), center, tables.radius, tables.modes))

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        return np.asarray(outline.distances(packed(points, 2), np.array(self.center), *self._outline))
