"""The variables of `metrics.nc` and what each of them is.

`of` is network, network on the samples of the floor, or label floor; `family` begins with all families. AXIS stands for
`band`, `debye_band`, `charge_band` and `curvature_band`: signed distance in cells and in Debye lengths, distance to the
nearest charge in cells, curvature of Γ (`debye.analysis.definitions.axes`).

    rmse, maximum, normalised_rmse, relative_l2_median,
    relative_l2_95, error_share, node_share, nodes                    (of, family, region)
    floor_ratio                                                       (family, region)
    interface_excess, curvature_share, samples, excluded_nodes        (of, family)
    potential_range                                                   (of)
    AXIS_rmse, AXIS_maximum, AXIS_nodes                               (of, family, side, AXIS)
    AXIS_floor_ratio                                                  (family, side, AXIS)
    AXIS_lower, AXIS_upper                                            (AXIS)
    power_error, power_potential, power_ratio                         (of, family, wave_number)
    wave_number                                                       (wave_number)
    quantity_error_median, quantity_error_95,
    quantity_relative_median, quantity_relative_95                    (of, family, quantity)
    quantity_floor_ratio                                              (family, quantity)
    quantity, quantity_unit                                           (quantity)
    sample_relative_l2                                                (sample, region)
    sample_quantity_error, sample_quantity_relative                   (sample, quantity)
    geometry, seed, index                                             (sample)
    history_*                                                         (step)
"""

from __future__ import annotations

import xarray as xr

from debye.analysis.definitions import DEFINITIONS, POWER, QUANTITIES, axes
from debye.config import Analysis

PER_LENGTH = ("reaction_energy", "enclosed_charge")
"""Quantities that are per Å along the invariant axis in 2-D."""


def describe(metrics: xr.Dataset, settings: Analysis, dim: int) -> xr.Dataset:
    """Metrics with `long_name` and `units` of every figure, and with the units of the quantities.

    Parameters
    ----------
    metrics : xarray.Dataset
        From `debye.analysis.floor.combine`.
    settings : Analysis
        Bands and width of the interface band.
    dim : int
        Number of space dimensions.
    """
    units = {name: d.unit + "/angstrom" * (dim == 2 and name in PER_LENGTH) for name, d in QUANTITIES.items()}
    described = metrics.assign_coords(
        quantity_unit=("quantity", [units[str(q)] for q in metrics["quantity"].values])
    )
    for name, (meaning, unit) in _meanings(settings).items():
        described[name].attrs = {"long_name": meaning} | ({"units": unit} if unit else {})
    return described


def _meanings(settings: Analysis) -> dict[str, tuple[str, str | None]]:
    """Variable → what it is, and its unit; none where `quantity_unit` names it."""
    told: dict[str, tuple[str, str | None]] = {
        d.name: (f"{d.title}: {d.formula}", "1") for d in DEFINITIONS.values()
    }
    for axis in axes(settings):
        against = f"by {axis.title}, {axis.formula}"
        told |= {
            f"{axis.name}_rmse": (f"RMSE of the potential, kT/e, {against}", "1"),
            f"{axis.name}_maximum": (f"largest error of the potential, kT/e, {against}", "1"),
            f"{axis.name}_nodes": (f"nodes {against}", "1"),
            f"{axis.name}_floor_ratio": (
                f"error over label floor, on the samples of the floor, {against}",
                "1",
            ),
            f"{axis.name}_lower": (f"lower edge of the band: {axis.title}, {axis.formula}", axis.unit),
            f"{axis.name}_upper": (f"upper edge of the band: {axis.title}, {axis.formula}", axis.unit),
        }
    told |= {name: (meaning, "1") for name, meaning in POWER.items()}
    formulas = "; ".join(f"{d.name}: {d.formula}" for d in QUANTITIES.values())
    for name, said, unit in (
        (
            "error",
            "error of a quantity of each sample, without the division, in the unit quantity_unit",
            None,
        ),
        ("relative", "relative error of a quantity of each sample", "1"),
    ):
        told[f"sample_quantity_{name}"] = (f"{said}. {formulas}", unit)
        told[f"quantity_{name}_median"] = (f"{said}, median over the samples. {formulas}", unit)
        told[f"quantity_{name}_95"] = (f"{said}, 95 % of the samples do not exceed it. {formulas}", unit)
    return told | {
        "nodes": ("nodes of the region with finite u", "1"),
        "excluded_nodes": ("nodes left out because u is infinite there", "1"),
        "potential_range": ("max u − min u over the nodes that are not near charges, kT/e", "1"),
        "sample_relative_l2": ("‖e‖/‖u‖ of each sample over the nodes of the region", "1"),
        "samples": ("samples over which the figures are taken", "1"),
        "curvature_share": ("share of the nodes of the interface band whose curvature is known", "1"),
        "wave_number": ("wave number of a shell of the spectrum, cycles per length", "1/angstrom"),
        "quantity_floor_ratio": (
            "median error of a quantity over that of the label floor, both on the samples of the floor",
            "1",
        ),
    }
