"""Immersed basis functions and the discontinuous bubble on cut simplices.

Domain: one simplex T, cut by the zero set of the affine ℓ (|∇ℓ| = 1, n = ∇ℓ) into T⁻ (solute) and T⁺ (solvent).
Space: functions that are affine on either side, continuous across the cut, with [ε ∂ₙψ] = 0:

    hinge   ω   = ℓ⁺ - Iℓ⁺                     zero at the vertices, kinked along the interface
    basis   ψ_i = λ_i + c_i ω,   c_i = -(ε⁺ - ε⁻) ∂ₙλ_i / (ε⁺(1 - s) + ε⁻ s),   s = ∂ₙ(Iℓ⁺)
    bubble  B   = z - Iz + c_B ω,  z = J0 extended affinely on T⁺, 0 on T⁻, which carries [w] = J0 and [ε ∂ₙw] = J1:
            c_B = (J1 - ε⁺ ∂ₙz + (ε⁺ - ε⁻) ∂ₙ(Iz)) / (ε⁺(1 - s) + ε⁻ s)

Since ψ_i(x_j) = δ_ij and B(x_j) = 0, nodal values are the unknowns. The same formulas hold in 2-D and 3-D.

Reference: D. Y. Kwak, K. T. Wee and K. S. Chang, An analysis of a broken P1-nonconforming finite element method for
interface problems, SIAM J. Numer. Anal. 48 (2010); I. Kwon and D. Y. Kwak, Discontinuous bubble immersed finite
element method for Poisson-Boltzmann equation, Commun. Comput. Phys. 25 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from debye.parameters import Medium
from debye.physics.compiled import compiled
from debye.physics.cut import Cut
from debye.physics.quadrature import negative_share

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bubble:
    """The bubble B of one charge set in every cut simplex."""

    extension: Floats
    """z at the vertices, as the affine function it is on T⁺, shape (n, d+1)."""
    slope: Floats
    """c_B, shape (n,)."""
    gradient_negative: Floats
    """∇B on T⁻, shape (n, d)."""
    gradient_positive: Floats
    """∇B on T⁺, shape (n, d)."""


@dataclass(frozen=True)
class Elements:
    """Immersed basis on the cut simplices of one geometry and one medium."""

    cut: Cut
    medium: Medium
    positive_part: Floats
    """ℓ⁺ at the vertices, shape (n, d+1)."""
    hinge_negative: Floats
    """∇ω on T⁻, shape (n, d)."""
    hinge_positive: Floats
    """∇ω on T⁺, shape (n, d)."""
    flux_balance: Floats
    """ε⁺(1 - s) + ε⁻ s, shape (n,)."""
    slope: Floats
    """c_i, shape (n, d+1)."""
    gradient_negative: Floats
    """∇ψ_i on T⁻, shape (n, d+1, d)."""
    gradient_positive: Floats
    """∇ψ_i on T⁺, shape (n, d+1, d)."""
    extend: Floats
    """Values at the vertices of the affine extension of data at the edge points, shape (n, d+1, most)."""
    edge_points: Floats
    """Where ℓ vanishes on the edges, shape (n, most, d), Å; rows beyond an element's own repeat its first."""
    share_negative: Floats
    """|T⁻| / |T|, shape (n,)."""

    def basis(self, element: Ints, barycentric: Floats, positive: NDArray[np.bool_]) -> Floats:
        """Values ψ_i at points, shape (m, d+1)."""
        return barycentric + self.slope[element] * self.hinge(element, barycentric, positive)[:, None]

    def hinge(self, element: Ints, barycentric: Floats, positive: NDArray[np.bool_]) -> Floats:
        """Values ω at points of the given side, shape (m,)."""
        level = (barycentric * self.cut.ell[element]).sum(axis=1)
        return np.asarray(
            np.where(positive, level, 0.0) - (barycentric * self.positive_part[element]).sum(axis=1)
        )

    def bubble_values(
        self, bubble: Bubble, element: Ints, barycentric: Floats, positive: NDArray[np.bool_]
    ) -> Floats:
        """Values B at points of the given side, shape (m,)."""
        jump = (barycentric * bubble.extension[element]).sum(axis=1)
        interpolated = (barycentric * np.where(self.cut.ell > 0, bubble.extension, 0.0)[element]).sum(axis=1)
        kink = bubble.slope[element] * self.hinge(element, barycentric, positive)
        return np.asarray(np.where(positive, jump, 0.0) - interpolated + kink)

    def bubble(self, jump: Floats, flux_jump: Floats) -> Bubble:
        """The bubble that carries given jumps.

        Parameters
        ----------
        jump : ndarray, shape (n, most)
            J0 = [w] at `edge_points`.
        flux_jump : ndarray, shape (n,)
            J1 = [ε ∂ₙw], mean over the element's piece of interface.
        """
        return Bubble(
            *_bubble(
                self.extend, jump, flux_jump, self.cut.ell, self.cut.normal, self.cut.gradients,
                self.hinge_negative, self.hinge_positive, self.flux_balance,
                self.medium.eps_solute, self.medium.eps_solvent,
            )
        )  # fmt: skip


