"""Predictions of a network for every sample of a data set, in bounded memory."""

from __future__ import annotations

import time
from pathlib import Path

import netCDF4
import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from debye.errors import FormatError, explain
from debye.learning import checkpoint
from debye.learning.data import Samples, require_same_problem
from debye.learning.device import choose_device, place
from debye.progress import track
from debye.provenance import now, source
from debye.schema import AXES, COORDINATES, FORMAT_VERSION, VARIABLES
from debye.store import BLOCK, atomic, open_dataset

IDENTITY = ("geometry", "seed", "index")


def predict_dataset(checkpoint_file: Path, dataset: Path, out: Path, device: str = "auto") -> None:
    """Predict the regular potential of every sample of a data set.

    Parameters
    ----------
    checkpoint_file : Path
        `checkpoint.safetensors` of a training.
    dataset : Path
        A data set on the checkpoint's grid and in its medium.
    out : Path
        netCDF file: `regular_potential` (sample, x, y), the identity of each sample (`geometry`, `seed`,
        `index`), and as root attributes what the network is. For the target "total" the Coulomb part is
        taken off in float64, so that the error of w is the error of u.
    device : {"auto", "cpu", "cuda"}
        Where the network runs.

    Raises
    ------
    FormatError
        If a file is not what it should be, or the data set has another grid or medium than the checkpoint.
    ConfigError
        If "cuda" is asked for and absent.
    """
    where = choose_device(device)
    record, model = checkpoint.load(checkpoint_file)
    samples = Samples(dataset)
    require_same_problem(samples, record.grid, record.medium, f"the checkpoint {checkpoint_file}")
    model, encoding = place(model, where), record.encoding()
    blocks = track(samples.blocks(), -(-len(samples) // BLOCK), "predicting blocks")
    seconds, start = 0.0, 0
    with atomic(out) as temporary, netCDF4.Dataset(temporary, "w") as file:
        _prepare(file, record, samples)
        with open_dataset(dataset) as labels:
            _copy_identity(file, labels)
        for batch in blocks:
            begun = time.perf_counter()
            with torch.no_grad():
                there = batch.to(where)
                channels = encoding.channels(there).contiguous(memory_format=torch.channels_last)
                regular = encoding.regular(model(channels), there).cpu().numpy()
            seconds += time.perf_counter() - begun
            _must_be_finite(regular, start, dataset, checkpoint_file)
            file["regular_potential"][start : start + len(regular)] = regular.astype("f4")
            start += len(regular)
        file.setncattr("seconds", round(seconds, 6))
    samples.close()


def _must_be_finite(regular: NDArray[np.float64], start: int, dataset: Path, checkpoint_file: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(regular).reshape(len(regular), -1).all(axis=1))
    if len(bad):
        found = f"a prediction with NaN or inf for sample {start + bad[0]} of {dataset}"
        raise FormatError(
            explain(str(checkpoint_file), found, "finite values", "check the data set; train again")
        )


def _prepare(file: netCDF4.Dataset, record: checkpoint.Record, samples: Samples) -> None:
    """Dimensions, coordinates, variables and attributes of a file of predictions."""
    grid, variable = samples.grid, VARIABLES["regular_potential"]
    axes = AXES[: grid.dim]
    file.setncatts(
        {
            "Conventions": "CF-1.11",
            "format_version": FORMAT_VERSION,
            "title": f"Predictions of the network {record.name}",
            "source": source(),
            "date_created": now(),
            "model": record.name,
            "parameters": record.parameters,
            "multiply_adds": record.multiply_adds,
            "target": record.network.target,
            "best_epoch": record.best_epoch,
            "configuration": record.network.model_dump_json(),
            "code_digest": record.code_digest,
            "train_digest": record.train_digest,
            "dataset_digest": samples.digest,
        }
    )
    file.createDimension("sample", len(samples))
    for name in axes:
        file.createDimension(name, grid.cells + 1)
        units, long_name = COORDINATES[name]
        coordinate = file.createVariable(name, "f8", (name,), fill_value=False)
        coordinate.setncatts({"units": units, "long_name": long_name, "axis": name.upper()})
        coordinate[:] = grid.axis
    field = file.createVariable(
        "regular_potential", "f4", ("sample", *axes), fill_value=False, chunksizes=(1, *grid.shape)
    )
    field.setncatts({"units": variable.units, "long_name": f"predicted {variable.long_name}"})


def _copy_identity(file: netCDF4.Dataset, labels: xr.Dataset) -> None:
    for name in IDENTITY:
        variable = VARIABLES[name]
        kind = str if variable.dtype == "str" else variable.dtype
        copied = file.createVariable(name, kind, ("sample",), fill_value=None if kind is str else False)
        copied.long_name = variable.long_name
        copied[:] = labels[name].values.astype(object if kind is str else kind)
