"""The nodes of a block of samples, in memory, and where they lie: side, distance from Γ and charges, regions."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from debye.config import Analysis
from debye.errors import FormatError, explain
from debye.schema import AXES, grid_of
from debye.units import coupling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Cells = tuple[Ints, Floats, Floats]
"""Nodes, sum of squared errors and largest error of the cells of a table."""

FIELDS = ("error", "potential", "regular_potential", "level_set")
MEDIUM = ("eps_solute", "eps_solvent", "debye_length", "temperature")
CHARGES = ("charge_position", "charge_value")


class Nodes:
    """The nodes of a block of samples; arrays (sample, node), nodes in C order of the grid.

    Parameters
    ----------
    block : xarray.Dataset
        From `debye.analysis.errors.potential_error`, read here.
    settings : Analysis
        Width of the regions.

    Raises
    ------
    FormatError
        If an estimate is not finite.
    """

    def __init__(self, block: xr.Dataset, settings: Analysis) -> None:
        self.grid = grid_of(block)
        axes = list(AXES[: self.grid.dim])
        # All at once, as error and potential come from the same arrays of the file; one thread, as netCDF has one.
        with dask.config.set(scheduler="synchronous"):
            fields = block[[*FIELDS, *CHARGES, *MEDIUM]].compute().transpose("sample", ..., *axes)
        flat = {name: fields[name].values.reshape(block.sizes["sample"], -1) for name in FIELDS}
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
        self.finite: Mask = np.isfinite(flat["potential"])
        self.potential: Floats = np.where(self.finite, flat["potential"], 0.0)
        self.regular: Floats = flat["regular_potential"].astype(np.float64)
        self.level_set: Floats = flat["level_set"].astype(np.float64)
        self.position: Floats = fields["charge_position"].transpose("sample", "charge", "axis").values
        self.charge: Floats = fields["charge_value"].transpose("sample", "charge").values
        self.medium: dict[str, Floats] = {name: fields[name].values.astype(np.float64) for name in MEDIUM}
        self.coupling: Floats = np.array([coupling(one) for one in self.medium["temperature"]])
        self.distance: Floats = self.level_set / self.grid.spacing
        self.charge_distance = self._charge_distance()
        near = self.charge_distance < settings.near_charge * self.grid.spacing
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
        self.masks: dict[str, Mask] = {name: mask & self.finite for name, mask in masks.items()}
        self.away = self.finite & ~near

    @property
    def samples(self) -> int:
        """Samples of the block."""
        return len(self.error)

    def on_grid(self, values: NDArray[Any]) -> NDArray[Any]:
        """Array (sample, node) as (sample, x, y[, z])."""
        return values.reshape(-1, *self.grid.shape)

    def over_regions(self, names: list[str]) -> Cells:
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

    def over_bands(self, value: Floats, edges: tuple[float, ...]) -> Cells:
        """Nodes, sum of squared errors and largest error by side and band of a value, each (sample, side × band).

        Parameters
        ----------
        value : ndarray, shape (sample, node)
            What is divided into bands; nodes where it is not finite are left out.
        edges : tuple of float
            Inner edges of the bands; a node at an edge belongs to the band above.
        """
        bands = len(edges) + 1
        samples, cells = self.samples, 2 * bands
        kept = self.finite & np.isfinite(value)
        cell = np.where(self.distance < 0, 0, bands) + np.arange(samples)[:, None] * cells
        chosen, error = cell[kept] + np.digitize(value[kept], edges), self.error[kept]
        nodes = np.bincount(chosen, minlength=samples * cells)
        square = np.bincount(chosen, weights=error**2, minlength=samples * cells)
        maximum = np.zeros(samples * cells)
        np.maximum.at(maximum, chosen, np.abs(error))
        return tuple(table.reshape(samples, cells) for table in (nodes, square, maximum))  # type: ignore[return-value]

    def extreme(self, reduce: Any, empty: float) -> float:
        """Least or largest u over the finite nodes away from charges."""
        values = self.potential[self.away]
        return float(reduce(values)) if values.size else empty

    def _charge_distance(self) -> Floats:
        """Distance of every node to the nearest charge, (sample, node), Å; inf without charges."""
        points = self.grid.points().T.copy()
        nearest = np.full(self.error.shape, np.inf)
        for number in range(self.charge.shape[1]):
            offsets = (points[axis] - self.position[:, number, axis, None] for axis in range(self.grid.dim))
            square = sum(offset**2 for offset in offsets)
            real = self.charge[:, number, None] != 0
            np.minimum(nearest, np.where(real, square, np.inf), out=nearest)
        distance: Floats = np.sqrt(nearest)
        return distance
