"""Errors of the potential by signed distance from the interface, by region and by family.

Pure functions from data set to data set. `potential_error` pairs estimates with labels lazily and
`accumulate` walks through them a block of samples at a time and keeps only sums; `debye.analysis.merit` turns
these into figures. Sums are made for each sample (`tables`, by this process or by workers) and then added in the
order of the samples, so that neither the chunks of the arrays nor the size of a block nor the number of workers
changes a bit of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from debye.analysis.definitions import SIDES, regions
from debye.config import Analysis
from debye.errors import FormatError, explain
from debye.progress import track
from debye.schema import AXES, grid_of
from debye.store import BLOCK
from debye.workers import Each, in_process, ready

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """What a block of samples adds to the sums; arrays (sample, …)."""

    by_band: tuple[Ints, Floats, Floats]
    """Nodes, sum of squared errors and largest error, each (sample, side × band)."""
    by_region: tuple[Ints, Floats, Floats]
    """The same, each (sample, region)."""
    potential_square: Floats
    """Sum of u² over finite nodes, (sample, region)."""
    excluded: Ints
    """Nodes left out, (sample,)."""
    low: float
    """Least finite u away from charges; inf where there is none."""
    high: float
    """Largest finite u away from charges; -inf where there is none."""


def potential_error(dataset: xr.Dataset, estimate: xr.DataArray) -> xr.Dataset:
    """Pair the labels with an estimate of the regular potential; nothing is computed yet.

    Parameters
    ----------
    dataset : xarray.Dataset
        Labels in the format, with `potential` added (`debye.store.open_dataset(path, add=["potential"])`).
    estimate : xarray.DataArray
        Estimated regular potential w on the same samples and nodes, kT/e.

    Returns
    -------
    xarray.Dataset
        `error` (û − u = ŵ − w, float64), `potential`, `level_set`, the charges and `geometry`.
    """
    kept = dataset[["potential", "level_set", "charge_position", "charge_value", "geometry"]]
    label = dataset["regular_potential"]
    # Variables, not arrays with coordinates: xarray would silently drop nodes whose coordinates differ.
    error = estimate.variable.astype("f8") - label.variable.astype("f8")
    return kept.assign(
        error=(label.dims, error.data, {"units": "1", "long_name": "error of the potential, kT/e"})
    )


def accumulate(
    errors: xr.Dataset, settings: Analysis, block: int = BLOCK, each: Each = in_process
) -> xr.Dataset:
    """Sum up errors by family, side, distance band and region, holding `block` samples at a time.

    Parameters
    ----------
    errors : xarray.Dataset
        From `potential_error`; any chunking.
    settings : Analysis
        Edges of the bands, width of the regions.
    block : int
        Samples held in memory at once.
    each : Each
        Where the tables of a block are made: here, one after another, or by the workers of `debye.cluster`.

    Returns
    -------
    xarray.Dataset
        Numbers of nodes, sums of squares and maxima: `band_*` (family, side, band), `region_*` (family,
        region); `sample_*` (sample, region); least and largest finite u away from charges; nodes left out and
        samples of each family.

    Raises
    ------
    FormatError
        If an estimate is not finite.
    """
    family_of = np.asarray(errors["geometry"].values, dtype=str)
    families, row, counts = np.unique(family_of, return_inverse=True, return_counts=True)
    names = [region.name for region in regions(settings)]
    bands, samples = len(settings.bands) + 1, errors.sizes["sample"]
    by_band = _Sums((len(families), len(SIDES) * bands))
    by_region = _Sums((len(families), len(names)))
    excluded = np.zeros(len(families), dtype=np.int64)
    error_square, potential_square = np.zeros((2, samples, len(names)))
    low, high = np.inf, -np.inf
    parts = [slice(start, start + block) for start in range(0, samples, block)]
    # Families are not for workers: xarray holds all of a data set's text in memory, and each block would carry it.
    fields = errors.drop_vars("geometry")
    made = each(ready(partial(tables, settings=settings)), (fields.isel(sample=here) for here in parts))
    for here, part in zip(parts, track(made, len(parts), "errors"), strict=True):
        by_band.add(row[here], *part.by_band)
        by_region.add(row[here], *part.by_region)
        error_square[here], potential_square[here] = part.by_region[1], part.potential_square
        np.add.at(excluded, row[here], part.excluded)
        low, high = min(low, part.low), max(high, part.high)
    shape = (len(families), len(SIDES), bands)
    edges = np.array([-np.inf, *settings.bands, np.inf])
    content: dict[str, Any] = {
        "region_" + name: (("family", "region"), values) for name, values in by_region.arrays().items()
    }
    content |= {
        "band_" + name: (("family", "side", "band"), values.reshape(shape))
        for name, values in by_band.arrays().items()
    }
    content |= {
        "sample_error_square": (("sample", "region"), error_square),
        "sample_potential_square": (("sample", "region"), potential_square),
        "geometry": ("sample", family_of.astype(object)),
        "excluded_nodes": ("family", excluded),
        "samples": ("family", counts),
        "potential_low": low,
        "potential_high": high,
    }
    coordinates = {"family": families.astype(object), "region": names, "side": list(SIDES)}
    return xr.Dataset(
        content, coordinates | {"band_lower": ("band", edges[:-1]), "band_upper": ("band", edges[1:])}
    )


def tables(block: xr.Dataset, settings: Analysis) -> Tables:
    """Tables of a block of samples, which is read here.

    Raises
    ------
    FormatError
        If an estimate is not finite.
    """
    nodes = _Nodes(block, settings)
    names = [region.name for region in regions(settings)]
    return Tables(
        by_band=nodes.over_bands(np.asarray(settings.bands)),
        by_region=nodes.over_regions(names),
        potential_square=nodes.potential_square(names),
        excluded=(~nodes.finite).sum(axis=1),
        low=nodes.extreme(np.min, np.inf),
        high=nodes.extreme(np.max, -np.inf),
    )


class _Sums:
    """Number of nodes, sum of squares and maximum in each cell of a table (family, cell)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.nodes = np.zeros(shape, dtype=np.int64)
        self.square = np.zeros(shape)
        self.maximum = np.zeros(shape)

    def add(self, row: NDArray[np.intp], nodes: Ints, square: Floats, maximum: Floats) -> None:
        """Add tables (sample, cell) to the rows of their families, one sample after the other."""
        np.add.at(self.nodes, row, nodes)
        np.add.at(self.square, row, square)
        np.maximum.at(self.maximum, row, maximum)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"nodes": self.nodes, "square": self.square, "maximum": self.maximum}


