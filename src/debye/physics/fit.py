"""Rows for nodes near the interface, from functions that fulfil its conditions: compiled, geometry alone, 2-D.

Near a smooth piece of Γ the curve z(t) = t + i y(t) + z₀ in its tangent's frame, y a polynomial through the true edge
roots, continues to complex t. Its inverse τ(z) is holomorphic, and real on Γ: it straightens the interface. So the
pairs

    Re τⁿ on both sides;      Im τⁿ in the solute, (ε⁻/ε⁺) Im τⁿ in the solvent

are harmonic and fulfil [u] = [ε ∂ₙu] = 0 on Γ exactly as far as the curve is known. In the solvent Δu = g in addition;
since Δ_z = |τ'|² Δ_τ, polynomials in τ with vanishing value and normal derivative on Im τ = 0 carry a g fitted to
second degree. A node's row says: its u is that of the combination of pairs that fits the other nodes of its window
best. Such schemes are Trefftz difference schemes, I. Tsukerman, A class of difference schemes with flexible local
approximation, J. Comput. Phys. 211 (2006).

All lengths are in cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REACH = 2
"""The window of a node holds the nodes no further than this along either axis."""

WINDOW = (2 * REACH + 1) ** 2

DEGREE = 6
"""Largest power n of the pairs, and degree of the curve."""

ROOTS_REACH = 3.1
"""Roots no further than this from the node along either axis fix the curve."""

LEAST_STRETCH = 0.1
"""Range of |dz/dτ|² within which a node stays in the window, and its inverse."""

FEWEST_NODES = 20
"""Nodes that a window must keep, of 25; there are 13 functions."""

LEAST_SIDE_WEIGHT = 0.1
"""Least weight of the side of smaller ε: with less, the nodes of the other side alone would predict."""

SOURCES = 6
"""Polynomials of degree two, for g."""


@compiled
def window_rows(n, inside, ring, first, roots, ratio):  # type: ignore[no-untyped-def]
    """Rows of the nodes near Γ.

    Parameters
    ----------
    n : int
        Nodes along an axis.
    inside : ndarray of bool, shape (n * n,)
        Nodes of the solute.
    ring : ndarray of int, shape (r,)
        The nodes that need a row; inner ones.
    first : ndarray of int, shape ((n-1)**2 + 1,)
        Where the roots of each cell begin.
    roots : ndarray, shape (m, 2)
        Points of Γ, cell by cell.
    ratio : float
        ε⁻/ε⁺.

    Returns
    -------
    weight : ndarray, shape (r, WINDOW)
        Row over u of the window; 0 for nodes beyond the grid.
    source : ndarray, shape (r, WINDOW)
        Row over g of the window; 0 in the solute.
    misfit : ndarray, shape (r,)
        By how much the roots miss the curve, or nodes lie on its wrong side; inf where it cannot be straightened.
    """
    count = len(ring)
    weight, source, misfit = np.zeros((count, WINDOW)), np.zeros((count, WINDOW)), np.zeros(count)
    near, curve, place = np.empty((400, 2)), np.zeros(DEGREE + 1), np.empty((WINDOW, 3))
    basis, pairs = np.empty((WINDOW + 1, 2 * DEGREE + 1)), np.empty(WINDOW)
    lying, frame = np.empty(WINDOW, dtype=np.int64), np.empty(4)
    for r in range(count):
        i, j = ring[r] // n, ring[r] % n
        found = near_roots(n - 1, i, j, first, roots, near)
        misfit[r] = fit_curve(near[:found], curve, frame)
        for k in range(WINDOW):
            a, b = i + k // (2 * REACH + 1) - REACH, j + k % (2 * REACH + 1) - REACH
            there = 0 <= a < n and 0 <= b < n
            lying[k] = (-1 if inside[a * n + b] else 1) if there else 0
        misfit[r] = max(misfit[r], straighten(curve, frame, lying, place))
        fit_pairs(lying, place, ratio, basis, pairs)
        for k in range(WINDOW):
            weight[r, k] = -pairs[k]
        weight[r, WINDOW // 2] = 1.0
        fit_source(lying, place, weight[r], source[r])
    return weight, source, misfit


@compiled
def near_roots(cells, i, j, first, roots, near):  # type: ignore[no-untyped-def]
    """Collect the roots around node (i, j), relative to it; return their number."""
    found, reach = 0, int(np.ceil(ROOTS_REACH))
    for a in range(max(i - reach, 0), min(i + reach, cells)):
        low, high = max(j - reach, 0), min(j + reach, cells)
        for k in range(first[a * cells + low], first[a * cells + high]):
            x, y = roots[k, 0] - i, roots[k, 1] - j
            if abs(x) > ROOTS_REACH or abs(y) > ROOTS_REACH or found == len(near):
                continue
            # Triangles share their roots.
            known = False
            for other in range(found):
                known |= abs(near[other, 0] - x) + abs(near[other, 1] - y) < 1e-9
            if not known:
                near[found, 0], near[found, 1] = x, y
                found += 1
    return found


@compiled
def fit_curve(near, curve, frame):  # type: ignore[no-untyped-def]
    """Fit y(t) to roots in the frame (origin, tangent) of the nearest one; return by how much they miss it."""
    best = 0
    for k in range(len(near)):
        if near[k, 0] ** 2 + near[k, 1] ** 2 < near[best, 0] ** 2 + near[best, 1] ** 2:
            best = k
    x0, y0 = near[best]
    xx, xy, yy = 0.0, 0.0, 0.0
    for k in range(len(near)):
        x, y = near[k, 0] - x0, near[k, 1] - y0
        # The nearest roots alone know the tangent where Γ bends.
        decay = 1.0 / (1.0 + x * x + y * y) ** 4
        xx, xy, yy = xx + decay * x * x, xy + decay * x * y, yy + decay * y * y
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    c, s = np.cos(angle), np.sin(angle)
    size = DEGREE + 1
    normal, right, power = np.zeros((size, size)), np.zeros(size), np.empty(size)
    for k in range(len(near)):
        x, y = near[k, 0] - x0, near[k, 1] - y0
        fill_powers((x * c + y * s) / ROOTS_REACH, power)
        add_equation(normal, right, power, y * c - x * s, 1.0 / (1.0 + x * x + y * y))
    solve_normal(normal, right)
    worst = 0.0
    for k in range(len(near)):
        x, y = near[k, 0] - x0, near[k, 1] - y0
        fill_powers((x * c + y * s) / ROOTS_REACH, power)
        worst = max(worst, abs(power @ right - (y * c - x * s)))
    for q in range(size):
        curve[q] = right[q] / ROOTS_REACH**q
    # The origin moves onto the curve.
    frame[0], frame[1], frame[2], frame[3] = x0 - curve[0] * s, y0 + curve[0] * c, c, s
    curve[0] = 0.0
    return worst


@compiled
def fill_powers(t, power):  # type: ignore[no-untyped-def]
    """1, t, t², ..."""
    power[0] = 1.0
    for q in range(1, len(power)):
        power[q] = power[q - 1] * t


@compiled
def add_equation(normal, right, row, value, weight):  # type: ignore[no-untyped-def]
    """Add one equation of a least-squares problem to its normal equations (lower half)."""
    for a in range(len(row)):
        right[a] += weight * row[a] * value
        for b in range(a + 1):
            normal[a, b] += weight * row[a] * row[b]


@compiled
def solve_normal(normal, right):  # type: ignore[no-untyped-def]
    """Solve by Cholesky's method in place; a small multiple of the unit matrix stands in for what data leave open."""
    size, trace = len(right), 0.0
    for a in range(size):
        trace += normal[a, a]
    for a in range(size):
        normal[a, a] += 1e-11 * trace
        for b in range(a):
            normal[a, a] -= normal[a, b] ** 2
        normal[a, a] = np.sqrt(normal[a, a])
        for c in range(a + 1, size):
            for b in range(a):
                normal[c, a] -= normal[c, b] * normal[a, b]
            normal[c, a] /= normal[a, a]
    for a in range(size):
        for b in range(a):
            right[a] -= normal[a, b] * right[b]
        right[a] /= normal[a, a]
    for a in range(size - 1, -1, -1):
        for b in range(a + 1, size):
            right[a] -= normal[b, a] * right[b]
        right[a] /= normal[a, a]


