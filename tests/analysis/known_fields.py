"""Data sets of one sample whose fields are known in closed form, and their nodes as the analysis sees them."""

import numpy as np
import xarray as xr

from debye import schema, store
from debye.analysis.errors import potential_error
from debye.analysis.nodes import Nodes
from debye.config import Analysis
from debye.parameters import Grid, Medium
from debye.physics.charges import PointCharges
from debye.physics.exact import disc_regular_potential

SETTINGS = Analysis(bands=(-2, 0, 2), near_charge=2.0, interface_band=2.0)


def radius_of(grid: Grid, center=0.0):
    """Distance of the nodes from a centre, on the grid."""
    return np.linalg.norm(grid.points() - center, axis=1).reshape(grid.shape)


def sample(grid: Grid, level_set, regular=None, positions=(), values=(), **medium) -> xr.Dataset:
    """A data set of one sample, fields in double precision."""
    dataset = schema.mock(1, grid, charges=max(1, len(values)))
    dataset["charge_value"][:], dataset["charge_position"][:] = 0.0, np.nan
    for number, (place, charge) in enumerate(zip(positions, values, strict=True)):
        dataset["charge_position"][0, number] = np.asarray(place)
        dataset["charge_value"][0, number] = charge
    dims = dataset["regular_potential"].dims
    dataset["level_set"] = (dims, np.asarray(level_set, dtype=float)[None])
    field = np.zeros(grid.shape) if regular is None else regular
    dataset["regular_potential"] = (dims, np.asarray(field, dtype=float)[None])
    for name, value in medium.items():
        dataset[name][:] = value
    return dataset


def disc(cells=64, radius=7.3, positions=((2.0, 1.0), (-1.5, 2.0)), values=(0.1, -0.04), medium=None):
    """Charges in a disc with linear ions: the series of `debye.physics.exact`."""
    grid, medium = Grid(cells=cells, half_width=16.0), medium or Medium(ions="linear")
    charges = PointCharges(positions, values)
    regular = disc_regular_potential(grid.points(), radius, charges, medium).reshape(grid.shape)
    length = medium.debye_length
    return sample(grid, radius_of(grid) - radius, regular, positions, values, debye_length=length)


def errors_of(dataset: xr.Dataset, error=0.0) -> xr.Dataset:
    """Errors of an estimate that is wrong by `error`, an array on the grid or of all samples."""
    inside = dataset["level_set"] < 0
    potential = dataset["regular_potential"] + store.coulomb_potential(dataset).where(inside, 0.0)
    estimate = dataset["regular_potential"].astype("f8") + error
    return potential_error(dataset.assign(potential=potential), estimate)


def nodes_of(dataset: xr.Dataset, error=0.0, settings=SETTINGS) -> Nodes:
    """Nodes of a data set predicted with an error."""
    return Nodes(errors_of(dataset, error), settings)
