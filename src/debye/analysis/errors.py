"""Errors of the potential by distance from interface and charges, curvature, wave number, quantity, region, family.

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

from debye.analysis.definitions import QUANTITIES, SIDES, Axis, axes, regions
from debye.analysis.interface import curvature, near_interface
from debye.analysis.nodes import CHARGES, MEDIUM, Cells, Floats, Ints, Nodes
from debye.analysis.quantities import quantities
from debye.analysis.spectrum import spectra, wave_numbers
from debye.config import Analysis
from debye.parameters import Grid
from debye.progress import track
from debye.schema import grid_of
from debye.store import BLOCK
from debye.workers import Each, in_process, ready


@dataclass(frozen=True)
class Tables:
    """What a block of samples adds to the sums; arrays (sample, …)."""

    by_band: dict[str, Cells]
    """Axis → nodes, sum of squared errors and largest error, each (sample, side × band)."""
    by_region: Cells
    """The same, each (sample, region)."""
    potential_square: Floats
    """Sum of u² over finite nodes, (sample, region)."""
    excluded: Ints
    """Nodes left out, (sample,)."""
    low: float
    """Least finite u away from charges; inf where there is none."""
    high: float
    """Largest finite u away from charges; -inf where there is none."""
    power: Floats | None = None
    """Power of error and potential, (sample, 2, shell), where errors are decomposed."""
    quantity: Floats | None = None
    """Error and size of the quantities, (sample, quantity, 2), where errors are decomposed."""


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
        `error` (û − u = ŵ − w, float64), `potential`, `regular_potential`, `level_set`, the charges, the medium and
        `geometry`.
    """
    kept = dataset[["potential", "regular_potential", "level_set", *CHARGES, *MEDIUM, "geometry"]]
    label = dataset["regular_potential"]
    # Variables, not arrays with coordinates: xarray would silently drop nodes whose coordinates differ.
    error = estimate.variable.astype("f8") - label.variable.astype("f8")
    return kept.assign(
        error=(label.dims, error.data, {"units": "1", "long_name": "error of the potential, kT/e"})
    )


