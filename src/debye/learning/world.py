"""The processes of one training: who they are, what they add up, and which samples each of them takes.

A training of several processes (`debye.learning.launch`, or torchrun) is data-parallel: each process holds
the whole network and takes its part of every batch, and DistributedDataParallel averages the gradients. What
decides anything (a loss, whether to save, whether to stop) is summed over the processes first, so that all
decide the same. With one process all this is nothing, to the bit.

Numbers travel by gloo and gradients on GPUs by NCCL: a process that waits for another's numbers keeps no GPU
busy and trips no watchdog.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from debye.errors import ConfigError, explain
from debye.learning.device import choose_device
from debye.learning.launch import launched

PATIENCE = timedelta(hours=6)
"""Longest wait for another process. One of them reads a whole data set for its scales while the others wait; a
process that died is noticed at once, by whoever started it."""


@dataclass(frozen=True)
class World:
    """The processes of a training, seen from one of them."""

    device: torch.device
    """Where this process computes."""
    rank: int = 0
    """Number of this process, from 0."""
    size: int = 1
    """Number of processes."""

    @property
    def first(self) -> bool:
        """Whether this is the process that reads and writes the state, writes the outputs and speaks."""
        return self.rank == 0

    def portion(self, batch: list[int]) -> list[int]:
        """Samples of a batch that this process computes: each `size`-th from `rank` on.

        A process without any computes the first one, which has no weight in its loss: all take part in each step.

        Examples
        --------
        >>> [World(torch.device("cpu"), rank, 3).portion([7, 5, 4, 9]) for rank in range(3)]
        [[7, 9], [5], [4]]
        >>> World(torch.device("cpu"), 2, 3).portion([7, 5])
        [7]
        """
        return batch[self.rank :: self.size] or batch[:1]

    def loss(self, losses: Tensor, whole: int) -> Tensor:
        """Loss of this process: the mean over the processes, also of its gradient, is that of the whole batch.

        Parameters
        ----------
        losses : Tensor
            Losses of this process's portion of the batch, shape (b,).
        whole : int
            Number of samples in the whole batch.
        """
        own = losses[: len(range(self.rank, whole, self.size))]
        return own.sum() / whole * self.size

    def sum(self, *numbers: float) -> list[float]:
        """Sums over the processes, in float64, the same bits in each; one process gets its own numbers back."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return [float(number) for number in total]

    def from_first(self, *numbers: float) -> list[float]:
        """The first process's numbers; what the others give does not count."""
        return self.sum(*(number if self.first else 0.0 for number in numbers))

    def wrap(self, model: nn.Module) -> nn.Module:
        """Give the network for the steps: its gradients are the means over the processes.

        It shares its weights with `model`, which stays what is evaluated and saved: names without a prefix.
        """
        if self.size == 1:
            return model
        chosen = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=chosen)

    def described(self, batch_size: int) -> str:
        """How the samples of a step are computed, for people.

        Examples
        --------
        >>> World(torch.device("cuda", 0), 0, 4).described(64)
        '4 × cuda, batches of 64, 16 each'
        >>> World(torch.device("cpu"), 0, 2).described(3)
        '2 × cpu, batches of 3, 1 to 2 each'
        >>> World(torch.device("cpu")).described(16)
        'cpu, batches of 16'
        """
        whole = f"batches of {batch_size}"
        if self.size == 1:
            return f"{self.device}, {whole}"
        least, rest = divmod(batch_size, self.size)
        each = f"{least} to {least + 1}" if rest else str(least)
        return f"{self.size} × {self.device.type}, {whole}, {each} each"


@contextlib.contextmanager
def joined(device: str) -> Iterator[World]:
    """Meet the other processes of this training, if there are any, and part from them when the block ends.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        As in `debye.learning.device.choose_device`; of several GPUs each process of a node takes its own.

    Raises
    ------
    ConfigError
        If there is no such device, or fewer GPUs than processes.
    """
    where = choose_device(device)
    if not launched():
        yield World(where)
        return
    world = World(_own(where), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    if world.device.type == "cuda":
        torch.cuda.set_device(world.device)
    if not world.first:
        logging.getLogger("debye").setLevel(logging.ERROR)
    backend = "cpu:gloo,cuda:nccl" if world.device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield world
    except SystemExit:
        # All of them end. After an error there is no farewell: the others may be waiting for this process.
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def _own(device: torch.device) -> torch.device:
    """Device of this process among those of its node."""
    if device.type != "cuda":
        return device
    number, found = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if number >= found:
        expected = f"one for each of at least {number + 1} processes"
        raise ConfigError(explain("device", f"{found} CUDA devices", expected, "lower --processes"))
    return torch.device("cuda", number)
