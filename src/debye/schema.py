"""The data format: which variables a shard or data set holds, their dimensions, types and units.

`docs/data_format.md` is the specification in prose. `validate` checks a file against this table and `mock` makes
a small valid one, so that a reader can be written and tested without solving anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from debye.errors import FormatError, explain
from debye.parameters import Grid, Medium
from debye.provenance import now, source
from debye.seeds import generator

FORMAT_VERSION = "2.0"
AXES = ("x", "y", "z")

ROOT_ATTRIBUTES = (
    "Conventions",
    "format_version",
    "title",
    "source",
    "configuration",
    "code_digest",
    "date_created",
    "geometry_parameters",
)
"""Attributes every file carries; `configuration` and `geometry_parameters` are JSON."""


@dataclass(frozen=True)
class Variable:
    """One variable of the format; `dims` writes the grid's axes as "grid"."""

    dims: tuple[str, ...]
    dtype: str
    """numpy type code, or "str"."""
    units: str | None
    long_name: str
    finite: bool = True
    """False where NaN pads a ragged row."""

    def dims_on(self, dim: int) -> tuple[str, ...]:
        """Dimensions with "grid" replaced by the axes of a `dim`-dimensional grid."""
        spread = [AXES[:dim] if name == "grid" else (name,) for name in self.dims]
        return tuple(name for names in spread for name in names)


VARIABLES: dict[str, Variable] = {
    "regular_potential": Variable(
        ("sample", "grid"), "f4", "1", "regular potential w: u - G in the solute, u in the solvent, in kT/e"
    ),
    "level_set": Variable(
        ("sample", "grid"), "f4", "angstrom", "signed distance to the interface, < 0 in the solute"
    ),
    "charge_position": Variable(
        ("sample", "charge", "axis"),
        "f8",
        "angstrom",
        "positions of the charges, NaN where padded",
        finite=False,
    ),
    "charge_value": Variable(
        ("sample", "charge"), "f8", "e", "charges (e in 3-D, e/angstrom in 2-D), 0 where padded"
    ),
    "charge_count": Variable(("sample",), "i4", "1", "number of charges"),
    "eps_solute": Variable(("sample",), "f8", "1", "relative permittivity of the solute"),
    "eps_solvent": Variable(("sample",), "f8", "1", "relative permittivity of the solvent"),
    "debye_length": Variable(("sample",), "f8", "angstrom", "Debye length, inf without ions", finite=False),
    "temperature": Variable(("sample",), "f8", "K", "absolute temperature"),
    "ions": Variable(("sample",), "str", None, "ionic term: nonlinear (sinh u) or linear (u)"),
    "geometry": Variable(("sample",), "str", None, "geometry family"),
    "geometry_parameter": Variable(
        ("sample", "parameter"),
        "f8",
        None,
        "parameters of the shape, named by geometry_parameters",
        finite=False,
    ),
    "seed": Variable(("sample",), "i8", None, "seed of the shard"),
    "index": Variable(("sample",), "i8", None, "index of the sample within its family and seed"),
    "reaction_energy": Variable(("sample",), "f8", "kT", "half the sum of q_i w(x_i); kT/angstrom in 2-D"),
    "ionic_energy": Variable(
        ("sample",),
        "f8",
        "kT",
        "osmotic energy of the ions, 0 where they are linear; kT/angstrom in 2-D",
    ),
    "newton_steps": Variable(("sample",), "i4", "1", "Newton steps (1 for the linear equation)"),
    "cg_iterations": Variable(("sample",), "i4", "1", "conjugate-gradient iterations in all"),
    "relative_residual": Variable(
        ("sample",), "f8", "1", "relative residual of the discrete equation at the end"
    ),
    "layer_cells": Variable(
        ("sample",),
        "f8",
        "1",
        "least debye_length/sqrt(cosh u) in the solvent, in cells; inf without ions",
        finite=False,
    ),
    "warnings": Variable(
        ("sample",), "str", None, "what is inaccurate in a converged sample, empty where nothing is"
    ),
    "solve_seconds": Variable(("sample",), "f8", "s", "wall time of the sample"),
    "rejected_shapes": Variable(
        ("sample",), "i4", "1", "shapes drawn and refused before this sample's shape"
    ),
    "rejected_charges": Variable(
        ("sample",), "i4", "1", "charge positions drawn and refused for this sample"
    ),
    "rejected_solves": Variable(
        ("sample",), "i4", "1", "charge sets drawn and refused because no solve converged"
    ),
}

COORDINATES: dict[str, tuple[str, str]] = {
    name: ("angstrom", f"{name} coordinate of the nodes") for name in AXES
}

MEASURED = ("solve_seconds",)
"""Variables that differ from run to run; content digests leave them out."""


