"""What every figure of the analysis means, in one place: the report prints these texts beside the numbers.

`û` is the estimate and `u` the label of the reduced potential, `e = û − u` their difference at a node. The
Coulomb part is the same in both, so `e` is also the difference of the regular potentials. For the label floor
`û` is the solution on a finer grid; `u` stays the label, so that both are divided by the same norms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from debye.config import Analysis

EVERY = "all families"
"""Name of the sum over the families; no family can be called so, because of the blank."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

NETWORK = "network"
ON_FLOOR = "network on the samples of the floor"
FLOOR = "label floor"
SIDES = ("inside", "outside")


@dataclass(frozen=True)
class Definition:
    """One figure of the analysis."""

    name: str
    title: str
    symbol: str
    formula: str
    unit: str
    shown: Literal["number", "percent", "factor"] = "number"

    def show(self, value: float | None) -> str:
        """Value as text, with three significant digits; a factor with two.

        Examples
        --------
        >>> DEFINITIONS["relative_l2_median"].show(0.0712)
        '7.12 %'
        >>> DEFINITIONS["rmse"].show(0.000123)
        '0.000123'
        >>> DEFINITIONS["rmse"].show(4.8e-7)
        '4.80·10⁻⁷'
        >>> DEFINITIONS["floor_ratio"].show(37.8)
        '38 ×'
        """
        if value is None or not math.isfinite(value):
            return "–"
        if self.shown == "percent":
            return f"{100 * value:.3g} %"
        return f"{_rounded(value, 2)} ×" if self.shown == "factor" else _rounded(value, 3)


def _rounded(value: float, digits: int) -> str:
    """Number with this many significant digits, thin blanks between thousands."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 5:
        return f"{float(f'{mantissa}e{power}'):,.{max(0, digits - 1 - power)}f}".replace(",", "\u202f")
    return f"{mantissa}·10{str(power).translate(_RAISED)}"


_TABLE = (
    Definition(
        "rmse",
        "RMSE",
        "RMSE",
        "square root of the mean of e² over the nodes of the region in all samples",
        "kT/e",
    ),
    Definition(
        "relative_l2_median",
        "relative L2 error, median",
        "median ‖e‖/‖u‖",
        "‖e‖/‖u‖ of each sample, norms the root of the sum of squares over the nodes of the region; "
        "the median over the samples",
        "1",
        "percent",
    ),
    Definition(
        "relative_l2_95",
        "relative L2 error, 95 %",
        "q95 ‖e‖/‖u‖",
        "the same ‖e‖/‖u‖; the value that 95 % of the samples do not exceed",
        "1",
        "percent",
    ),
    Definition(
        "maximum",
        "maximum error",
        "max |e|",
        "largest |e| at a node of the region in any sample",
        "kT/e",
    ),
    Definition(
        "normalised_rmse",
        "normalised RMSE",
        "RMSE/range u",
        "RMSE divided by max u − min u, the range taken over the nodes of the whole split where u is "
        "finite and that are not near charges: the RMSE of a potential scaled to unit range. A published "
        "error of this problem that names no normalisation can only be read so; no published table is "
        "claimed to be reproduced",
        "1",
    ),
    Definition(
        "interface_excess",
        "interface excess",
        "RMSE(interface)/RMSE(bulk)",
        "RMSE over the interface band divided by the RMSE over the bulk",
        "1",
        "factor",
    ),
    Definition(
        "floor_ratio",
        "error over label floor",
        "RMSE/RMSE(floor)",
        "RMSE divided by the RMSE of the label floor, both over the same region and over the samples of the "
        "floor alone. The floor is the labels' own error: the difference of label and solution on a finer "
        "grid at the same nodes, on a subset of the split",
        "1",
        "factor",
    ),
    Definition(
        "error_share",
        "share of the squared error",
        "Σ_R e²/Σ e²",
        "sum of e² over the nodes of the region divided by the sum over all nodes",
        "1",
        "percent",
    ),
    Definition(
        "node_share",
        "share of the nodes",
        "#R/#all",
        "nodes of the region divided by all nodes, those with infinite u left out",
        "1",
        "percent",
    ),
)

DEFINITIONS: dict[str, Definition] = {definition.name: definition for definition in _TABLE}
"""Name → definition, in the order in which the report shows them."""

BY_REGION = ("rmse", "relative_l2_median", "relative_l2_95", "maximum", "normalised_rmse", "floor_ratio")
"""Figures that are shown for every region; the shares and the excess compare regions."""


@dataclass(frozen=True)
class Region:
    """A set of nodes over which figures are taken."""

    name: str
    title: str
    formula: str


def regions(settings: Analysis) -> tuple[Region, ...]:
    """Regions with their definitions, widths as in the configuration.

    Examples
    --------
    >>> from debye.config import Analysis
    >>> [region.name for region in regions(Analysis(bands=(-1, 0, 1), near_charge=2))]
    ['all', 'inside', 'outside', 'near_charges', 'interface', 'bulk']
    """
    near, band = f"{settings.near_charge:g} h", f"{settings.interface_band:g} h"
    return (
        Region("all", "all nodes", "every node of the grid"),
        Region("inside", "inside (solute)", "signed distance φ < 0"),
        Region("outside", "outside (solvent)", "signed distance φ ≥ 0"),
        Region("near_charges", "near charges", f"closer than {near} to a charge"),
        Region("interface", "interface band", f"|φ| < {band}"),
        Region("bulk", "bulk", f"neither |φ| < {band} nor closer than {near} to a charge"),
    )


@dataclass(frozen=True)
class Axis:
    """What the error at a node is shown against, in bands on either side of Γ."""

    name: str
    """Dimension of its tables and start of their names."""
    title: str
    formula: str
    unit: str
    edges: tuple[float, ...]
    """Inner edges of the bands, in the unit."""
    least: float = -math.inf
    """Lower end of the first band."""


_DEBYE = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_CHARGE = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
_CURVATURE = (-0.5, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


def axes(settings: Analysis) -> tuple[Axis, ...]:
    """Axes with their definitions and bands: distance in cells as configured, the others fixed.

    Examples
    --------
    >>> from debye.config import Analysis
    >>> [axis.name for axis in axes(Analysis(bands=(-1, 0, 1), near_charge=2))]
    ['band', 'debye_band', 'charge_band', 'curvature_band']
    """
    band = f"{settings.interface_band:g} h"
    return (
        Axis("band", "signed distance from the interface", "φ/h", "1", settings.bands),
        Axis(
            "debye_band",
            "signed distance from the interface in Debye lengths",
            "φ/λ_D; samples without ions are left out",
            "1",
            _DEBYE,
        ),
        Axis(
            "charge_band",
            "distance to the nearest charge",
            "min_i |x − x_i|/h; samples without charges are left out",
            "1",
            _CHARGE,
            0.0,
        ),
        Axis(
            "curvature_band",
            "curvature of the interface at the nearest point on it",
            f"H of Γ, the sum of its principal curvatures, positive where the solute is convex, at the nodes with "
            f"|φ| < {band}; left out are nodes where "
            "|∇φ| differs from 1 by more than 1 %: beside a corner of Γ, or as near to another part of Γ",
            "1/angstrom",
            _CURVATURE,
        ),
    )


CONTOUR = 2.0
"""The contour of Gauss's law runs around the nodes with φ below this many cells."""

