"""Figures of merit: from the sums over nodes to RMSE, relative L2 error and their kin.

Every figure is defined in `debye.analysis.definitions`; the formulas stand here once, and network and label
floor go through the same ones.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from debye.analysis.definitions import EVERY

LEVELS = {"median": 0.5, "95": 0.95}
"""Name → quantile over the samples."""


def figures_of_merit(sums: xr.Dataset, potential_range: float | None = None) -> xr.Dataset:
    """Turn the sums of `debye.analysis.errors.accumulate` into the figures of `debye.analysis.definitions`.

    Parameters
    ----------
    sums : xarray.Dataset
        From `accumulate`.
    potential_range : float, optional
        max u − min u by which the normalised RMSE divides, kT/e; that of `sums` if left out. Figures on a
        subset, as those of the label floor, are divided by the range of the whole split.

    Returns
    -------
    xarray.Dataset
        Figures (family, region) with "all families" first, `interface_excess` and `samples` (family), `band_rmse` and
        `band_maximum` (family, side, band), `sample_relative_l2` (sample, region). NaN where a region or band
        holds no node. From decomposed sums also the same for the other axes, `curvature_share` (family), `power_error`,
        `power_potential` and `power_ratio` (family, wave_number), `sample_quantity_error` and
        `sample_quantity_relative` (sample, quantity), and of these two `quantity_error_median`, `quantity_error_95`,
        `quantity_relative_median` and `quantity_relative_95` (family, quantity).
    """
    if potential_range is None:
        potential_range = float(sums["potential_high"] - sums["potential_low"])
    totals = _with_every_family(sums)
    nodes, square = totals["region_nodes"], totals["region_square"]
    rmse = _ratio(square, nodes) ** 0.5
    relative = _ratio(sums["sample_error_square"], sums["sample_potential_square"]) ** 0.5
    figures = xr.Dataset(
        {
            "rmse": rmse,
            "maximum": totals["region_maximum"].where(nodes > 0),
            "normalised_rmse": _ratio(rmse, xr.full_like(rmse, potential_range)),
            "error_share": _ratio(square, square.sel(region="all", drop=True)),
            "node_share": _ratio(nodes, nodes.sel(region="all", drop=True)),
            "nodes": nodes,
            "interface_excess": _ratio(
                rmse.sel(region="interface", drop=True), rmse.sel(region="bulk", drop=True)
            ),
            "excluded_nodes": totals["excluded_nodes"],
            "samples": totals["samples"],
            "sample_relative_l2": relative,
            "potential_range": potential_range,
        }
    )
    for axis in axes_of(sums):
        held = totals[f"{axis}_nodes"]
        figures[f"{axis}_rmse"] = _ratio(totals[f"{axis}_square"], held) ** 0.5
        figures[f"{axis}_maximum"] = totals[f"{axis}_maximum"].where(held > 0)
        figures[f"{axis}_nodes"] = held
    spread = {"relative_l2": relative}
    if "quantity_error" in sums:
        band = nodes.sel(region="interface", drop=True)
        figures["curvature_share"] = _ratio(
            totals["curvature_band_nodes"].sum(["side", "curvature_band"]), band
        )
        for name in ("error", "potential"):
            figures[f"power_{name}"] = totals[f"power_{name}"] / totals["samples"]
        figures["power_ratio"] = _ratio(totals["power_error"], totals["power_potential"]) ** 0.5
        error = sums["quantity_error"]
        spread |= {"quantity_error": error, "quantity_relative": _ratio(error, sums["quantity_size"])}
        figures = figures.assign({f"sample_{name}": spread[name] for name in spread if name != "relative_l2"})
    families = [str(family) for family in totals["family"].values]
    for name, values in spread.items():
        for called, level in LEVELS.items():
            figures[f"{name}_{called}"] = _quantile(values, sums["geometry"], families, level)
    return figures


def axes_of(dataset: xr.Dataset) -> list[str]:
    """Names of the axes whose tables are in sums or figures, see `debye.analysis.definitions.axes`."""
    return [str(name).removesuffix("_lower") for name in dataset.coords if str(name).endswith("_lower")]


def _with_every_family(sums: xr.Dataset) -> xr.Dataset:
    """Put a row over all families first: the largest of maxima, the sum of everything else."""
    tables = sums[[str(name) for name in sums.data_vars if "family" in sums[name].dims]]
    every = tables.sum("family")
    for name in ("region_maximum", *(f"{axis}_maximum" for axis in axes_of(sums))):
        every[name] = tables[name].max("family")
    return xr.concat(
        [every.expand_dims(family=[EVERY]), tables], dim="family", coords="minimal", compat="equals"
    )


def _ratio(above: xr.DataArray, below: xr.DataArray) -> xr.DataArray:
    """Quotient, NaN where the divisor is zero."""
    return above / below.where(below != 0)


def _quantile(
    values: xr.DataArray, family_of: xr.DataArray, families: list[str], level: float
) -> xr.DataArray:
    """Quantile of (sample, …) over the samples of each family, (family, …); without samples where it is not finite."""
    _, dim = values.dims
    table = np.full((len(families), values.sizes[dim]), np.nan)
    for i, family in enumerate(families):
        chosen = values.values[(family_of.values == family) | (family == EVERY)]
        for j, column in enumerate(chosen.T):
            known = column[np.isfinite(column)]
            if known.size:
                table[i, j] = np.quantile(known, level)
    coordinates = {"family": np.array(families, dtype=object), dim: values[dim].values}
    return xr.DataArray(table, coordinates, ("family", dim))
