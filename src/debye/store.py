"""Files on disk: written whole or not at all, opened lazily."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
import netCDF4
import numpy as np
import xarray as xr

from debye import schema
from debye.errors import DebyeError, FormatError, explain
from debye.parameters import Grid
from debye.units import coupling

BLOCK = 64
"""Samples that a merge or an analysis holds at once: its peak memory is a few blocks, whatever the input's size."""


def check_target(path: str | Path) -> Path:
    """Path that a file written to `path` will have: links are followed, so that they stay.

    Raises
    ------
    FormatError
        If something else than a file is there. A rename would put the file in the place of a device or a pipe.
    """
    try:
        target = Path(path).resolve()
    except (OSError, RuntimeError):
        raise FormatError(
            explain(str(path), "a link in a loop", "a file to write", "remove the link")
        ) from None
    if not target.exists() or target.is_file():
        return target
    kind = "a folder" if target.is_dir() else "a device, pipe or socket"
    raise FormatError(explain(str(path), kind, "a file, or nothing yet", "name a file to write"))


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    One writer at a time may write a target, as `debye.locks` sees to: temporaries that a killed one left are removed.

    Raises
    ------
    FormatError
        See `check_target`.
    DebyeError
        If the disk is full, or netCDF cannot write for another reason.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "whole.txt"
    >>> with atomic(target) as temporary:
    ...     _ = temporary.write_text("all of it")
    >>> target.read_text()
    'all of it'
    """
    target = check_target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(target)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}", dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        with _explained(target):
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


def _remove_left_over(target: Path) -> None:
    """Remove temporaries of a target whose writer was killed before it could."""
    name = re.compile(rf"\.{re.escape(target.stem)}\.[a-z0-9_]{{8}}\.tmp{re.escape(target.suffix)}")
    for entry in os.scandir(target.parent):
        if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            Path(entry.path).unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Say what could not be written where the disk is full; netCDF itself only says "HDF error", and not why."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, DebyeError) or not (full or "NetCDF: " in str(error)):
            raise
        free = shutil.disk_usage(target.parent).free
        raise DebyeError(
            explain(
                str(target),
                f"it could not be written ({' '.join(str(error).split())}), {free:,} bytes of the disk free",
                "a disk with room for it",
                "free space, or write to another disk",
            )
        ) from error


def certificate_beside(checkpoint: Path) -> Path:
    """Where the calibration of the certificates of a checkpoint lies.

    Examples
    --------
    >>> str(certificate_beside(Path("weights/compact.safetensors")))
    'weights/compact.certificate.json'
    """
    return checkpoint.with_name(f"{checkpoint.stem}.certificate.json")


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
    with written(dataset, path):
        pass


@contextlib.contextmanager
def written(dataset: xr.Dataset, path: str | Path) -> Iterator[None]:
    """Write a data set as `write` does, but give it its name only when the block ends well: both or none."""
    with atomic(path) as temporary:
        with dask.config.set(scheduler="synchronous"):
            dataset.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding_of(dataset))
        yield


# The library keeps up to 16 MB of chunks for every variable of every open file. A chunk here is a sample that is read
# once: a merge of a hundred open shards would hold gigabytes for nothing.
netCDF4.set_chunk_cache(size=4096, nelems=1, preemption=1.0)


def open_raw(path: str | Path, block: int | None = BLOCK) -> xr.Dataset:
    """Open a netCDF file lazily, or say why not.

    Parameters
    ----------
    path : str or Path
    block : int or None
        Samples in a block of the dask arrays; None for arrays without dask, read when they are asked for.

    Raises
    ------
    FormatError
        If the file is missing, truncated, or no netCDF file.
    """
    try:
        chunks = None if block is None else {"sample": block}
        return xr.open_dataset(path, engine="netcdf4", chunks=chunks, mask_and_scale=False)
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


class ContentDigest:
    """SHA-256 over the content of a data set: what was solved, not when or how fast.

    Each variable is digested on its own, so that any size of block gives the same digest.
    """

    def __init__(self) -> None:
        self._each = {name: hashlib.sha256() for name in schema.VARIABLES if name not in schema.MEASURED}
        self._types: dict[str, str] = {}

    def update(self, name: str, values: np.ndarray) -> None:
        """Add the next samples of a variable."""
        if name not in self._each:
            return
        text = values.dtype.kind in "OUT"
        self._types[name] = f"{'text' if text else values.dtype.str}{list(values.shape[1:])}"
        if text:
            words = json.dumps(values.tolist())[1:-1].replace(", ", ",") + ","
            self._each[name].update(words.encode())
        else:
            self._each[name].update(np.ascontiguousarray(values).data)

    def hexdigest(self, grid: Grid, parameters: Mapping[str, list[str]]) -> str:
        """Digest of all that was added, of the grid, and of the names of the shape parameters."""
        parts = [grid.model_dump_json(), json.dumps(dict(parameters), sort_keys=True)]
        parts += [f"{name} {self._types.get(name)} {one.hexdigest()}" for name, one in self._each.items()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def content_digest(dataset: xr.Dataset) -> str:
    """Digest of the content of a data set in the format, read block by block; see `ContentDigest`."""
    digest = ContentDigest()
    for start in range(0, dataset.sizes["sample"], BLOCK):
        block = dataset.isel(sample=slice(start, start + BLOCK))
        for name in schema.VARIABLES:
            digest.update(name, block[name].values)
    return digest.hexdigest(schema.grid_of(dataset), schema.parameter_names(dataset))
