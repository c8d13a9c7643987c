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


EXCLUDED = (
    "Nodes where u is infinite, because a charge sits on them, are left out of every figure. "
    "h is the edge of a cell; near charges and interface band may overlap."
)
