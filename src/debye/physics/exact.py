"""Exact solutions to test against: off-centre charges in a disc and a ball, the Born ion, the radial sinh problem.

Series in whole space: their values serve as boundary data on the box. Charges lie in a disc (ball) of radius a about
the origin. References: J. G. Kirkwood, J. Chem. Phys. 2 (1934), 351; M. Born, Z. Phys. 1 (1920), 45.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_bvp
from scipy.special import k0, k1, kn

from debye.parameters import Medium
from debye.physics.charges import PointCharges

Floats = NDArray[np.float64]

TERMS = 80
"""Terms of a series: (ρ/a)^80 is below 1e-12 for charges at up to 0.7 a."""


def disc_regular_potential(points: Floats, radius: float, charges: PointCharges, medium: Medium) -> Floats:
    """Regular potential w of charges in a disc, linear ions (2-D).

    Inside Σ A_n (r/a)^n cos n(θ-α), outside Σ B_n K_n(r/λ)/K_n(a/λ) cos n(θ-α), matched at r = a for each charge.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Å.
    radius : float
        a, Å.

    Returns
    -------
    ndarray, shape (n,)
    """
    r, theta = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
    rho, alpha = np.hypot(*charges.positions.T), np.arctan2(charges.positions[:, 1], charges.positions[:, 0])
    strength = medium.coupling * charges.values / (2 * np.pi * medium.eps_solute)
    w = np.zeros(len(points))
    inside = r < radius
    outer = np.where(inside, radius, r)
    for n in range(TERMS):
        if n == 0:
            coulomb, coulomb_slope = -strength * math.log(radius), -strength / radius
        else:
            coulomb = strength * (rho / radius) ** n / n
            coulomb_slope = -n * coulomb / radius
        decay, slope = _outer_disc(n, outer, radius, medium)
        # A_n + G_n = B_n u_n(a),  ε⁻(A_n n/a + G_n') = ε⁺ B_n u_n'(a), with u_n(a) = `start`.
        start = decay(np.array([radius]))[0]
        low = medium.eps_solute * n / radius
        b = (
            medium.eps_solute
            * (coulomb_slope - n / radius * coulomb)
            / (medium.eps_solvent * slope - low * start)
        )
        a = b * start - coulomb
        waves = np.cos(n * (theta[:, None] - alpha))
        radial = np.where(inside[:, None], a * ((r / radius) ** n)[:, None], b * decay(outer)[:, None])
        w += (radial * waves).sum(axis=1)
    return _finite(w)


def _finite(w: Floats) -> Floats:
    if not np.isfinite(w).all():
        raise ArithmeticError(
            "series: overflow of the Bessel functions; the Debye length is too large for the radius"
        )
    return w


def _outer_disc(n: int, r: Floats, radius: float, medium: Medium) -> tuple[Callable[[Floats], Floats], float]:
    """Decaying radial function of order n, and its slope at the interface."""
    if math.isinf(medium.debye_length):
        if n == 0:
            return (lambda x: -np.log(x)), -1.0 / radius
        return (lambda x: (radius / x) ** n), -n / radius
    scale = kn(n, radius / medium.debye_length)
    # K_n' = -(K_{n-1} + K_{n+1})/2
    before = kn(abs(n - 1), radius / medium.debye_length)
    slope = -0.5 * (before + kn(n + 1, radius / medium.debye_length)) / (medium.debye_length * scale)
    return (lambda x: kn(n, x / medium.debye_length) / scale), float(slope)


def ball_regular_potential(points: Floats, radius: float, charges: PointCharges, medium: Medium) -> Floats:
    """Regular potential w of charges in a ball, linear ions (3-D): Kirkwood's series.

    Inside Σ A_n (r/a)^n P_n(cos γ), outside Σ B_n k_n(r/λ)/k_n(a/λ) P_n(cos γ), matched at r = a for each charge.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Å.
    radius : float
        a, Å.

    Returns
    -------
    ndarray, shape (n,)
    """
    r = np.sqrt((points**2).sum(axis=1))
    inside = r < radius
    outer = np.where(inside, radius, r)
    w = np.zeros(len(points))
    for position, value in zip(charges.positions, charges.values, strict=True):
        rho = float(np.linalg.norm(position))
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = np.where(r * rho > 0, points @ position / (r * rho), 1.0)
        strength = medium.coupling * value / (4 * np.pi * medium.eps_solute)
        waves = _legendre(np.clip(cosine, -1.0, 1.0))
        power = np.ones_like(r)
        for n, (decay, slope) in zip(range(TERMS), _outer_ball(outer, radius, medium), strict=False):
            coulomb = strength * (rho / radius) ** n / radius
            low = medium.eps_solute / radius
            # A_n + G_n = B_n,  ε⁻(n A_n - (n+1) G_n)/a = ε⁺ B_n u_n'(a)
            b = -low * (2 * n + 1) * coulomb / (medium.eps_solvent * slope - low * n)
            w += np.where(inside, (b - coulomb) * power, b * decay) * next(waves)
            power *= r / radius
            if (rho / radius) ** n < np.finfo(float).eps:
                break
    return _finite(w)


def _legendre(x: Floats) -> Iterator[Floats]:
    """P_0(x), P_1(x), … by their recurrence; fresh polynomials for each n would cost a factor of ten."""
    before, here = np.zeros_like(x), np.ones_like(x)
    for n in count():
        yield here
        before, here = here, ((2 * n + 1) * x * here - n * before) / (n + 1)


def _outer_ball(r: Floats, radius: float, medium: Medium) -> Iterator[tuple[Floats, float]]:
    """Decaying radial functions of order 0, 1, …, 1 at the interface, with their slopes there."""
    if math.isinf(medium.debye_length):
        decay = np.ones_like(r)
        for n in count():
            decay = decay * (radius / r)
            yield decay, -(n + 1) / radius
    x = np.append(r, radius) / medium.debye_length
    # k_{n+1} = k_{n-1} + (2n+1)/x k_n, from k_{-1} = k_0, is stable upwards; k_n' = -k_{n-1} - (n+1)/x k_n. Only
    # ratios to the value at the interface are kept, so that nothing overflows.
    before = here = np.exp(x[-1] - x) * x[-1] / x
    for n in count():
        yield here[:-1], -float(before[-1] + (n + 1) / x[-1]) / medium.debye_length
        after = before + (2 * n + 1) / x * here
        before, here = here / after[-1], after / after[-1]


def born_energy(radius: float, charge: float, medium: Medium) -> float:
    """Reaction energy of a charge at the centre of a ball without ions, ΔG = -(C q²/8πa)(1/ε⁻ - 1/ε⁺), in kT."""
    difference = 1.0 / medium.eps_solute - 1.0 / medium.eps_solvent
    return -medium.coupling * charge**2 / (8 * np.pi * radius) * difference


def radial_potential(
    radius: float, charge: float, medium: Medium, outer: float, dim: int = 2
) -> Callable[[Floats], Floats]:
    """Radial u(r) in the solvent of a disc (ball in 3-D) with one charge at its centre, sinh ions.

    (r^(d-1) u')' = r^(d-1) sinh(u)/λ²,  -ε⁺ u'(a) |∂Ω⁻| = C q,  u'(R)/u(R) as of K0(r/λ), or of exp(-r/λ)/r in 3-D, at
    r = outer, where u is small.

    Parameters
    ----------
    radius, outer : float
        a and R, Å.
    charge : float
        e/Å; e in 3-D.
    dim : int
        d, 2 or 3.

    Returns
    -------
    callable
        r (n,) → u (n,) for a ≤ r ≤ R, to a relative tolerance of 1e-9.
    """
    length = medium.debye_length
    surface = 2 * np.pi * (dim - 1) * radius ** (dim - 1)
    flux = -medium.coupling * charge / (surface * medium.eps_solvent)

    def decaying(r: Floats) -> tuple[Floats, Floats]:
        """Solution of the linear equation and its slope over itself."""
        if dim == 2:
            return k0(r / length), -k1(r / length) / (length * k0(r / length))
        return np.exp((radius - r) / length) / r, -1.0 / length - 1.0 / r

    tail = decaying(np.array([outer]))[1][0]

    def equation(r: Floats, state: Floats) -> Floats:
        return np.vstack([state[1] / r ** (dim - 1), r ** (dim - 1) * np.sinh(state[0]) / length**2])

    def ends(first: Floats, last: Floats) -> Floats:
        return np.array(
            [first[1] / radius ** (dim - 1) - flux, last[1] / outer ** (dim - 1) - tail * last[0]]
        )

    r = np.geomspace(radius, outer, 400)
    shape, steepness = decaying(r)
    linear = flux / (shape[0] * steepness[0]) * shape
    # asinh tames the start where the linear solution is far too large.
    start = np.arcsinh(linear)
    slope = np.gradient(start, r) * r ** (dim - 1)
    found = solve_bvp(equation, ends, r, np.vstack([start, slope]), tol=1e-9, max_nodes=200_000)
    if not found.success:
        raise RuntimeError(f"radial reference: {found.message}")
    return lambda at: found.sol(at)[0]
