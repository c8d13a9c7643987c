"""A data set as torch reads it: single samples at random, opened by the process that reads.

Fields lie one sample a chunk and uncompressed, so a random read is a seek and a copy. HDF5 must not be
opened before a fork: each process opens the file for itself when it first reads. A split that fits is held
in memory (`Samples.hold`), with the same batches to the bit. What the network sees is made from the samples
anew at each step: the images of one sample are several times its size, and cost less than a step.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from debye.errors import FormatError, explain
from debye.learning.batch import Batch
from debye.learning.stop import deaf
from debye.networks import Training
from debye.parameters import Grid, Medium
from debye.schema import grid_of, medium_of
from debye.seeds import generator
from debye.store import BLOCK, content_digest, open_dataset

READ = ("regular_potential", "level_set", "charge_position", "charge_value")
"""Variables that make a `Batch`, in its order."""


class Samples(Dataset[Batch]):
    """Samples of one data set or shard, read when they are asked for.

    Parameters
    ----------
    path : str or Path
        A netCDF file of `docs/data_format.md`.
    most : int, optional
        Take only so many of its samples, evenly spread over the file.

    Attributes
    ----------
    grid : Grid
    medium : Medium
        The one medium of all its samples.
    digest : str
        Digest of its content.

    Raises
    ------
    FormatError
        If the file is not in the format, holds no sample or fewer than `most`, or mixes media.
    """

    def __init__(self, path: str | Path, most: int | None = None) -> None:
        self.path = Path(path)
        with open_dataset(self.path) as dataset:
            self.grid: Grid = grid_of(dataset)
            self.length = int(dataset.sizes["sample"])
            if self.length == 0:
                raise FormatError(explain(str(path), "no samples", "at least one", "make the file anew"))
            if most is not None and most > self.length:
                expected = f"at least the {most} of training: samples"
                raise FormatError(explain(str(path), f"{self.length} samples", expected, "lower that number"))
            self.medium = medium_of(dataset, str(path))
            self.digest = str(dataset.attrs.get("content_digest") or content_digest(dataset))
        self._chosen = None if most is None else np.arange(most) * self.length // most
        self.length = most or self.length
        self._file: h5py.File | None = None
        self._process = -1
        self._held: Batch | None = None

    def __len__(self) -> int:
        return self.length

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_process": -1}

    def __getitem__(self, index: int) -> Batch:
        """Read one sample, as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Read samples, in the order asked for."""
        if self._chosen is not None:
            indices = self._chosen[list(indices)].tolist()
        if self._held is not None:
            chosen = torch.as_tensor(indices)
            return Batch(*(part[chosen] for part in self._held))
        return self._read(lambda field: np.stack([field[index] for index in indices]))

    def size(self) -> int:
        """What all samples take in memory, bytes."""
        with self._readable():
            return sum(self._open()[name].nbytes for name in READ)

    def hold(self) -> None:
        """Read all samples now, and keep them in memory until they are closed."""
        self._held = self._read(lambda field: field[:])

    @property
    def held(self) -> bool:
        """Whether the samples are in memory."""
        return self._held is not None

    def _read(self, part: Callable[[h5py.Dataset], NDArray[Any]]) -> Batch:
        with self._readable():
            columns = [part(self._open()[name]) for name in READ]
        columns[2] = np.where(columns[3][..., None] == 0, 0.0, columns[2])
        return Batch(*(torch.from_numpy(column) for column in columns))

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError) as error:
            found = " ".join(str(error).split())
            raise FormatError(explain(str(self.path), found, "a readable data set", "make it anew")) from None

    def blocks(self, size: int = BLOCK, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """All samples in the order of the file, `size` at a time; of each block every `ranks`-th from `rank` on."""
        for start in range(0, self.length, size):
            chosen = range(start + rank, min(start + size, self.length), ranks)
            if chosen:
                yield self.__getitems__(chosen)

    def loader(self, chunks: Sequence[Sequence[int]], workers: int = 0) -> DataLoader[Batch]:
        """Batches of the samples named by `chunks`, in that order, read ahead by `workers` processes.

        From samples in memory a batch is taken sooner than it is sent from one process to another.
        """
        workers = 0 if self.held else workers
        return DataLoader(
            self,
            batch_sampler=chunks,  # type: ignore[arg-type]
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=deaf,
            # The loader draws a number of its own when it starts; the global stream must not feel that.
            generator=torch.Generator(),
        )

    def close(self) -> None:
        """Close the file in this process, and let go of what is held; reading opens it again."""
        self._held = None
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def _open(self) -> h5py.File:
        if self._file is None or self._process != os.getpid():
            self._file = h5py.File(self.path, "r")
            self._process = os.getpid()
        return self._file


def _as_it_is(batch: Any) -> Any:
    return batch


def require_same_problem(
    samples: Samples, grid: Grid, medium: Medium, whose: str, any_medium: bool = False
) -> list[str]:
    """Make sure that samples lie on this grid and in this medium.

    Parameters
    ----------
    samples : Samples
    grid, medium
        What they should have.
    whose : str
        Whose grid and medium these are, in messages.
    any_medium : bool
        Let another medium pass.

    Returns
    -------
    list of str
        Keys in which the medium differs; none but with `any_medium`.

    Raises
    ------
    FormatError
        If they do not.
    """
    differ = [name for name in Medium.model_fields if getattr(samples.medium, name) != getattr(medium, name)]
    for what, found, expected in (("grid", samples.grid, grid), ("medium", samples.medium, medium)):
        if found != expected and not (what == "medium" and any_medium):
            raise FormatError(
                explain(
                    f"{samples.path}: {what}", found, f"{expected} of {whose}", "use data of the same problem"
                )
            )
    return differ


def order(seed: int, epoch: int, samples: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order and symmetries of the samples in an epoch: functions of training seed and epoch alone.

    Returns
    -------
    order : ndarray
        A permutation of the samples.
    symmetries : ndarray
        For each sample the number of a symmetry of the square, 0 … 7.

    Examples
    --------
    >>> [int(index) for index in sorted(order(0, 3, 5)[0])]
    [0, 1, 2, 3, 4]
    """
    permutation = generator("training", seed, "order", epoch).permutation(samples)
    symmetries = generator("training", seed, "symmetry", epoch).integers(8, size=samples)
    return permutation, symmetries


def batches(
    samples: Samples,
    training: Training,
    epoch: int,
    step: int,
    workers: int = 0,
    portion: Callable[[list[int]], list[int]] = list,
) -> Iterator[tuple[Batch, Tensor | None]]:
    """All batches of a training that come after `step` steps of epoch `epoch` (from 0).

    Of each batch only the `portion` that this process computes is read.

    Yields
    ------
    batch : Batch
        The next `batch_size` samples of the epoch's order; the last batch of an epoch may be smaller.
    symmetries : Tensor or None
        Their symmetries, shape (b,); None without augmentation.
    """
    size = training.batch_size
    while epoch < training.epochs:
        permutation, symmetries = order(training.seed, epoch, len(samples))
        starts = range(step * size, len(samples), size)
        chunks = [portion(permutation[start : start + size].tolist()) for start in starts]
        for chunk, batch in zip(chunks, samples.loader(chunks, workers), strict=True):
            yield batch, torch.from_numpy(symmetries[chunk]) if training.augment else None
        epoch, step = epoch + 1, 0
