"""What a network costs: parameters, multiply-adds, training, and the time from a problem to its potential here, now.

Times are those of the machine that the command runs on, and differ from run to run. The solver's own on the same
machine are `debye.physics.cost`'s: neither layer knows the other, so the workflow asks both in one job.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import torch
from torch import nn

from debye.learning import checkpoint
from debye.learning.batch import Batch
from debye.learning.data import Samples, require_same_problem
from debye.learning.device import choose_device, described, place
from debye.learning.encode import Encoding
from debye.learning.predict import regular_potential
from debye.provenance import now, source
from debye.store import write_text

BATCHES = (1, 16, 64)
"""Samples that are predicted at once: one is the latency."""

ON_A_GPU = 512
"""And on a GPU: what is done around a network takes as long there for a few samples as for many."""

WARM_UP, FEWEST, MOST = 2, 3, 30
"""Predictions before those that are timed, and how many these are."""

BUDGET = 10.0
"""Seconds after which no further repetition of a batch is begun."""


def write_cost(checkpoint_file: Path, dataset: Path, out: Path, device: str = "auto") -> None:
    """Measure what a network costs and write it as JSON, see `measure`.

    Raises
    ------
    FormatError
        If a file is not what it should be, or the data set has another grid or medium than the checkpoint.
    ConfigError
        If "cuda" is asked for and absent.
    """
    write_text(
        out, json.dumps(measure(checkpoint_file, dataset, device), indent=1, ensure_ascii=False) + "\n"
    )


def measure(checkpoint_file: Path, dataset: Path, device: str = "auto") -> dict[str, Any]:
    """Cost of a network.

    Parameters
    ----------
    checkpoint_file : Path
        `checkpoint.safetensors` of a training.
    dataset : Path
        A data set on the checkpoint's grid and in its medium; its samples are what is predicted.
    device : {"auto", "cpu", "cuda"}
        Where: one GPU, or the CPU with the threads that torch has.

    Returns
    -------
    dict
        `parameters` and `multiply_adds` of a sample; `training` as the checkpoint records it; `device`, `threads`;
        `latency_seconds`, median from one problem in memory to its potential in memory, encoding and decoding
        included; `batches`: samples at once → median seconds of the batch and samples a second.
    """
    record, model = checkpoint.load(checkpoint_file)
    samples = Samples(dataset)
    require_same_problem(samples, record.grid, record.medium, f"the checkpoint {checkpoint_file}")
    where = choose_device(device)
    placed = place(model, where)
    sizes = BATCHES if where.type == "cpu" else (*BATCHES, ON_A_GPU)
    times = {size: _median(samples, size, placed, record.encoding()) for size in sizes}
    samples.close()
    return {
        "model": record.name,
        "source": source(),
        "date": now(),
        "device": described(where),
        "threads": torch.get_num_threads(),
        "parameters": record.parameters,
        "multiply_adds": record.multiply_adds,
        "training": {
            "start": record.network.start,
            "seconds": record.seconds,
            "steps": record.steps,
            "samples": record.train_samples,
            "device": record.device,
            "data_wait": record.data_wait,
        },
        "latency_seconds": times[1],
        "batches": {
            str(size): {"seconds": seconds, "samples_per_second": size / seconds}
            for size, seconds in times.items()
        },
    }


def _median(samples: Samples, size: int, model: nn.Module, encoding: Encoding) -> float:
    """Median seconds of a batch of this size; other samples each time, again from the first where there are no more."""
    seconds: list[float] = []
    for repetition in range(WARM_UP + MOST):
        first = repetition * size
        batch: Batch = samples.__getitems__([(first + one) % len(samples) for one in range(size)])
        taken = regular_potential(batch, model, encoding)[1]
        if repetition >= WARM_UP:
            seconds.append(taken)
        if len(seconds) >= FEWEST and sum(seconds) > BUDGET:
            break
    return statistics.median(seconds)
