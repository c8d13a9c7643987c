"""Files of samples written as the samples come, so that memory does not grow with their number.

A shard is written sample by sample while it is solved, a merged data set block by block; both are laid out here.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from debye import schema
from debye.errors import FormatError, explain
from debye.parameters import Grid
from debye.store import atomic, open_raw

BLOCK_BYTES = 1 << 22
"""Bytes of a variable that are read, checked, digested and written at once: more would not fit a core's cache."""

BLOCK_SAMPLES = 1000
"""Most samples of a block: HDF5 takes some 3 kB for each chunk, so each sample of a field, that it reads at once."""

READ_BACK = 10_000
"""Samples after which a file that is read back is opened anew."""


def create(file: netCDF4.Dataset, grid: Grid, sizes: Mapping[str, int]) -> None:
    """Lay out an empty file in the format: dimensions, coordinates, and variables without values.

    Parameters
    ----------
    file : netCDF4.Dataset
        Open for writing.
    grid : Grid
    sizes : mapping
        Of the dimensions `sample`, `charge` and `parameter`.
    """
    axes = schema.AXES[: grid.dim]
    for name, size in {**sizes, **dict.fromkeys(axes, grid.cells + 1), "axis": grid.dim}.items():
        file.createDimension(name, size)
    for name in axes:
        coordinate = file.createVariable(name, "f8", (name,), fill_value=False)
        coordinate.setncatts(schema.coordinate_attributes(name))
        coordinate[:] = grid.axis
    for name, variable in schema.VARIABLES.items():
        dims = variable.dims_on(grid.dim)
        if variable.dtype == "str":
            made = file.createVariable(name, str, dims)
        else:
            chunks = (1, *grid.shape) if "grid" in variable.dims else None
            made = file.createVariable(name, variable.dtype, dims, chunksizes=chunks, fill_value=False)
        made.setncatts(schema.variable_attributes(name))


def columns(sizes: Mapping[str, int], dim: int) -> dict[str, NDArray[Any]]:
    """Zero or empty arrays for every variable but the fields on the grid.

    Parameters
    ----------
    sizes : mapping
        Of the dimensions `sample`, `charge` and `parameter`.
    dim : int
        Number of space dimensions.

    Examples
    --------
    >>> made = columns({"sample": 5, "charge": 2, "parameter": 3}, dim=2)
    >>> made["charge_position"].shape, "level_set" in made
    ((5, 2, 2), False)
    """
    made: dict[str, NDArray[Any]] = {}
    for name, variable in schema.VARIABLES.items():
        if "grid" not in variable.dims:
            shape = [{**sizes, "axis": dim}[dimension] for dimension in variable.dims]
            text = variable.dtype == "str"
            made[name] = np.full(shape, "" if text else 0, dtype=object if text else variable.dtype)
    return made


def sample_bytes(grid: Grid, sizes: Mapping[str, int]) -> int:
    """Bytes of a sample in a file, as the types of the format prescribe; text counts as its reference of 16 bytes.

    What netCDF adds (the index of chunks, the words themselves) is some 250 bytes a sample more.

    Parameters
    ----------
    grid : Grid
    sizes : mapping
        Of the dimensions `charge` and `parameter`; where it is empty, only the fields on the grid are counted.

    Examples
    --------
    >>> sample_bytes(Grid(cells=128, half_width=16.0), {})
    133128
    """
    lengths = {"sample": 1, "axis": grid.dim, "grid": math.prod(grid.shape), **sizes}
    counted = [variable for variable in schema.VARIABLES.values() if sizes or "grid" in variable.dims]
    return sum(
        math.prod(lengths[name] for name in variable.dims)
        * (16 if variable.dtype == "str" else np.dtype(variable.dtype).itemsize)
        for variable in counted
    )


Put = Callable[[Mapping[str, Any]], None]
"""Writes the next samples: arrays by name, as for `schema.build`; what is left out is zero or empty text."""


@contextlib.contextmanager
def streamed(
    path: str | Path, grid: Grid, sizes: Mapping[str, int], attributes: Mapping[str, str]
) -> Iterator[Put]:
    """Write a data set of the format some samples at a time, whole or not at all.

    Fields go to disk at once and are not kept; what is kept until the end is the few hundred bytes of a sample beside
    them. The file gets its name after it has been read back and found valid.

    Parameters
    ----------
    path : str or Path
    grid : Grid
    sizes : mapping
        Of the dimensions `sample`, `charge` and `parameter`.
    attributes : mapping
        Root attributes, see `schema.root_attributes`.

    Yields
    ------
    callable
        See `Put`.

    Raises
    ------
    FormatError
        If the samples are not valid, or fewer than announced.
    """
    done = 0
    rest = columns(sizes, grid.dim)
    with atomic(path) as temporary:
        with netCDF4.Dataset(temporary, "w", format="NETCDF4") as file:
            create(file, grid, sizes)
            file.setncatts(dict(attributes))

            def put(content: Mapping[str, Any]) -> None:
                nonlocal done
                here = slice(done, done + len(content["index"]))
                for name, values in content.items():
                    if name in rest:
                        rest[name][here] = values
                    else:
                        file[name][here] = np.asarray(values, dtype=file[name].dtype)
                done = here.stop

            yield put
            if done != sizes["sample"]:
                raise FormatError(
                    explain(str(path), f"{done} samples", f"{sizes['sample']}", "write as many as announced")
                )
            for name, values in rest.items():
                file[name][:] = values
        _validate(temporary, path)


def _validate(file: Path, path: str | Path) -> None:
    """Read a file that is to be named `path`, block by block, and check it against the format."""
    with open_raw(file, block=None) as dataset:
        schema.validate(dataset, str(path), values=False)
        samples = dataset.sizes["sample"]
    for start in range(0, samples, READ_BACK):
        # HDF5 keeps what it has read of the index of chunks, half a kB a chunk, until the file is closed.
        with netCDF4.Dataset(file) as source:
            source.set_auto_mask(False)
            for name in schema.VARIABLES:
                for block in blocks(source[name], start, start + READ_BACK):
                    schema.refuse_not_finite(name, source[name][block], f"{path}: variable {name}")


def blocks(variable: netCDF4.Variable[Any], first: int = 0, end: int | None = None) -> Iterator[slice]:
    """Samples of a variable, some `BLOCK_BYTES` at a time: those from `first` to before `end`, or to the last."""
    samples, *row = variable.shape
    end = samples if end is None else min(end, samples)
    width = math.prod(row) * (8 if variable.dtype is str else variable.dtype.itemsize)
    yield from rows(first, end, width)


def rows(first: int, end: int, width: int) -> Iterator[slice]:
    """Samples from `first` to before `end`, some `BLOCK_BYTES` at a time where a sample has `width` bytes.

    Examples
    --------
    >>> list(rows(0, 3, width=3_000_000))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    step = min(BLOCK_SAMPLES, max(1, BLOCK_BYTES // width))
    for start in range(first, end, step):
        yield slice(start, min(start + step, end))
