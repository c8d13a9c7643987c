"""Predictions of a network for every sample of a data set, in bounded memory, on every GPU that there is."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import netCDF4
import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from debye.errors import FormatError, explain
from debye.learning import checkpoint
from debye.learning.batch import Batch
from debye.learning.data import Samples, require_same_problem
from debye.learning.device import choose_devices, full_precision, place
from debye.learning.encode import Encoding
from debye.parameters import Medium
from debye.progress import track
from debye.provenance import now, source
from debye.schema import AXES, COORDINATES, FORMAT_VERSION, VARIABLES
from debye.store import BLOCK, atomic, open_dataset

Certificates = Callable[[int, NDArray[np.float32]], Mapping[str, tuple[NDArray[Any], Mapping[str, str]]]]
"""From the number of the first sample of a block and the predictions of it, (b, x, y[, z]), to further variables of the
file: name → values (b,) and attributes."""

IDENTITY = ("geometry", "seed", "index")


def predict_dataset(
    checkpoint_file: Path,
    dataset: Path,
    out: Path,
    device: str = "auto",
    any_medium: bool = False,
    certificates: Certificates | None = None,
) -> None:
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
        Where the network runs: "auto" and "cuda" take all GPUs, which share the blocks of samples.
    any_medium : bool
        Take a data set in another medium than the network was trained in. What is known in closed form (Coulomb and
        singular parts, images of the charges) is that of the data set's own medium; the attribute `medium_differs`
        of the file names the keys. Its ions must be of the same kind all the same.
    certificates : callable, optional
        What else is to be said of each sample, see `Certificates`.

    Raises
    ------
    FormatError
        If a file is not what it should be, or the data set has another grid or medium than the checkpoint.
    ConfigError
        If "cuda" is asked for and absent.
    """
    devices = choose_devices(device)
    record, model = checkpoint.load(checkpoint_file)
    samples = Samples(dataset)
    whose = f"the checkpoint {checkpoint_file}"
    differ = require_same_problem(samples, record.grid, record.medium, whose, any_medium)
    _require_ions_of_the_network(samples.medium, record, checkpoint_file, dataset)
    encoding = replace(record.encoding(), medium=samples.medium)
    replicas = [place(copy.deepcopy(model), where) for where in devices]
    blocks = track(samples.blocks(), -(-len(samples) // BLOCK), "predicting blocks")
    seconds, start = 0.0, 0
    with atomic(out) as temporary, netCDF4.Dataset(temporary, "w") as file:
        _prepare(file, record, samples)
        if differ:
            file.setncattr("medium_differs", ", ".join(differ))
        with open_dataset(dataset) as labels:
            _copy_identity(file, labels)
        for regular, taken in _predicted(blocks, replicas, encoding):
            seconds += taken
            _must_be_finite(regular, start, dataset, checkpoint_file)
            stored = regular.astype("f4")
            file["regular_potential"][start : start + len(regular)] = stored
            if certificates is not None:
                _add(file, start, certificates(start, stored))
            start += len(regular)
        file.setncattr("seconds", round(seconds, 6))
    samples.close()


def _require_ions_of_the_network(
    medium: Medium, record: checkpoint.Record, checkpoint_file: Path, dataset: Path
) -> None:
    """Refuse ions of the other kind: a network computes with those of its training, whatever it is told."""
    if medium.ions != record.medium.ions:
        whose = f"{record.medium.ions} of the network {record.name} in {checkpoint_file.name}"
        remedy = "change the ions, solve it with `debye solve`, or train a network for them"
        raise FormatError(explain(f"{dataset}: medium: ions", medium.ions, whose, remedy))


def _predicted(
    blocks: Iterable[Batch], replicas: Sequence[nn.Module], encoding: Encoding
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Regular potential of each block, in order, and the seconds that its device took.

    Each replica of the network takes the next block as soon as it is free; at most one block more than there
    are replicas is in memory.
    """
    if len(replicas) == 1:
        yield from (regular_potential(block, replicas[0], encoding) for block in blocks)
        return
    free: SimpleQueue[nn.Module] = SimpleQueue()
    for replica in replicas:
        free.put(replica)

    def by_a_free_one(block: Batch) -> tuple[NDArray[np.float64], float]:
        replica = free.get()
        try:
            return regular_potential(block, replica, encoding)
        finally:
            free.put(replica)

    # A new thread would compute with as many threads as there are cores.
    threads = torch.get_num_threads()
    pending: deque[Future[tuple[NDArray[np.float64], float]]] = deque()
    with ThreadPoolExecutor(len(replicas), initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        for block in blocks:
            pending.append(pool.submit(by_a_free_one, block))
            if len(pending) > len(replicas):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@torch.no_grad()
def regular_potential(
    batch: Batch, model: nn.Module, encoding: Encoding
) -> tuple[NDArray[np.float64], float]:
    """Regular potential of a batch, (b, x, y[, z]), in memory of the CPU, and the seconds from batch to potential."""
    begun = time.perf_counter()
    there = batch.to(next(model.parameters()).device)
    channels = encoding.channels(there).contiguous(memory_format=torch.channels_last)
    with full_precision():
        output = model(channels)
    regular = encoding.regular(output, there).cpu().numpy()
    return regular, time.perf_counter() - begun


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


def _add(
    file: netCDF4.Dataset, start: int, further: Mapping[str, tuple[NDArray[Any], Mapping[str, str]]]
) -> None:
    """Write values of further variables, made with the first block."""
    for name, (values, attributes) in further.items():
        if name not in file.variables:
            text = values.dtype.kind in "OUT"
            made = file.createVariable(
                name, str if text else values.dtype, ("sample",), fill_value=None if text else False
            )
            made.setncatts(dict(attributes))
        file[name][start : start + len(values)] = values


def _copy_identity(file: netCDF4.Dataset, labels: xr.Dataset) -> None:
    for name in IDENTITY:
        variable = VARIABLES[name]
        kind = str if variable.dtype == "str" else variable.dtype
        copied = file.createVariable(name, kind, ("sample",), fill_value=None if kind is str else False)
        copied.long_name = variable.long_name
        copied[:] = labels[name].values.astype(object if kind is str else kind)
