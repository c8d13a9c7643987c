"""Files on disk: written whole or not at all, opened lazily, merged with bounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
import netCDF4
import numpy as np
import xarray as xr

from debye import schema
from debye.errors import FormatError, explain
from debye.progress import track
from debye.units import coupling

BLOCK = 64
"""Samples that a merge or an analysis holds at once: its peak memory is a few blocks, whatever the input's size."""


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "whole.txt"
    >>> with atomic(target) as temporary:
    ...     _ = temporary.write_text("all of it")
    >>> target.read_text()
    'all of it'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}", dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files only the owner can read; results are shared in a group.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def encoding_of(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """NetCDF encoding: fields one sample a chunk and uncompressed, no fill value, text as strings."""
    encoding: dict[str, dict[str, Any]] = {}
    for name in dataset.variables:
        array = dataset[name]
        encoding[str(name)] = {"_FillValue": None}
        if array.ndim >= 3 and array.dims[0] == "sample" and set(array.dims[1:]) <= set(schema.AXES):
            # Training reads single samples at random: compression costs ten times the read and saves a quarter.
            encoding[str(name)] |= {"chunksizes": (1, *array.shape[1:]), "zlib": False}
        if array.dtype.kind in "OUT":
            encoding[str(name)] = {"dtype": str}
    return encoding


def write(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a data set to netCDF-4, whole or not at all; lazy arrays are written block by block."""
    with atomic(path) as temporary, dask.config.set(scheduler="synchronous"):
        dataset.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding_of(dataset))


# The library keeps up to 16 MB of chunks for every variable of every open file. A chunk here is a sample that is read
# once: a merge of a hundred open shards would hold gigabytes for nothing.
netCDF4.set_chunk_cache(size=4096, nelems=1, preemption=1.0)


def open_raw(path: str | Path) -> xr.Dataset:
    """Open a netCDF file lazily in blocks of samples, or say why not.

    Raises
    ------
    FormatError
        If the file is missing, truncated, or no netCDF file.
    """
    try:
        return xr.open_dataset(path, engine="netcdf4", chunks={"sample": BLOCK}, mask_and_scale=False)
    except (OSError, ValueError, RuntimeError) as error:
        found = " ".join(str(error).split()) if Path(path).exists() else "no such file"
        raise FormatError(
            explain(
                str(path),
                found,
                "a readable netCDF-4 file",
                "check the path, or delete the file and make it anew",
            )
        ) from None


def open_dataset(path: str | Path, add: Sequence[str] = ()) -> xr.Dataset:
    """Open a shard or data set lazily.

    Parameters
    ----------
    path : str or Path
        A netCDF file in the format of `docs/data_format.md`.
    add : sequence of {"coulomb_potential", "potential"}
        Derived fields to add, computed block by block when they are read.

    Returns
    -------
    xarray.Dataset
        With dask arrays, 64 samples a block.

    Raises
    ------
    FormatError
        If the file is not what it should be.
    """
    dataset = open_raw(path)
    try:
        schema.validate(dataset, str(path), values=False)
    except FormatError:
        dataset.close()
        raise
    unknown = set(add) - {"coulomb_potential", "potential"}
    if unknown:
        raise FormatError(
            explain("add", sorted(unknown), "coulomb_potential or potential", "choose one of these")
        )
    if add:
        coulomb = coulomb_potential(dataset)
        inside = dataset["level_set"] < 0
        added = {"coulomb_potential": coulomb}
        added["potential"] = (dataset["regular_potential"] + coulomb.where(inside, 0.0)).assign_attrs(
            units="1", long_name="reduced potential u in kT/e"
        )
        dataset = dataset.assign({name: added[name] for name in add})
    return dataset


def coulomb_potential(dataset: xr.Dataset) -> xr.DataArray:
    """Potential G of each sample's charges in an infinite medium with the solute's permittivity, at the nodes.

    Returns
    -------
    xarray.DataArray
        Dimensions (sample, x, y[, z]), float64, lazy if `dataset` is; ±inf at a node that holds a charge.
    """
    axes = [name for name in schema.AXES if name in dataset.dims]
    square: Any = sum(
        (dataset[name] - dataset["charge_position"].isel(axis=number)) ** 2
        for number, name in enumerate(axes)
    )
    scale = xr.apply_ufunc(
        coupling, dataset["temperature"], vectorize=True, dask="parallelized", output_dtypes=[float]
    )
    with np.errstate(divide="ignore"):
        if len(axes) == 2:
            kernel = -np.log(square) / (4 * np.pi)
        else:
            kernel = 1.0 / (4 * np.pi * np.sqrt(square))
    # Padded charges sit at NaN with value 0: they are left out, not added as 0 · NaN.
    each = (kernel * dataset["charge_value"]).where(dataset["charge_value"] != 0, 0.0)
    potential = (scale / dataset["eps_solute"]) * each.sum("charge")
    potential = potential.transpose("sample", *axes)
    described: xr.DataArray = potential.assign_attrs(
        units="1", long_name="Coulomb potential G of the charges in the solute's medium, in kT/e"
    )
    return described


