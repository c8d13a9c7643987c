"""Integrals of the form over cut simplices and facets, compiled; the formulas stand in `debye.physics.assembly`.

Everything is piecewise affine on a cut simplex, so that a gradient on either side and a few measures are all there is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def energies(negative: Floats, positive: Floats, low: Floats, high: Floats) -> Floats:
    """∫_T ε∇ψ_i·∇ψ_j of functions with the given gradients on the two sides.

    Parameters
    ----------
    negative, positive : ndarray, shape (n, d+1, d)
        ∇ψ_i on T⁻ and T⁺.
    low, high : ndarray, shape (n,)
        ε⁻|T⁻| and ε⁺|T⁺|.

    Returns
    -------
    ndarray, shape (n, d+1, d+1)
    """
    count, corners, dim = negative.shape
    found = np.empty((count, corners, corners))
    for row in range(count):
        for i in range(corners):
            for j in range(i, corners):
                below, above = 0.0, 0.0
                for axis in range(dim):
                    below += negative[row, i, axis] * negative[row, j, axis]
                    above += positive[row, i, axis] * positive[row, j, axis]
                found[row, i, j] = low[row] * below + high[row] * above
                found[row, j, i] = found[row, i, j]
    return found


@compiled
def work(
    negative: Floats,
    positive: Floats,
    other_negative: Floats,
    other_positive: Floats,
    low: Floats,
    high: Floats,
) -> Floats:
    """∫_T ε∇B·∇ψ_i, shape (n, d+1), of B with gradients (n, d) on the two sides; the rest as for `energies`."""
    count, corners, dim = negative.shape
    found = np.empty((count, corners))
    for row in range(count):
        for i in range(corners):
            below, above = 0.0, 0.0
            for axis in range(dim):
                below += negative[row, i, axis] * other_negative[row, axis]
                above += positive[row, i, axis] * other_positive[row, axis]
            found[row, i] = low[row] * below + high[row] * above
    return found


@compiled
def fluxes(
    negative: Floats,
    positive: Floats,
    first: Ints,
    second: Ints,
    normal: Floats,
    below: Floats,
    above: Floats,
) -> Floats:
    """∫_F ½ ε∇v·n_F η_F of functions of the first simplex, then of those of the second.

    Parameters
    ----------
    negative, positive : ndarray, shape (n, functions, d)
        Gradients of the functions of each simplex on its two sides.
    first, second : ndarray, shape (f,)
        Rows of the simplices on the two sides of each facet.
    normal : ndarray, shape (f, d)
        n_F.
    below, above : ndarray, shape (f,)
        ½ ε⁻ ∫ η_F over F⁻ and ½ ε⁺ ∫ η_F over F⁺.

    Returns
    -------
    ndarray, shape (f, 2 functions)
    """
    functions, dim = negative.shape[1:]
    found = np.empty((len(first), 2 * functions))
    for f in range(len(first)):
        for side in range(2):
            row = first[f] if side == 0 else second[f]
            for i in range(functions):
                low, high = 0.0, 0.0
                for axis in range(dim):
                    low += negative[row, i, axis] * normal[f, axis]
                    high += positive[row, i, axis] * normal[f, axis]
                found[f, side * functions + i] = below[f] * low + above[f] * high
    return found


@compiled
def bubble_jumps(
    extension: Floats, slope: Floats, level: Floats, scale: Floats,
    first: Ints, second: Ints, local_first: Ints, local_second: Ints,
) -> Floats:  # fmt: skip
    """The jump [B] on each facet as a multiple of the hinge η_F, shape (f,).

    z of the two sides agrees where F meets Γ, so on F⁺ it differs by a multiple of ℓ: once more the hinge.

    Parameters
    ----------
    extension, slope : ndarray, shapes (n, d+1) and (n,)
        z at the vertices and c_B of every simplex.
    level : ndarray, shape (f, d)
        ℓ of the first simplex at the vertices of F.
    scale, first, second, local_first, local_second
        As in `debye.physics.facets.Facets`.
    """
    found = np.empty(len(first))
    for f in range(len(first)):
        one, two = first[f], second[f]
        mixed, square = 0.0, 0.0
        for v in range(level.shape[1]):
            if level[f, v] > 0.0:
                difference = extension[one, local_first[f, v]] - extension[two, local_second[f, v]]
                mixed += difference * level[f, v]
                square += level[f, v] ** 2
        found[f] = mixed / square + slope[one] - scale[f] * slope[two]
    return found


@compiled
def on_interface(
    element: Ints, barycentric: Floats, weight: Floats, vertices: Floats, normal: Floats, nodes: Ints,
    positive_part: Floats, slope: Floats,
) -> tuple[Floats, Floats, Ints, Floats]:  # fmt: skip
    """What ∫_Γ J1 ψ_i needs at the points of a quadrature.

    Parameters
    ----------
    element, barycentric, weight
        As in `debye.physics.quadrature.Quadrature`, m points.
    vertices, normal, nodes : ndarray, shapes (n, d+1, d), (n, d) and (n, d+1)
        Of the cut simplices.
    positive_part, slope : ndarray, shape (n, d+1)
        As in `debye.physics.elements.Elements`.

    Returns
    -------
    points, normals : ndarray, shape (m, d)
    nodes : ndarray, shape (m, d+1)
    weights : ndarray, shape (m, d+1)
        Weight times ψ_i.
    """
    count, corners = barycentric.shape
    dim = corners - 1
    points, normals = np.zeros((count, dim)), np.empty((count, dim))
    numbers, weights = np.empty((count, corners), dtype=np.int64), np.empty((count, corners))
    for m in range(count):
        row = element[m]
        # On Γ ω is -Iℓ⁺, from either side.
        hinge = 0.0
        for vertex in range(corners):
            hinge -= barycentric[m, vertex] * positive_part[row, vertex]
            numbers[m, vertex] = nodes[row, vertex]
            for axis in range(dim):
                points[m, axis] += barycentric[m, vertex] * vertices[row, vertex, axis]
        for axis in range(dim):
            normals[m, axis] = normal[row, axis]
        for vertex in range(corners):
            weights[m, vertex] = weight[m] * (barycentric[m, vertex] + slope[row, vertex] * hinge)
    return points, normals, numbers, weights


@compiled
def gather(total: Floats, nodes: Ints, values: Floats) -> None:
    """Add values (n, k) to the entries `nodes` (n, k) of a vector, in their order."""
    for row in range(nodes.shape[0]):
        for column in range(nodes.shape[1]):
            total[nodes[row, column]] += values[row, column]