@compiled
def straighten(curve, frame, lying, place):  # type: ignore[no-untyped-def]
    """Re τ, Im τ (positive in the solvent) and |dz/dτ|² at the window's nodes.

    Nodes that τ does not reach, as beyond a centre of curvature, leave the window: their `lying` becomes 0. Returns by
    how much nodes lie on the wrong side; inf if too few stay.
    """
    x0, y0, c, s = frame
    up, left = 0.0, 0
    for k in range(WINDOW):
        x, y = k // (2 * REACH + 1) - REACH - x0, k % (2 * REACH + 1) - REACH - y0
        tau, stretch = invert(curve, complex(x * c + y * s, y * c - x * s))
        if not LEAST_STRETCH < stretch < 1.0 / LEAST_STRETCH:
            lying[k] = 0
        place[k, 0], place[k, 1], place[k, 2] = tau.real, tau.imag, stretch
        up += lying[k] * tau.imag
        left += abs(lying[k])
    if up < 0.0:
        place[:, :2] *= -1.0
    if left < FEWEST_NODES or lying[WINDOW // 2] == 0:
        return np.inf
    wrong = 0.0
    for k in range(WINDOW):
        wrong = max(wrong, -lying[k] * place[k, 1])
    return wrong


@compiled
def invert(curve, z):  # type: ignore[no-untyped-def]
    """τ(z) by Newton's method, and |dz/dτ|², 0 if it does not converge."""
    tau = z
    for _ in range(8):
        value, slope = 0.0j, 0.0j
        for q in range(DEGREE, 0, -1):
            value = value * tau + curve[q]
            slope = slope * tau + q * curve[q]
        slope = 1.0 + 1j * slope
        stretch = slope.real**2 + slope.imag**2
        change = (tau + 1j * value * tau - z) * slope.conjugate() / stretch
        tau -= change
        if abs(change.real) + abs(change.imag) < 1e-6:
            return tau, stretch
    return tau, 0.0


@compiled
def fit_pairs(lying, place, ratio, basis, pairs):  # type: ignore[no-untyped-def]
    """Weights with which the fitted combination of pairs gives u at the node in the middle.

    Gram and Schmidt's method, modified, without square roots: the row of the middle node is carried along.
    """
    middle, size = WINDOW // 2, 2 * DEGREE + 1
    # The larger of the two sides' coefficients is 1.
    solute, solvent = (1.0, ratio) if ratio < 1.0 else (1.0 / ratio, 1.0)
    for k in range(WINDOW + 1):
        node = middle if k == WINDOW else k
        weight = 1.0
        if k < WINDOW:
            weight = node_weight(node, lying[node], ratio) if k != middle else 0.0
        odd = weight * (solute if lying[node] < 0 else solvent)
        x, y = place[node, 0] / REACH, place[node, 1] / REACH
        real, imaginary = 1.0, 0.0
        basis[k, 0] = weight
        for q in range(1, DEGREE + 1):
            real, imaginary = real * x - imaginary * y, real * y + imaginary * x
            basis[k, 2 * q - 1], basis[k, 2 * q] = weight * real, odd * imaginary
    pairs[:] = 0.0
    product = np.empty(size)
    for q in range(size):
        product[q:] = 0.0
        for k in range(WINDOW):
            b = basis[k, q]
            for p in range(q, size):
                product[p] += b * basis[k, p]
        # What the window cannot tell from the functions before it is left out.
        inverse = 1.0 / product[q] if product[q] > 1e-20 else 0.0
        carried = basis[WINDOW, q] * inverse
        for k in range(WINDOW + 1):
            b = basis[k, q] * inverse
            if k < WINDOW:
                pairs[k] += basis[k, q] * carried
            for p in range(q + 1, size):
                basis[k, p] -= b * product[p]
    for k in range(WINDOW):
        pairs[k] *= node_weight(k, lying[k], ratio)


@compiled
def node_weight(k, lying, ratio):  # type: ignore[no-untyped-def]
    """Weight of the k-th node of a window in the fit, 0 if it is not in use.

    1/(1 + d²)² for a distance d from the middle, times √ε of the node's side over that of the other if that is larger:
    the flux is what one side hands the other, and an error of u weighs in it as ε does. That takes off a factor of 2 to
    4 in the error of the side of larger ε.
    """
    x, y = k // (2 * REACH + 1) - REACH, k % (2 * REACH + 1) - REACH
    own = ratio if lying < 0 else 1.0 / ratio
    return abs(lying) * max(min(np.sqrt(own), 1.0), LEAST_SIDE_WEIGHT) / (1.0 + x * x + y * y) ** 2


@compiled
def fit_source(lying, place, weight, source):  # type: ignore[no-untyped-def]
    """Row over g, so that weight·u + source·g = 0 for every u of Δu = g that fulfils the conditions on Γ."""
    total, normal, row = np.zeros(SOURCES), np.zeros((SOURCES, SOURCES)), np.empty(SOURCES)
    nothing = np.zeros(SOURCES)
    for k in range(WINDOW):
        if lying[k] > 0:
            x, y = place[k, 0], place[k, 1]
            particular(x, y, row)
            for q in range(SOURCES):
                total[q] -= weight[k] * row[q]
            quadratic(x, y, row)
            add_equation(normal, nothing, row, 0.0, 1.0)
    solve_normal(normal, total)
    for k in range(WINDOW):
        if lying[k] > 0:
            quadratic(place[k, 0], place[k, 1], row)
            source[k] = place[k, 2] * (total @ row)


@compiled
def quadratic(x, y, row):  # type: ignore[no-untyped-def]
    """1, x, y, x², xy, y²."""
    row[0], row[1], row[2], row[3], row[4], row[5] = 1.0, x, y, x * x, x * y, y * y


@compiled
def particular(x, y, row):  # type: ignore[no-untyped-def]
    """Functions with these Laplacians, value and normal derivative 0 on y = 0."""
    row[0], row[1], row[2] = y**2 / 2, x * y**2 / 2, y**3 / 6
    row[3], row[4], row[5] = x**2 * y**2 / 2 - y**4 / 12, x * y**3 / 6, y**4 / 12