def accumulate(
    errors: xr.Dataset,
    settings: Analysis,
    block: int = BLOCK,
    each: Each = in_process,
    decomposed: bool = False,
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
    decomposed : bool
        Whether to go on to all axes, spectra and quantities of `debye.analysis.definitions`.

    Returns
    -------
    xarray.Dataset
        Numbers of nodes, sums of squares and maxima: `band_*` (family, side, band), `region_*` (family,
        region); `sample_*` (sample, region); least and largest finite u away from charges; nodes left out and
        samples of each family. Decomposed, also `debye_band_*`, `charge_band_*` and `curvature_band_*` like `band_*`,
        `power_error` and `power_potential` (family, wave_number), `quantity_error` and `quantity_size` (sample,
        quantity).

    Raises
    ------
    FormatError
        If an estimate is not finite.
    """
    family_of = np.asarray(errors["geometry"].values, dtype=str)
    families, row, counts = np.unique(family_of, return_inverse=True, return_counts=True)
    samples = errors.sizes["sample"]
    totals = _Totals(families, samples, settings, grid_of(errors), decomposed)
    parts = [slice(start, start + block) for start in range(0, samples, block)]
    # Families are not for workers: xarray holds all of a data set's text in memory, and each block would carry it.
    fields = errors.drop_vars("geometry")
    work = partial(tables, settings=settings, decomposed=decomposed)
    made = each(ready(work), (fields.isel(sample=here) for here in parts))
    for here, part in zip(parts, track(made, len(parts), "errors"), strict=True):
        totals.add(here, row[here], part)
    sums = totals.labelled()
    return sums.assign(geometry=("sample", family_of.astype(object)), samples=("family", counts))


def tables(block: xr.Dataset, settings: Analysis, decomposed: bool = False) -> Tables:
    """Tables of a block of samples, which is read here.

    Raises
    ------
    FormatError
        If an estimate is not finite.
    """
    nodes = Nodes(block, settings)
    names = [region.name for region in regions(settings)]
    return Tables(
        by_band={
            axis.name: nodes.over_bands(_coordinate(axis.name, nodes, settings), axis.edges)
            for axis in _against(settings, decomposed)
        },
        by_region=nodes.over_regions(names),
        potential_square=nodes.potential_square(names),
        excluded=(~nodes.finite).sum(axis=1),
        low=nodes.extreme(np.min, np.inf),
        high=nodes.extreme(np.max, -np.inf),
        power=spectra(nodes) if decomposed else None,
        quantity=quantities(nodes) if decomposed else None,
    )


def _against(settings: Analysis, decomposed: bool) -> tuple[Axis, ...]:
    every = axes(settings)
    return every if decomposed else every[:1]


def _coordinate(name: str, nodes: Nodes, settings: Analysis) -> Floats:
    """Where on an axis each node lies, (sample, node); NaN or inf where it has no place there."""
    if name == "band":
        return nodes.distance
    if name == "charge_band":
        return nodes.charge_distance / nodes.grid.spacing
    if name == "debye_band":
        length = nodes.medium["debye_length"][:, None]
        return nodes.level_set / np.where(np.isfinite(length), length, np.nan)
    near = near_interface(nodes, settings.interface_band)
    values = np.full(nodes.distance.shape, np.nan)
    values[near.sample, near.node] = curvature(nodes, near)
    return values


class _Totals:
    """The sums over all blocks so far."""

    def __init__(
        self, families: NDArray[np.str_], samples: int, settings: Analysis, grid: Grid, decomposed: bool
    ) -> None:
        self.families, self.decomposed = families, decomposed
        self.names = [region.name for region in regions(settings)]
        self.against = _against(settings, decomposed)
        self.waves = wave_numbers(grid)
        rows = len(families)
        self.by_band = {axis.name: _Sums((rows, len(SIDES) * (len(axis.edges) + 1))) for axis in self.against}
        self.by_region = _Sums((rows, len(self.names)))
        self.error_square, self.potential_square = np.zeros((2, samples, len(self.names)))
        self.excluded = np.zeros(rows, dtype=np.int64)
        self.low, self.high = np.inf, -np.inf
        self.power = np.zeros((rows, 2, self.waves.size))
        self.quantity = np.zeros((samples, len(QUANTITIES), 2))

    def add(self, here: slice, row: NDArray[np.intp], part: Tables) -> None:
        """Add the tables of the samples `here`, whose families are `row`, one sample after the other."""
        for name, cells in part.by_band.items():
            self.by_band[name].add(row, *cells)
        self.by_region.add(row, *part.by_region)
        self.error_square[here], self.potential_square[here] = part.by_region[1], part.potential_square
        np.add.at(self.excluded, row, part.excluded)
        self.low, self.high = min(self.low, part.low), max(self.high, part.high)
        if part.power is not None and part.quantity is not None:
            np.add.at(self.power, row, part.power)
            self.quantity[here] = part.quantity

    def labelled(self) -> xr.Dataset:
        """The sums with names and coordinates."""
        content: dict[str, Any] = {
            f"region_{name}": (("family", "region"), values)
            for name, values in self.by_region.arrays().items()
        }
        coordinates: dict[str, Any] = {
            "family": self.families.astype(object), "region": self.names, "side": list(SIDES)
        }  # fmt: skip
        for axis in self.against:
            shape = (len(self.families), len(SIDES), len(axis.edges) + 1)
            for name, values in self.by_band[axis.name].arrays().items():
                content[f"{axis.name}_{name}"] = (("family", "side", axis.name), values.reshape(shape))
            edges = np.array([axis.least, *axis.edges, np.inf])
            coordinates[f"{axis.name}_lower"] = (axis.name, edges[:-1])
            coordinates[f"{axis.name}_upper"] = (axis.name, edges[1:])
        content |= {
            "sample_error_square": (("sample", "region"), self.error_square),
            "sample_potential_square": (("sample", "region"), self.potential_square),
            "excluded_nodes": ("family", self.excluded),
            "potential_low": self.low,
            "potential_high": self.high,
        }
        if self.decomposed:
            for number, name in enumerate(("error", "potential")):
                content[f"power_{name}"] = (("family", "wave_number"), self.power[:, number])
            for number, name in enumerate(("error", "size")):
                content[f"quantity_{name}"] = (("sample", "quantity"), self.quantity[:, :, number])
            coordinates |= {"wave_number": self.waves, "quantity": list(QUANTITIES)}
        return xr.Dataset(content, coordinates)


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
