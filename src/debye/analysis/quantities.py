"""Errors of what is made of the potential: field, flux jump at Γ, reaction energy, charge within a contour.

Each is one number of a sample, and so are the sizes that they are divided by; `debye.analysis.definitions.QUANTITIES`
says what each is. All but the norms are linear in the potential: the error of the quantity is the quantity of the error
e, and no truncation of a difference quotient on the steep potential itself is taken for an error of the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from debye.analysis.definitions import CONTOUR, QUANTITIES
from debye.analysis.interface import Near, interpolate, near_interface
from debye.analysis.nodes import Floats, Mask, Nodes

Pair = tuple[Floats, Floats]
"""Error and size of a quantity in each sample, each (sample,); NaN where a sample has none."""


def quantities(nodes: Nodes) -> Floats:
    """Error and size of each of `QUANTITIES`, shape (sample, quantity, 2), in the unit of the quantity."""
    of: dict[str, Callable[[], Pair]] = {
        "potential": lambda: potential(nodes),
        "field": lambda: field(nodes),
        "field_inside": lambda: field(nodes, nodes.distance < 0),
        "field_outside": lambda: field(nodes, nodes.distance >= 0),
        "reaction_energy": lambda: reaction_energy(nodes),
        "enclosed_charge": lambda: enclosed_charge(nodes),
    }
    label, error, flux = flux_jump(nodes)
    made = {name: make() for name, make in of.items()}
    made |= {"flux_jump": (error, flux), "flux_jump_label": (label, flux)}
    return np.stack([np.stack(made[name], axis=1) for name in QUANTITIES], axis=1)


def potential(nodes: Nodes) -> Pair:
    """Root mean squares of e and u over the nodes where u is finite, kT/e."""
    return _root_mean(nodes.error**2, nodes.finite), _root_mean(nodes.potential**2, nodes.finite)


def field(nodes: Nodes, where: Mask | None = None) -> Pair:
    """Root mean squares of |∇e| and |∇u| by central differences over the bulk, kT/e per Å.

    Parameters
    ----------
    nodes : Nodes
    where : ndarray, shape (sample, node), optional
        Nodes to choose from; all if left out. Counted are those of the bulk whose neighbours lie on the same side of Γ
        and hold no charge.
    """
    dim = nodes.grid.dim
    inside, finite = nodes.on_grid(nodes.distance < 0), nodes.on_grid(nodes.finite)
    chosen = nodes.masks["bulk"] if where is None else nodes.masks["bulk"] & where
    inner = (slice(None), *(slice(1, -1),) * dim)
    counted = nodes.on_grid(chosen)[inner].copy()
    square = np.zeros((2, *counted.shape))
    for axis in range(1, dim + 1):
        below, above = (_moved(inner, axis, part) for part in (slice(None, -2), slice(2, None)))
        for beside in (below, above):
            counted &= (inside[beside] == inside[inner]) & finite[beside]
        for sum_, values in zip(square, (nodes.error, nodes.potential), strict=True):
            sum_ += (nodes.on_grid(values)[above] - nodes.on_grid(values)[below]) ** 2
    square /= (2 * nodes.grid.spacing) ** 2
    error, size = (
        _root_mean(one.reshape(nodes.samples, -1), counted.reshape(nodes.samples, -1)) for one in square
    )
    return error, size


def flux_jump(nodes: Nodes) -> tuple[Floats, Floats, Floats]:
    """Root mean squares over Γ of [ε∂ₙu] and [ε∂ₙe], and of ε⁺∂ₙu, by one-sided differences, kT/e per Å.

    At the foot point of every node within a cell of Γ, ∂ₙ on a side is the difference of the values at √dim + 0.1 and
    a cell farther along the normal: first order in h, and no cell that a value is interpolated in is cut by Γ. Feet
    where one is, and those near a kink of the distance, are left out. In the solute w is differenced and ∂ₙG added.
    """
    near = near_interface(nodes, 1.0)
    first, spacing = np.sqrt(nodes.grid.dim) + 0.1, nodes.grid.spacing
    slopes, usable = {}, np.ones(len(near.sample), dtype=bool)
    for inside, sign in ((True, -1.0), (False, 1.0)):
        ends = []
        for cells in (first, first + 1.0):
            points = near.foot + sign * cells * spacing * near.normal
            values, whole = interpolate(nodes, near.sample, points, (nodes.regular, nodes.error), inside)
            ends.append(values)
            usable &= whole
        slopes[inside] = [sign * (far - close) / spacing for close, far in zip(*ends, strict=True)]
    eps_solute, eps_solvent = (nodes.medium[name][near.sample] for name in ("eps_solute", "eps_solvent"))
    coulomb = _coulomb_slope(nodes, near)
    flux = eps_solvent * slopes[False][0]
    label = flux - eps_solute * (slopes[True][0] + coulomb)
    error = eps_solvent * slopes[False][1] - eps_solute * slopes[True][1]
    rows = near.sample[usable]
    count = np.bincount(rows, minlength=nodes.samples)
    squares = (
        np.bincount(rows, weights=one[usable] ** 2, minlength=nodes.samples) for one in (label, error, flux)
    )
    label, error, flux = (np.sqrt(square / np.where(count > 0, count, np.nan)) for square in squares)
    return label, error, flux


def reaction_energy(nodes: Nodes) -> Pair:
    """|½ Σ q_i e(x_i)| and |½ Σ q_i w(x_i)|, kT in 3-D, kT/Å in 2-D; values at charges interpolated in the solute."""
    sample, number = np.nonzero(nodes.charge)
    places, charge = nodes.position[sample, number], nodes.charge[sample, number]
    values, _ = interpolate(nodes, sample, places, (nodes.error, nodes.regular), inside=True)
    error, size = (
        np.abs(np.bincount(sample, weights=0.5 * charge * value, minlength=nodes.samples)) for value in values
    )
    return error, size


def enclosed_charge(nodes: Nodes) -> Pair:
    """Error of the charge within the contour by Gauss's law, and Σ|q_i|, e in 3-D, e/Å in 2-D."""
    return np.abs(charge_within(nodes, nodes.error)), np.abs(nodes.charge).sum(axis=1)


