"""Point charges in the solute and the potential that they would have in an infinite solute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import k0

from debye.errors import ChargeError, explain
from debye.parameters import Medium
from debye.physics.compiled import compiled

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PointCharges:
    """Point charges (3-D) or charged lines along the invariant axis (2-D).

    Parameters
    ----------
    positions : array_like, shape (n, dim)
        Å.
    values : array_like, shape (n,)
        e in 3-D, e/Å in 2-D.

    Raises
    ------
    ChargeError
        If there is no charge, the shapes do not match, a number is not finite, or two charges coincide.

    Examples
    --------
    >>> len(PointCharges(positions=[[3.0, 1.0], [-2.0, -4.0]], values=[0.1, -0.05]))
    2
    """

    positions: Floats
    values: Floats

    def __init__(self, positions: ArrayLike, values: ArrayLike) -> None:
        try:
            # Copies: what is frozen below must not be the caller's own array.
            found_positions = np.array(positions, dtype=float, ndmin=2)
            found_values = np.array(values, dtype=float, ndmin=1)
        except (TypeError, ValueError):
            raise ChargeError(
                explain(
                    "charges",
                    "rows that are not numbers or differ in length",
                    "positions (n, dim), values (n,)",
                    "write each position as [x, y] or [x, y, z]",
                )
            ) from None
        if not found_values.size:
            raise ChargeError(explain("charges.values", "none", "one for each position", "give a charge"))
        if found_positions.ndim != 2 or found_positions.shape[1] not in (2, 3):
            raise ChargeError(
                explain(
                    "charges.positions",
                    f"shape {found_positions.shape}",
                    "shape (n, 2) or (n, 3), n ≥ 1",
                    "write each position as [x, y] or [x, y, z]",
                )
            )
        if found_values.shape != (len(found_positions),):
            raise ChargeError(
                explain(
                    "charges.values",
                    f"shape {found_values.shape}",
                    f"({len(found_positions)},)",
                    "give one value for each position",
                )
            )
        for name, numbers in (("positions", found_positions), ("values", found_values)):
            if not np.isfinite(numbers).all():
                raise ChargeError(
                    explain(f"charges.{name}", numbers.tolist(), "finite numbers", "mend the value")
                )
        places, first = np.unique(found_positions, axis=0, return_index=True)
        if len(places) < len(found_positions):
            twice = sorted(set(range(len(found_positions))) - set(first.tolist()))[0]
            place = found_positions[twice].tolist()
            raise ChargeError(
                explain("charges", f"two at {place} Å", "each at a place of its own", "add their values")
            )
        found_positions.setflags(write=False)
        found_values.setflags(write=False)
        object.__setattr__(self, "positions", found_positions)
        object.__setattr__(self, "values", found_values)

    def __len__(self) -> int:
        """Number of charges."""
        return len(self.values)

    @property
    def dim(self) -> int:
        """Number of space dimensions."""
        return int(self.positions.shape[1])


def _distances(points: Floats, charges: PointCharges) -> Floats:
    """Distances from charges to points, shape (n, m)."""
    return np.asarray(np.sqrt(((points[:, None, :] - charges.positions) ** 2).sum(axis=2)))


@compiled
def _sum_kernels(points, positions, values, result):  # type: ignore[no-untyped-def]
    """Result_n = Σ q_i k(|x_n - x_i|), k(r) = -ln r in 2-D and 1/r in 3-D; infinite at a charge."""
    dim = points.shape[1]
    for n in range(len(points)):
        total = 0.0
        for i in range(len(values)):
            # A charge of zero is no charge, on a node too: 0 · inf must not appear.
            if values[i] != 0.0:
                square = 0.0
                for axis in range(dim):
                    square += (points[n, axis] - positions[i, axis]) ** 2
                kernel = -0.5 * np.log(square) if dim == 2 else 1.0 / np.sqrt(square)
                total += values[i] * kernel
        result[n] = total


@compiled
def _sum_gradients(points, positions, values, result):  # type: ignore[no-untyped-def]
    """Result_n = -Σ q_i (x_n - x_i) / |x_n - x_i|^d."""
    dim = points.shape[1]
    gap = np.empty(dim)
    for n in range(len(points)):
        for i in range(len(values)):
            square = 0.0
            for axis in range(dim):
                gap[axis] = points[n, axis] - positions[i, axis]
                square += gap[axis] ** 2
            weight = values[i] / (square if dim == 2 else square * np.sqrt(square))
            for axis in range(dim):
                result[n, axis] -= weight * gap[axis]


def coulomb_potential(points: Floats, charges: PointCharges, medium: Medium) -> Floats:
    """Potential G of the charges in an infinite medium with the solute's permittivity.

    -(C/2πε⁻) Σ q_i ln(|x-x_i| / 1 Å) in 2-D, (C/4πε⁻) Σ q_i / |x-x_i| in 3-D.

    Parameters
    ----------
    points : ndarray, shape (n, dim)
        Å.

    Returns
    -------
    ndarray, shape (n,)
        In kT/e; infinite, with the sign of the charge, at a charge.
    """
    result = np.empty(len(points))
    strength = charges.values * (medium.coupling / (2 * np.pi * (charges.dim - 1) * medium.eps_solute))
    _sum_kernels(points, charges.positions, strength, result)
    return result


def coulomb_gradient(points: Floats, charges: PointCharges, medium: Medium) -> Floats:
    """Gradient of `coulomb_potential`, shape (n, dim), in kT/e/Å."""
    result = np.zeros(points.shape)
    strength = charges.values * (medium.coupling / (2 * np.pi * (charges.dim - 1) * medium.eps_solute))
    _sum_gradients(points, charges.positions, strength, result)
    return result


def debye_huckel_potential(points: Floats, charges: PointCharges, medium: Medium) -> Floats:
    """Superposed potentials of the charges in an infinite solvent, the usual boundary values.

    (C/2πε⁺) Σ q_i K0(r/λ_D) in 2-D, (C/4πε⁺) Σ q_i exp(-r/λ_D)/r in 3-D; without ions the Coulomb potential in ε⁺.

    Parameters
    ----------
    points : ndarray, shape (n, dim)
        Å, away from the charges.

    Returns
    -------
    ndarray, shape (n,)
    """
    distance = _distances(points, charges)
    if charges.dim == 3:
        kernel = np.exp(-distance / medium.debye_length) / (4 * np.pi * distance)
    elif math.isinf(medium.debye_length):
        kernel = -np.log(distance) / (2 * np.pi)
    else:
        kernel = k0(distance / medium.debye_length) / (2 * np.pi)
    return np.asarray(medium.coupling / medium.eps_solvent * (kernel @ charges.values))