_FIELD = "root mean square of |∇e| by central differences over the bulk{}, divided by that of |∇u|"

QUANTITIES: dict[str, Definition] = {
    definition.name: definition
    for definition in (
        Definition("potential", "potential", "‖e‖", "root mean square of e divided by that of u", "1"),
        Definition("field", "field", "‖∇e‖", _FIELD.format(""), "1/angstrom"),
        Definition("field_inside", "field in the solute", "‖∇e‖", _FIELD.format(", φ < 0"), "1/angstrom"),
        Definition("field_outside", "field in the solvent", "‖∇e‖", _FIELD.format(", φ ≥ 0"), "1/angstrom"),
        Definition(
            "flux_jump",
            "flux jump at the interface",
            "‖[ε∂ₙe]‖",
            "root mean square over Γ of [ε∂ₙe], ∂ₙ on either side by a difference that does not cross Γ, divided by "
            "that of ε⁺∂ₙu. The label satisfies [ε∂ₙu] = 0 by its construction, so that this is the jump of û",
            "1/angstrom",
        ),
        Definition(
            "flux_jump_label",
            "flux jump that the differences find in the label",
            "‖[ε∂ₙu]‖",
            "the same for u in place of e: the truncation of these differences on the potential itself",
            "1/angstrom",
        ),
        Definition(
            "reaction_energy",
            "reaction energy",
            "|½ Σ q_i e(x_i)|",
            "½ Σ q_i ŵ(x_i) minus ½ Σ q_i w(x_i), both interpolated in the solute, divided by the latter",
            "kT",
        ),
        Definition(
            "enclosed_charge",
            "charge within a contour",
            "|(ε⁺/C) ∮ ∂ₙe|",
            f"charge of solute and ions within the contour φ ≈ {CONTOUR:g} h, −(ε⁺/C) ∮ ∂ₙû by Gauss's law, minus that "
            "of the label, divided by Σ|q_i|",
            "e",
        ),
    )
}
"""Name → what the error of a quantity in a sample is, relative; absolute without the division, in the unit named."""

POWER = {
    "power_error": "part of the mean square of e, (kT/e)², in a shell of wave numbers 1/2L wide, 2L the edge of the "
    "box, with a Hann window; the mean over the samples",
    "power_potential": "the same for u, with each charge spread over the ball that reaches from it to Γ",
    "power_ratio": "root of power_error over power_potential: the relative error at a wave number",
}
"""Name → what the variables of the spectrum are."""

EXCLUDED = (
    "Nodes where u is infinite, because a charge sits on them, are left out of every figure. "
    "h is the edge of a cell; near charges and interface band may overlap."
)
