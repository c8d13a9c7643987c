"""The data format: what a shard or data set holds, how one is checked, read for what it is, and made.

`docs/data_format.md` is the specification in prose. The table of variables is `debye.variables`; `validate` checks a
file against it, and `mock` (of `debye.making`) makes a small valid one, so that a reader can be written and tested
without solving anything. The names of all three are to be had from here.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from debye.errors import FormatError, explain
from debye.making import build, describe, mock, root_attributes
from debye.parameters import Grid, Medium
from debye.variables import (
    AXES,
    COORDINATES,
    FORMAT_VERSION,
    MEASURED,
    ROOT_ATTRIBUTES,
    VARIABLES,
    Variable,
    coordinate_attributes,
    variable_attributes,
)

__all__ = [
    "AXES",
    "COORDINATES",
    "FORMAT_VERSION",
    "MEASURED",
    "ROOT_ATTRIBUTES",
    "VARIABLES",
    "Variable",
    "build",
    "coordinate_attributes",
    "describe",
    "grid_of",
    "medium_of",
    "mock",
    "parameter_names",
    "refuse_not_finite",
    "root_attributes",
    "validate",
    "variable_attributes",
]


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


def parameter_names(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Names of the shape parameters of each family in a data set, in the order of `geometry_parameter`."""
    names: dict[str, list[str]] = json.loads(dataset.attrs["geometry_parameters"])
    return names


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