def charge_within(nodes: Nodes, values: Floats) -> Floats:
    """Charge −(ε⁺/C) ∮ ∂ₙv within the faces of the cells around the nodes with φ < `CONTOUR` h, (sample,), e or e/Å.

    Parameters
    ----------
    nodes : Nodes
    values : ndarray, shape (sample, node)
        v in the solvent: w, which is u there, or e.

    Returns
    -------
    ndarray, shape (sample,)
        NaN where the contour is not closed within the box or does not lie in the solvent.
    """
    dim, spacing = nodes.grid.dim, nodes.grid.spacing
    within, field_ = nodes.on_grid(nodes.distance < CONTOUR), nodes.on_grid(values)
    inside = nodes.on_grid(nodes.distance < 0)
    inner = (slice(None), *(slice(1, -1),) * dim)
    proper = within.reshape(nodes.samples, -1).sum(axis=1) == within[inner].reshape(nodes.samples, -1).sum(
        axis=1
    )
    flux, every = np.zeros(nodes.samples), (slice(None),) * (dim + 1)
    for axis in range(1, dim + 1):
        below, above = (_moved(every, axis, part) for part in (slice(None, -1), slice(1, None)))
        # +1 where the face is passed outwards going up the axis, -1 where inwards.
        outward = within[below].astype(int) - within[above].astype(int)
        proper &= ~((outward != 0) & (inside[below] | inside[above])).reshape(nodes.samples, -1).any(axis=1)
        through = outward * (field_[above] - field_[below])
        flux += through.reshape(nodes.samples, -1).sum(axis=1)
    charge = -flux * spacing ** (dim - 2) * nodes.medium["eps_solvent"] / nodes.coupling
    return np.where(proper, charge, np.nan)


def _coulomb_slope(nodes: Nodes, near: Near) -> Floats:
    """∂ₙG at the foot points, (n,), kT/e per Å."""
    dim = nodes.grid.dim
    total = np.zeros(len(near.sample))
    for number in range(nodes.charge.shape[1]):
        charge = nodes.charge[near.sample, number]
        offset = near.foot - nodes.position[near.sample, number]
        slope = (offset * near.normal).sum(axis=1) / np.sqrt((offset**2).sum(axis=1)) ** dim
        total += np.where(charge != 0, charge * slope, 0.0)
    factor = nodes.coupling / (2 * np.pi * (dim - 1) * nodes.medium["eps_solute"])
    return -factor[near.sample] * total


def _moved(index: tuple[slice, ...], axis: int, part: slice) -> tuple[slice, ...]:
    return (*index[:axis], part, *index[axis + 1 :])


def _root_mean(square: Floats, mask: Mask) -> Floats:
    """Root of the mean of squares over a mask, each row by itself; NaN where it is empty."""
    count = mask.sum(axis=1)
    mean = np.where(mask, square, 0.0).sum(axis=1) / np.where(count > 0, count, np.nan)
    root: Floats = np.sqrt(mean)
    return root