class _Nodes:
    """The nodes of a block of samples, in memory; arrays (sample, node)."""

    def __init__(self, block: xr.Dataset, settings: Analysis) -> None:
        spacing = grid_of(block).spacing
        axes = [name for name in AXES if name in block.dims]
        flat = {
            name: block[name].transpose("sample", *axes).values.reshape(block.sizes["sample"], -1)
            for name in ("error", "potential", "level_set")
        }
        self.error: Floats = np.ascontiguousarray(flat["error"], dtype=np.float64)
        if not np.isfinite(self.error).all():
            raise FormatError(
                explain(
                    "error analysis",
                    "NaN or inf in an estimate",
                    "finite potentials",
                    "make the prediction anew",
                )
            )
        self.finite = np.isfinite(flat["potential"])
        self.potential: Floats = np.where(self.finite, flat["potential"], 0.0)
        self.distance: Floats = flat["level_set"].astype(np.float64) / spacing
        near = _charge_distance(block, axes) < settings.near_charge * spacing
        interface = np.abs(self.distance) < settings.interface_band
        inside = self.distance < 0
        masks = {
            "all": np.ones_like(near),
            "inside": inside,
            "outside": ~inside,
            "near_charges": near,
            "interface": interface,
            "bulk": ~near & ~interface,
        }
        self.masks = {name: mask & self.finite for name, mask in masks.items()}
        self.away = self.finite & ~near

    def over_regions(self, names: list[str]) -> tuple[Ints, Floats, Floats]:
        """Nodes, sum of squared errors and largest error, each (sample, region)."""
        masks = [self.masks[name] for name in names]
        square, size = self.error**2, np.abs(self.error)
        return (
            np.stack([mask.sum(axis=1) for mask in masks], axis=1),
            np.stack([np.where(mask, square, 0.0).sum(axis=1) for mask in masks], axis=1),
            np.stack([np.where(mask, size, 0.0).max(axis=1) for mask in masks], axis=1),
        )

    def potential_square(self, names: list[str]) -> Floats:
        """Sum of u² over finite nodes, (sample, region)."""
        square = self.potential**2
        return np.stack([np.where(self.masks[name], square, 0.0).sum(axis=1) for name in names], axis=1)

    def over_bands(self, edges: Floats) -> tuple[Ints, Floats, Floats]:
        """Nodes, sum of squared errors and largest error, each (sample, side × band)."""
        bands = edges.size + 1
        side = np.where(self.distance < 0, 0, 1)
        cell = side * bands + np.digitize(self.distance, edges)
        samples, cells = self.error.shape[0], 2 * bands
        cell += np.arange(samples)[:, None] * cells
        chosen, error = cell[self.finite], self.error[self.finite]
        nodes = np.bincount(chosen, minlength=samples * cells)
        square = np.bincount(chosen, weights=error**2, minlength=samples * cells)
        maximum = np.zeros(samples * cells)
        np.maximum.at(maximum, chosen, np.abs(error))
        return tuple(table.reshape(samples, cells) for table in (nodes, square, maximum))  # type: ignore[return-value]

    def extreme(self, reduce: Any, empty: float) -> float:
        """Least or largest u over the finite nodes away from charges."""
        values = self.potential[self.away]
        return float(reduce(values)) if values.size else empty


def _charge_distance(block: xr.Dataset, axes: list[str]) -> Floats:
    """Distance of every node to the nearest charge, (sample, node), Å; inf without charges."""
    points = np.stack(
        [axis.ravel() for axis in np.meshgrid(*(block[name].values for name in axes), indexing="ij")]
    )
    position = block["charge_position"].transpose("sample", "charge", "axis").values
    real = block["charge_value"].transpose("sample", "charge").values != 0
    nearest = np.full((position.shape[0], points.shape[1]), np.inf)
    for number in range(position.shape[1]):
        offsets = (points[axis] - position[:, number, axis, None] for axis in range(len(axes)))
        square = sum(offset**2 for offset in offsets)
        np.minimum(nearest, np.where(real[:, number, None], square, np.inf), out=nearest)
    distance: Floats = np.sqrt(nearest)
    return distance
