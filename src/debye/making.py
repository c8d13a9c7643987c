"""Data sets in the format made of arrays in memory, and a made-up one for tests of readers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from debye.parameters import Grid, Medium
from debye.provenance import now, source
from debye.seeds import generator
from debye.variables import (
    AXES,
    COORDINATES,
    FORMAT_VERSION,
    VARIABLES,
    coordinate_attributes,
    variable_attributes,
)


def describe(dataset: xr.Dataset) -> xr.Dataset:
    """Return the data set with CF attributes on every variable of the format and on its coordinates."""
    described = dataset.copy()
    for name in COORDINATES:
        if name in described.coords:
            described[name].attrs = coordinate_attributes(name)
    for name in VARIABLES:
        if name in described:
            described[name].attrs = variable_attributes(name)
    return described


def root_attributes(
    title: str, configuration: str, code_digest: str, geometry_parameters: Mapping[str, list[str]]
) -> dict[str, str]:
    """Root attributes of a file made now by this program."""
    return {
        "Conventions": "CF-1.11",
        "format_version": FORMAT_VERSION,
        "title": title,
        "source": source(),
        "configuration": configuration,
        "code_digest": code_digest,
        "date_created": now(),
        "geometry_parameters": json.dumps(dict(geometry_parameters), sort_keys=True),
    }


def build(content: Mapping[str, Any], grid: Grid, attributes: Mapping[str, str]) -> xr.Dataset:
    """Put arrays of samples into a described data set; variables left out are zero or empty text.

    Parameters
    ----------
    content : mapping
        Name → array with the dimensions of `VARIABLES`.
    grid : Grid
        The grid of the fields.
    attributes : mapping
        Root attributes, see `root_attributes`.
    """
    samples = len(content["index"])
    variables = {}
    for name, variable in VARIABLES.items():
        dtype = object if variable.dtype == "str" else np.dtype(variable.dtype)
        values = content.get(name)
        nothing = np.full(samples, "" if dtype is object else 0, dtype=dtype)
        array = nothing if values is None else np.asarray(values).astype(dtype)
        variables[name] = (variable.dims_on(grid.dim), array)
    coordinates = {name: (name, grid.axis) for name in AXES[: grid.dim]}
    return describe(xr.Dataset(variables, coords=coordinates, attrs=dict(attributes)))


def mock(
    samples: int = 4, grid: Grid | None = None, charges: int = 2, geometry: str = "disc", seed: int = 0
) -> xr.Dataset:
    """Make a small valid data set with made-up content: discs whose potential is smooth and not a solution.

    Parameters
    ----------
    samples, charges : int
        Number of samples and of charges in each.
    grid : Grid, optional
        16 cells on [-8, 8]² Å if left out.
    geometry : str
        Name of the family.
    seed : int
        Seed, as in the `seed` variable.

    Returns
    -------
    xarray.Dataset
        In memory; passes `debye.schema.validate`.
    """
    grid = grid or Grid(cells=16, half_width=8.0, dim=2)
    random = generator("mock", geometry, seed)
    points = grid.points()
    radius = 0.5 * grid.half_width * (0.8 + 0.2 * random.random(samples))
    distance = np.linalg.norm(points, axis=1)
    position = random.uniform(-0.2, 0.2, (samples, charges, grid.dim)) * grid.half_width
    value = random.choice([-1.0, 1.0], (samples, charges)) * random.uniform(0.02, 0.1, (samples, charges))
    waves = np.cos(points @ (random.normal(size=(grid.dim, samples)) / grid.half_width)).T
    field_shape = (samples, *grid.shape)
    medium = Medium()
    content: dict[str, Any] = {
        "regular_potential": (value.sum(axis=1)[:, None] * waves).reshape(field_shape),
        "level_set": (distance[None, :] - radius[:, None]).reshape(field_shape),
        "charge_position": position,
        "charge_value": value,
        "charge_count": np.full(samples, charges),
        "geometry_parameter": np.column_stack([np.zeros((samples, grid.dim)), radius]),
        "ions": np.full(samples, medium.ions, dtype=object),
        "layer_cells": np.full(samples, medium.debye_length / grid.spacing),
        "geometry": np.full(samples, geometry, dtype=object),
        "seed": np.full(samples, seed),
        "index": np.arange(samples),
    }
    for name in ("eps_solute", "eps_solvent", "debye_length", "temperature"):
        content[name] = np.full(samples, getattr(medium, name))
    parameters = [f"center_{name}" for name in AXES[: grid.dim]] + ["radius"]
    configuration = '{"mock":true}'
    return build(
        content, grid, root_attributes("mock samples", configuration, "mock", {geometry: parameters})
    )
