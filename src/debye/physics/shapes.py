"""Shapes of the solute: level sets that are negative inside, with bounds.

A shape is any callable ``points (n, dim) -> (n,)`` with an attribute ``bounds`` ``(low, high)``, each of shape
(dim,). The shapes here return the signed distance in Å and say so with ``is_distance``. Where a cheaper function has
the same zero set, a shape offers it as ``level``; signs and roots use that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from debye.errors import GeometryError, explain

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
        return np.asarray(np.sqrt(((points - np.asarray(self.center)) ** 2).sum(axis=1)) - self.radius)


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

    def _local(self, points: Floats) -> Floats:
        return np.asarray((points - np.asarray(self.center)) @ self._rotation())

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        center = np.asarray(self.center)
        reach = np.sqrt(((self._rotation() * np.asarray(self.semi_axes)) ** 2).sum(axis=1))
        return center - reach, center + reach

    def level(self, points: Floats) -> Floats:
        """Σ (y_i/a_i)² - 1: the zero set and sign of the distance, at a fraction of its cost."""
        return np.asarray(((self._local(points) / np.asarray(self.semi_axes)) ** 2).sum(axis=1) - 1.0)

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        axes = np.asarray(self.semi_axes)
        # On an axis of symmetry the closest point is a limit: a nudge far below round-off of the result takes it.
        y = np.maximum(np.abs(self._local(points)), 1e-14 * axes.min())
        # F(s) = Σ (a_i y_i/(s + a_i² - min a²))² - 1 falls and is convex on s > 0: start left of its root. Writing it
        # in s and not in s - min a² keeps the digits of a small s.
        excess = axes**2 - axes.min() ** 2
        s = (axes * y - excess).max(axis=1)
        for _ in range(100):
            ratio = axes * y / (s[:, None] + excess)
            value = (ratio**2).sum(axis=1) - 1.0
            step = value / (2 * (ratio**2 / (s[:, None] + excess)).sum(axis=1))
            s = s + step
            if (np.abs(step) <= 1e-14 * s).all():
                break
        closest = axes**2 * y / (s[:, None] + excess)
        distance = np.sqrt(((y - closest) ** 2).sum(axis=1))
        return np.asarray(np.where(self.level(points) < 0, -distance, distance))


@dataclass(frozen=True)
class Star:
    """Star r(θ) = R (1 + Σ a_k cos(kθ + p_k)), k = 2, 3, … (2-D).

    The signed distance starts from the nearest of many points of the curve and ends with Newton's method for the
    foot of the perpendicular.

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
    _tree: cKDTree = field(init=False, repr=False, compare=False)

    is_distance: ClassVar[bool] = True
    SAMPLES: ClassVar[int] = 1024

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
        theta = np.linspace(0.0, 2 * np.pi, self.SAMPLES, endpoint=False)
        object.__setattr__(self, "_tree", cKDTree(self._curve(theta)[0]))

    def _radius(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """R(θ) and its first two derivatives."""
        value, first, second = np.ones_like(theta), np.zeros_like(theta), np.zeros_like(theta)
        for k, (amplitude, phase) in enumerate(zip(self.amplitudes, self.phases, strict=True), start=2):
            cosine, sine = amplitude * np.cos(k * theta + phase), amplitude * np.sin(k * theta + phase)
            value += cosine
            first -= k * sine
            second -= k * k * cosine
        return self.radius * value, self.radius * first, self.radius * second

    def _curve(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """γ(θ) - center and its first two derivatives, each of shape (n, 2)."""
        radius, first, second = self._radius(theta)
        along = np.stack([np.cos(theta), np.sin(theta)], axis=1)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        return (
            radius[:, None] * along,
            first[:, None] * along + radius[:, None] * across,
            (second - radius)[:, None] * along + 2 * first[:, None] * across,
        )

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """See `Shape.bounds`."""
        center = np.asarray(self.center)
        curve = self._curve(np.linspace(0.0, 2 * np.pi, self.SAMPLES, endpoint=False))[0]
        return center + curve.min(axis=0), center + curve.max(axis=0)

    def level(self, points: Floats) -> Floats:
        """R - R(θ): the zero set and sign of the distance, at a fraction of its cost."""
        local = points - np.asarray(self.center)
        theta = np.arctan2(local[:, 1], local[:, 0])
        return np.asarray(np.hypot(local[:, 0], local[:, 1]) - self._radius(theta)[0])

    def __call__(self, points: Floats) -> Floats:
        """Signed distance, shape (n,), Å."""
        local = points - np.asarray(self.center)
        spacing = 2 * np.pi / self.SAMPLES
        theta: Floats = np.asarray(self._tree.query(local)[1] * spacing, dtype=float)
        for _ in range(4):
            curve, tangent, bend = self._curve(theta)
            gap = curve - local
            slope = (tangent**2).sum(axis=1) + (gap * bend).sum(axis=1)
            # Where the foot is not unique (the medial axis) the slope vanishes: the nearest sample is good enough.
            step = np.where(slope > 0, (gap * tangent).sum(axis=1) / np.where(slope > 0, slope, 1.0), 0.0)
            theta = theta - np.clip(step, -spacing, spacing)
        distance = np.sqrt(((self._curve(theta)[0] - local) ** 2).sum(axis=1))
        return np.asarray(np.where(self.level(points) < 0, -distance, distance))