def content_digest(dataset: xr.Dataset) -> str:
    """SHA-256 over the content of a data set: what was solved, not when or how fast.

    Parameters
    ----------
    dataset : xarray.Dataset
        In the format; read block by block.
    """
    digest = hashlib.sha256()
    for name in schema.VARIABLES:
        if name in schema.MEASURED:
            continue
        array = dataset[name]
        digest.update(name.encode())
        for start in range(0, array.sizes["sample"], BLOCK):
            values = array.isel(sample=slice(start, start + BLOCK)).values
            digest.update(
                json.dumps(values.tolist()).encode() if values.dtype.kind in "OUT" else values.tobytes()
            )
    return digest.hexdigest()


def merge(paths: Sequence[str | Path], out: str | Path, title: str, code_digest: str) -> str:
    """Merge shards into one data set, ordered by family, seed and index, with bounded memory.

    Parameters
    ----------
    paths : sequence of path
        Shards on the same grid, in the same format.
    out : path
        The data set; written whole or not at all.
    title, code_digest : str
        For its root attributes.

    Returns
    -------
    str
        `content_digest` of the data set: equal for equal samples, whenever and wherever they were solved.

    Raises
    ------
    FormatError
        If a shard is truncated or invalid (it is moved aside as `….corrupt`, so that the next run makes it anew),
        lies on another grid, was made from another configuration, or holds a sample that another shard holds too.
    """
    if not paths:
        raise FormatError(explain("merge", "no shards", "at least one", "name the shards to merge"))
    # One thread: HDF5 serialises reading and writing anyway, and each further thread would hold a further block.
    with dask.config.set(scheduler="synchronous"):
        return _merge(paths, out, title, code_digest)


def _merge(paths: Sequence[str | Path], out: str | Path, title: str, code_digest: str) -> str:
    shards = [_open_shard(path) for path in track(paths, len(paths), "checking shards")]
    try:
        _same_grid(paths, shards)
        order = sorted(range(len(shards)), key=lambda i: _identity(shards[i])[0])
        merged = _concatenate([shards[i] for i in order])
        _no_sample_twice(merged)
        parameters: dict[str, list[str]] = {}
        configuration: dict[str, Any] = {}
        for i in order:
            parameters |= json.loads(shards[i].attrs["geometry_parameters"])
            configuration[_identity(shards[i])[0][0]] = json.loads(shards[i].attrs["configuration"])
        merged.attrs = schema.root_attributes(title, json.dumps(configuration), code_digest, parameters)
        merged.attrs["shards"] = json.dumps([Path(paths[i]).name for i in order])
        merged.attrs["content_digest"] = content_digest(merged)
        write(schema.describe(merged), out)
        return str(merged.attrs["content_digest"])
    finally:
        for shard in shards:
            shard.close()


def _open_shard(path: str | Path) -> xr.Dataset:
    try:
        shard = open_raw(path)
        schema.validate(shard, str(path))
    except FormatError as error:
        aside = Path(f"{path}.corrupt")
        if Path(path).exists():
            Path(path).replace(aside)
            raise FormatError(f"{error} (moved aside as {aside.name}: run the workflow again)") from None
        raise
    return shard


def _identity(dataset: xr.Dataset) -> list[tuple[str, int, int]]:
    columns = (dataset[name].values.tolist() for name in ("geometry", "seed", "index"))
    return list(zip(*columns, strict=True))


def _same_grid(paths: Sequence[str | Path], shards: Sequence[xr.Dataset]) -> None:
    first = schema.grid_of(shards[0])
    for path, shard in zip(paths, shards, strict=True):
        grid = schema.grid_of(shard)
        if grid != first:
            raise FormatError(
                explain(
                    f"{path}: grid",
                    grid,
                    f"{first} as in {paths[0]}",
                    "merge shards of one grid; delete the other",
                )
            )


def _no_sample_twice(merged: xr.Dataset) -> None:
    identities = _identity(merged)
    if len(set(identities)) < len(identities):
        seen: set[tuple[str, int, int]] = set()
        twice = next(one for one in identities if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise FormatError(
            explain(
                "merge",
                f"sample (family, seed, index) = {twice} twice",
                "each sample once",
                "name each shard once",
            )
        )


def _concatenate(shards: Sequence[xr.Dataset]) -> xr.Dataset:
    """Concatenate along `sample`, ragged rows padded to the longest."""
    charges = max(shard.sizes["charge"] for shard in shards)
    parameters = max(shard.sizes["parameter"] for shard in shards)
    padded = []
    for shard in shards:
        wider = {
            "charge": (0, charges - shard.sizes["charge"]),
            "parameter": (0, parameters - shard.sizes["parameter"]),
        }
        fill: Mapping[str, float] = {
            "charge_value": 0.0,
            "charge_position": np.nan,
            "geometry_parameter": np.nan,
        }
        ragged = shard[list(fill)].pad(wider, constant_values=dict(fill))
        padded.append(shard.drop_dims(["charge", "parameter"]).merge(ragged, join="exact"))
    return xr.concat(padded, dim="sample", join="exact", coords="minimal", compat="override", data_vars="all")
