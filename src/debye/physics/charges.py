"""Point charges in the solute and the potential that they would have in an infinite solute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import k0

from debye.errors import ChargeError, explain
from debye.parameters import Medium

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


def _gaps(points: Floats, charges: PointCharges) -> tuple[Floats, Floats]:
    """Vectors from charges to points, shape (n, m, dim), and their lengths, shape (n, m)."""
    gap = points[:, None, :] - charges.positions
    return gap, np.sqrt((gap**2).sum(axis=2))


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
    distance = _gaps(points, charges)[1]
    with np.errstate(divide="ignore"):
        if charges.dim == 2:
            kernel = -np.log(distance) / (2 * np.pi)
        else:
            kernel = 1.0 / (4 * np.pi * distance)
    # A charge of zero is no charge, on a node too: 0 · inf must not appear.
    each = np.where(charges.values == 0, 0.0, kernel) * charges.values
    return np.asarray(medium.coupling / medium.eps_solute * each.sum(axis=1))


def coulomb_gradient(points: Floats, charges: PointCharges, medium: Medium) -> Floats:
    """Gradient of `coulomb_potential`, shape (n, dim), in kT/e/Å."""
    gap, distance = _gaps(points, charges)
    scale = -medium.coupling / medium.eps_solute / (2 * np.pi * (charges.dim - 1))
    weight = scale * charges.values / distance**charges.dim
    return np.asarray((weight[:, :, None] * gap).sum(axis=1))


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
    distance = _gaps(points, charges)[1]
    if charges.dim == 3:
        kernel = np.exp(-distance / medium.debye_length) / (4 * np.pi * distance)
    elif math.isinf(medium.debye_length):
        kernel = -np.log(distance) / (2 * np.pi)
    else:
        kernel = k0(distance / medium.debye_length) / (2 * np.pi)
    return np.asarray(medium.coupling / medium.eps_solvent * (kernel @ charges.values))
