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
from debye.physics.cut import Cut
from debye.physics.quadrature import side_quadrature

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
        extension = np.einsum("nvk,nk->nv", self.extend, jump)
        gradients, normal = self.cut.gradients, self.cut.normal
        whole = np.einsum("nv,nvx->nx", extension, gradients)
        interpolated = np.einsum("nv,nvx->nx", np.where(self.cut.ell > 0, extension, 0.0), gradients)
        low, high = self.medium.eps_solute, self.medium.eps_solvent
        slope = (
            flux_jump
            - high * (whole * normal).sum(axis=1)
            + (high - low) * (interpolated * normal).sum(axis=1)
        ) / self.flux_balance
        return Bubble(
            extension,
            slope,
            slope[:, None] * self.hinge_negative - interpolated,
            slope[:, None] * self.hinge_positive - interpolated + whole,
        )


def immersed_elements(cut: Cut, medium: Medium) -> Elements:
    """Build the immersed basis on all cut simplices."""
    gradients, normal = cut.gradients, cut.normal
    positive_part = np.maximum(cut.ell, 0.0)
    interpolated = np.einsum("nv,nvx->nx", positive_part, gradients)
    s = (interpolated * normal).sum(axis=1)
    low, high = medium.eps_solute, medium.eps_solvent
    balance = high * (1.0 - s) + low * s
    slope = -(high - low) * np.einsum("nvx,nx->nv", gradients, normal) / balance[:, None]
    hinge_negative, hinge_positive = -interpolated, normal - interpolated
    extend, points = _extension(cut)
    negative = side_quadrature(cut.ell, "negative")
    return Elements(
        cut=cut,
        medium=medium,
        positive_part=positive_part,
        hinge_negative=hinge_negative,
        hinge_positive=hinge_positive,
        flux_balance=balance,
        slope=slope,
        gradient_negative=gradients + slope[:, :, None] * hinge_negative[:, None, :],
        gradient_positive=gradients + slope[:, :, None] * hinge_positive[:, None, :],
        extend=extend,
        edge_points=points,
        share_negative=np.bincount(negative.element, negative.weight, minlength=len(cut.ell)).astype(float),
    )


def _extension(cut: Cut) -> tuple[Floats, Floats]:
    """Least-squares affine extension of edge data with no slope along n, and the edge points.

    Which normal slope the extension has does not matter: c_B takes it back (ω and (n·x)⁺ - I(n·x)⁺ are the same).
    """
    barycentric = cut.edge_points()
    given = np.isfinite(barycentric[:, :, 0])
    barycentric = np.where(given[:, :, None], barycentric, barycentric[:, :1])
    points = barycentric @ cut.vertices
    weight = given / given.sum(axis=1, keepdims=True)
    centre = np.einsum("nk,nkx->nx", weight, points)
    spread = np.where(given[:, :, None], points - centre[:, None], 0.0)
    inverse = np.linalg.pinv(spread, rcond=1e-9)
    # z(x_v) = mean + (x_v - centre) · inverse · (J0 - mean)
    reach = np.einsum("nvx,nxk->nvk", cut.vertices - centre[:, None], inverse)
    return weight[:, None, :] + reach - reach.sum(axis=2, keepdims=True) * weight[:, None, :], points
