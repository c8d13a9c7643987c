"""Samples encoded for several steps at once: what a network sees is made of many small images.

On a GPU the launch of a kernel costs more than its work on a small batch. Measured on an H200 at 128² cells: the images
of 8 samples take 25 ms and the step that they are for 36 ms; those of 128 samples take hardly longer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from debye.learning.batch import Batch, Scene
from debye.learning.encode import Encoding
from debye.learning.state import State

TOGETHER = 128
"""Samples that are encoded at once on a GPU, if a step has fewer; on a CPU a step's alone."""


def encoded(encoding: Encoding, batch: Batch, turns: Tensor | None) -> tuple[Tensor, Scene]:
    """Channels and scene of samples, turned by the symmetries with these numbers, shape (b,)."""
    if turns is not None:
        batch = batch.turned(turns)
    channels, scene = encoding.channels(batch), encoding.scene(batch)
    return channels.contiguous(memory_format=torch.channels_last), scene


def steps_together(device: torch.device, size: int) -> int:
    """How many steps of `size` samples are encoded at once.

    Examples
    --------
    >>> steps_together(torch.device("cuda"), 8), steps_together(torch.device("cpu"), 8)
    (16, 1)
    """
    return max(1, TOGETHER // size) if device.type == "cuda" else 1


def encoded_ahead(
    stream: Iterable[tuple[Batch, Tensor | None]],
    encoding: Encoding,
    device: torch.device,
    state: State,
    together: int,
) -> Iterator[tuple[Tensor, Scene]]:
    """Channels and scene of each step's samples, on the device.

    Parameters
    ----------
    stream : iterable of (Batch, Tensor or None)
        Samples of each step and their symmetries, see `debye.learning.data.batches`.
    encoding : Encoding
    device : torch.device
    state : State
        Its `waited` grows by the seconds that the stream takes.
    together : int
        Steps whose samples are encoded at once.
    """
    steps = iter(stream)
    while True:
        asked = time.monotonic()
        taken = list(islice(steps, together))
        state.waited += time.monotonic() - asked
        if not taken:
            return
        batch = Batch(*(torch.cat(parts) for parts in zip(*(batch for batch, _ in taken), strict=True)))
        symmetries = [turns for _, turns in taken if turns is not None]
        channels, scene = encoded(encoding, batch.to(device), torch.cat(symmetries) if symmetries else None)
        sizes = [len(batch.value) for batch, _ in taken]
        parts = zip(*(torch.split(image, sizes) for image in (channels, *scene)), strict=True)
        yield from ((seen, Scene(*rest)) for seen, *rest in parts)
