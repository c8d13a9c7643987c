"""Figures of merit: from the sums over nodes to RMSE, relative L2 error and their kin.

Every figure is defined in `debye.analysis.definitions`; the formulas stand here once, and network and label
floor go through the same ones.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from debye.analysis.definitions import EVERY


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
        holds no node.
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
            "band_rmse": _ratio(totals["band_square"], totals["band_nodes"]) ** 0.5,
            "band_maximum": totals["band_maximum"].where(totals["band_nodes"] > 0),
            "band_nodes": totals["band_nodes"],
            "excluded_nodes": totals["excluded_nodes"],
            "samples": totals["samples"],
            "sample_relative_l2": relative,
            "potential_range": potential_range,
        }
    )
    for name, level in (("relative_l2_median", 0.5), ("relative_l2_95", 0.95)):
        figures[name] = _quantile(
            relative, sums["geometry"], [str(f) for f in totals["family"].values], level
        )
    return figures


def _with_every_family(sums: xr.Dataset) -> xr.Dataset:
    """Put a row over all families first: the largest of maxima, the sum of everything else."""
    tables = sums[[str(name) for name in sums.data_vars if "family" in sums[name].dims]]
    every = tables.sum("family")
    for name in ("region_maximum", "band_maximum"):
        every[name] = tables[name].max("family")
    return xr.concat(
        [every.expand_dims(family=[EVERY]), tables], dim="family", coords="minimal", compat="equals"
    )


def _ratio(above: xr.DataArray, below: xr.DataArray) -> xr.DataArray:
    """Quotient, NaN where the divisor is zero."""
    return above / below.where(below != 0)


def _quantile(
    relative: xr.DataArray, family_of: xr.DataArray, families: list[str], level: float
) -> xr.DataArray:
    """Quantile over the samples of each family, (family, region); without samples where u = 0."""
    table = np.full((len(families), relative.sizes["region"]), np.nan)
    for i, family in enumerate(families):
        chosen = relative.values[(family_of.values == family) | (family == EVERY)]
        for j, column in enumerate(chosen.T):
            known = column[np.isfinite(column)]
            if known.size:
                table[i, j] = np.quantile(known, level)
    coordinates = {"family": np.array(families, dtype=object), "region": relative["region"].values}
    return xr.DataArray(table, coordinates, ("family", "region"))