def grid_of(dataset: xr.Dataset) -> Grid:
    """Grid of a data set, from its coordinates.

    Raises
    ------
    FormatError
        If the coordinates are missing or are not those of a uniform cube centred at the origin.
    """
    axes = [name for name in AXES if name in dataset.dims]
    if len(axes) not in (2, 3) or any(name not in dataset.coords for name in axes):
        raise FormatError(explain("grid", f"axes {axes}", "coordinates x, y[, z]", "make the file anew"))
    first = np.asarray(dataset[axes[0]].values, dtype=float)
    if not np.isfinite(first).all() or first.size < 5 or first[-1] <= 0:
        expected = "the nodes of a centred box"
        raise FormatError(explain("coordinate x", "no rising box", expected, "make the file anew"))
    grid = Grid(cells=first.size - 1, half_width=float(first[-1]), dim=len(axes))  # type: ignore[arg-type]
    for name in axes:
        values = np.asarray(dataset[name].values, dtype=float)
        if values.shape != grid.axis.shape or not np.allclose(values, grid.axis, atol=1e-9 * grid.half_width):
            raise FormatError(
                explain(
                    f"coordinate {name}",
                    "uneven or off-centre nodes",
                    "a uniform centred cube",
                    "make it anew",
                )
            )
    return grid


def medium_of(dataset: xr.Dataset, where: str) -> Medium:
    """The one medium of all samples of a data set.

    Raises
    ------
    FormatError
        If there are several; `where` names the data set.
    """
    values = {}
    for name in Medium.model_fields:
        found = np.unique(dataset[name].values)
        if len(found) > 1:
            raise FormatError(
                explain(
                    f"{where}: {name}",
                    found.tolist(),
                    "one medium in a data set",
                    "train on one medium at a time",
                )
            )
        values[name] = found[0].item() if isinstance(found[0], np.generic) else found[0]
    return Medium(**values)


def coordinate_attributes(name: str) -> dict[str, str]:
    """CF attributes of a coordinate."""
    units, long_name = COORDINATES[name]
    return {"units": units, "long_name": long_name, "axis": name.upper()}


def variable_attributes(name: str) -> dict[str, str]:
    """CF attributes of a variable of the format."""
    variable = VARIABLES[name]
    attributes = {"long_name": variable.long_name}
    if variable.units is not None:
        attributes["units"] = variable.units
    return attributes


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


def validate(dataset: xr.Dataset, where: str = "data set", values: bool = True) -> Grid:
    """Check a data set against the format.

    Parameters
    ----------
    dataset : xarray.Dataset
        What was opened.
    where : str
        Its name in messages.
    values : bool
        Also read every variable and check that it is finite where it must be.

    Returns
    -------
    Grid
        The grid of the data set.

    Raises
    ------
    FormatError
        If an attribute or variable is missing, or has another version, dimension or type, or is not finite.

    Examples
    --------
    >>> validate(mock(samples=2)).cells
    16
    """
    remedy = "make the file anew with this version of debye"
    for name in ROOT_ATTRIBUTES:
        if name not in dataset.attrs:
            raise FormatError(explain(f"{where}: attribute {name}", "nothing", "a value", remedy))
    found = str(dataset.attrs["format_version"])
    if found.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise FormatError(explain(f"{where}: format version", found, FORMAT_VERSION, remedy))
    try:
        grid = grid_of(dataset)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    for name, variable in VARIABLES.items():
        if name not in dataset:
            raise FormatError(explain(f"{where}: variable {name}", "nothing", variable.long_name, remedy))
        _validate_variable(dataset[name], variable, f"{where}: variable {name}", grid.dim, values)
    return grid


def _validate_variable(array: xr.DataArray, variable: Variable, where: str, dim: int, values: bool) -> None:
    remedy = "make the file anew with this version of debye"
    expected = variable.dims_on(dim)
    if array.dims != expected:
        raise FormatError(explain(where, f"dimensions {array.dims}", f"{expected}", remedy))
    if variable.dtype == "str":
        if array.dtype.kind not in "OUT":
            raise FormatError(explain(where, f"type {array.dtype}", "text", remedy))
    elif array.dtype != np.dtype(variable.dtype):
        raise FormatError(explain(where, f"type {array.dtype}", variable.dtype, remedy))
    elif values:
        refuse_not_finite(str(array.name), array, where)


def refuse_not_finite(name: str, values: Any, where: str) -> None:
    """Raise `FormatError` if a value of a variable of the format is NaN or infinite and must not be."""
    variable = VARIABLES[name]
    if variable.finite and variable.dtype != "str" and not bool(np.isfinite(values).all()):
        raise FormatError(explain(where, "NaN or inf", "finite values", "delete the file and make it anew"))


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
        In memory; passes `validate`.
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


def parameter_names(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Names of the shape parameters of each family in a data set, in the order of `geometry_parameter`."""
    names: dict[str, list[str]] = json.loads(dataset.attrs["geometry_parameters"])
    return names