@compiled
def _bubble(
    extend: Floats, jump: Floats, flux_jump: Floats, ell: Floats, normal: Floats, gradients: Floats,
    hinge_negative: Floats, hinge_positive: Floats, balance: Floats, low: float, high: float,
) -> tuple[Floats, Floats, Floats, Floats]:  # fmt: skip
    """The fields of `Bubble` in their order."""
    count, corners, dim = gradients.shape
    extension, slope = np.zeros((count, corners)), np.empty(count)
    negative, positive = np.empty((count, dim)), np.empty((count, dim))
    for row in range(count):
        for vertex in range(corners):
            for k in range(jump.shape[1]):
                extension[row, vertex] += extend[row, vertex, k] * jump[row, k]
        c = flux_jump[row]
        for axis in range(dim):
            # ∇z and ∇(Iz).
            whole, interpolated = 0.0, 0.0
            for vertex in range(corners):
                part = extension[row, vertex] * gradients[row, vertex, axis]
                whole += part
                interpolated += part if ell[row, vertex] > 0.0 else 0.0
            c += ((high - low) * interpolated - high * whole) * normal[row, axis]
            negative[row, axis], positive[row, axis] = -interpolated, whole - interpolated
        c /= balance[row]
        slope[row] = c
        for axis in range(dim):
            negative[row, axis] += c * hinge_negative[row, axis]
            positive[row, axis] += c * hinge_positive[row, axis]
    return extension, slope, negative, positive


def immersed_elements(cut: Cut, medium: Medium) -> Elements:
    """Build the immersed basis on all cut simplices."""
    low, high = medium.eps_solute, medium.eps_solvent
    positive_part, hinge_negative, hinge_positive, balance, slope, gradient_negative, gradient_positive = (
        _basis(cut.ell, cut.normal, cut.gradients, low, high)
    )
    extend, points = _extension(cut.edge_points(), cut.vertices, cut.normal)
    return Elements(
        cut=cut,
        medium=medium,
        positive_part=positive_part,
        hinge_negative=hinge_negative,
        hinge_positive=hinge_positive,
        flux_balance=balance,
        slope=slope,
        gradient_negative=gradient_negative,
        gradient_positive=gradient_positive,
        extend=extend,
        edge_points=points,
        share_negative=negative_share(cut.ell),
    )


@compiled
def _basis(
    ell: Floats, normal: Floats, gradients: Floats, low: float, high: float
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
    """The fields of `Elements` from `positive_part` to `gradient_positive`, in their order."""
    count, corners, dim = gradients.shape
    positive, balance, slope = np.empty((count, corners)), np.empty(count), np.empty((count, corners))
    hinge_negative, hinge_positive = np.empty((count, dim)), np.empty((count, dim))
    gradient_negative, gradient_positive = np.empty((count, corners, dim)), np.empty((count, corners, dim))
    for row in range(count):
        s = 0.0
        for vertex in range(corners):
            positive[row, vertex] = max(ell[row, vertex], 0.0)
        for axis in range(dim):
            interpolated = 0.0
            for vertex in range(corners):
                interpolated += positive[row, vertex] * gradients[row, vertex, axis]
            hinge_negative[row, axis] = -interpolated
            hinge_positive[row, axis] = normal[row, axis] - interpolated
            s += interpolated * normal[row, axis]
        balance[row] = high * (1.0 - s) + low * s
        for vertex in range(corners):
            along = 0.0
            for axis in range(dim):
                along += gradients[row, vertex, axis] * normal[row, axis]
            c = -(high - low) * along / balance[row]
            slope[row, vertex] = c
            for axis in range(dim):
                gradient = gradients[row, vertex, axis]
                gradient_negative[row, vertex, axis] = gradient + c * hinge_negative[row, axis]
                gradient_positive[row, vertex, axis] = gradient + c * hinge_positive[row, axis]
    return positive, hinge_negative, hinge_positive, balance, slope, gradient_negative, gradient_positive


@compiled
def _extension(barycentric: Floats, vertices: Floats, normal: Floats) -> tuple[Floats, Floats]:
    """Least-squares affine extension of edge data with no slope along n, and the edge points.

    Which normal slope the extension has does not matter: c_B takes it back (ω and (n·x)⁺ - I(n·x)⁺ are the same).
    With the points' components P (k, d-1) in a frame of the piece, turned so that the columns of P are orthogonal, the
    pseudo-inverse of P is its transpose with the columns divided by their squares.
    """
    count, most, corners = barycentric.shape
    dim = corners - 1
    extend, points = np.zeros((count, corners, most)), np.empty((count, most, dim))
    centre, frame, place, square = np.empty(dim), np.empty((2, dim)), np.empty((2, most)), np.empty(2)
    for row in range(count):
        given = 0
        while given < most and np.isfinite(barycentric[row, given, 0]):
            given += 1
        for axis in range(dim):
            centre[axis] = 0.0
            for k in range(given):
                coordinate = 0.0
                for vertex in range(corners):
                    coordinate += barycentric[row, k, vertex] * vertices[row, vertex, axis]
                points[row, k, axis] = coordinate
                centre[axis] += coordinate / given
            for k in range(given, most):
                points[row, k, axis] = points[row, 0, axis]
        _fill_frame(normal, row, frame)
        for column in range(dim - 1):
            for k in range(given):
                place[column, k] = 0.0
                for axis in range(dim):
                    place[column, k] += (points[row, k, axis] - centre[axis]) * frame[column, axis]
        _turn(frame, place, given, square)
        for vertex in range(corners):
            # z(x_v) = mean + (x_v - centre) · frame · P⁺ (J0 - mean)
            total = 0.0
            for column in range(dim - 1):
                # A piece that is a segment, or a point, to nine digits has no slope across.
                if square[column] > 1e-18 * max(square[0], square[1]):
                    reach = 0.0
                    for axis in range(dim):
                        reach += (vertices[row, vertex, axis] - centre[axis]) * frame[column, axis]
                    for k in range(given):
                        share = reach * place[column, k] / square[column]
                        extend[row, vertex, k] += share
                        total += share
            for k in range(given):
                extend[row, vertex, k] += (1.0 - total) / given
    return extend, points


@compiled
def _fill_frame(normal: Floats, row: int, frame: Floats) -> None:
    """Unit vectors along a piece with the given normal, (d-1, d)."""
    if normal.shape[1] == 2:
        frame[0, 0], frame[0, 1] = -normal[row, 1], normal[row, 0]
        return
    # The coordinate axis least along the normal is never parallel to it.
    least = 0
    for axis in range(1, 3):
        if abs(normal[row, axis]) < abs(normal[row, least]):
            least = axis
    one, two = (least + 1) % 3, (least + 2) % 3
    length = np.sqrt(normal[row, one] ** 2 + normal[row, two] ** 2)
    frame[0, least], frame[0, one], frame[0, two] = 0.0, normal[row, two] / length, -normal[row, one] / length
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        frame[1, axis] = normal[row, i] * frame[0, j] - normal[row, j] * frame[0, i]


@compiled
def _turn(frame: Floats, place: Floats, given: int, square: Floats) -> None:
    """Turn a frame until the columns of the points' components are orthogonal; their squares go to `square`."""
    first, second, mixed = 0.0, 0.0, 0.0
    for k in range(given):
        first += place[0, k] ** 2
    if frame.shape[1] == 3:
        for k in range(given):
            second += place[1, k] ** 2
            mixed += place[0, k] * place[1, k]
    if mixed != 0.0:
        # One rotation of Jacobi's.
        ratio = (second - first) / (2.0 * mixed)
        tangent = (1.0 if ratio >= 0.0 else -1.0) / (abs(ratio) + np.sqrt(1.0 + ratio * ratio))
        cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
        sine = cosine * tangent
        first, second = 0.0, 0.0
        for k in range(given):
            a, b = place[0, k], place[1, k]
            place[0, k], place[1, k] = cosine * a - sine * b, sine * a + cosine * b
            first += place[0, k] ** 2
            second += place[1, k] ** 2
        for axis in range(3):
            a, b = frame[0, axis], frame[1, axis]
            frame[0, axis], frame[1, axis] = cosine * a - sine * b, sine * a + cosine * b
    square[0], square[1] = first, second
