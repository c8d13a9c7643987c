"""The state of a training: everything that a killed training needs to go on as if nothing had happened.

The state lies outside the declared outputs (a workflow deletes those of a failed job). It carries a
fingerprint of the configuration, the code and the content of both data sets; a state of another training is
set aside, never continued.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from debye.frozen import NetworkSlice
from debye.learning.data import Samples
from debye.store import atomic

log = logging.getLogger("debye")

SHARE = 20
"""Saving takes at most one part in so many of the time: a large state is saved less often."""

Weights = dict[str, Tensor]


@dataclass
class State:
    """Where a training stands, after `step` steps of epoch `epoch` (from 0)."""

    fingerprint: dict[str, str]
    normalization: dict[str, Any]
    random: Tensor
    """State of torch's global generator."""
    weights: Weights = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    mean: Weights = field(default_factory=dict)
    """Running mean of the weights, and over how many steps; nothing without one."""
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    """Sum of the losses of the samples seen in the current epoch."""
    seconds: float = 0.0
    """Time spent in the current epoch."""
    waited: float = 0.0
    """Part of it in which the loop waited for a batch."""
    best_weights: Weights = field(default_factory=dict)
    best_epoch: int = -1
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)
    date: str = ""
    """When the training ended."""
    device: str = ""
    """What computed then."""


def fingerprint(
    frozen: NetworkSlice, train: Samples, validation: Samples, start: Path | None = None
) -> dict[str, str]:
    """Name what a state belongs to: configuration and code, the content of both data sets, the weights at the start."""
    parts = {
        "configuration or code": frozen.text(),
        "training split": train.digest,
        "validation split": validation.digest,
    }
    if start is not None:
        parts["network at the start"] = hashlib.sha256(start.read_bytes()).hexdigest()
    return parts


def load(path: Path, expected: dict[str, str]) -> State | None:
    """Read the state of this very training.

    Parameters
    ----------
    path : Path
        Its file.
    expected : dict
        The fingerprint of this training.

    Returns
    -------
    State or None
        None if there is no file, or if it is damaged or belongs to another training: then it is set aside as
        `….aside`, with a line in the log.
    """
    if not path.exists():
        return None
    try:
        state = State(**torch.load(path, map_location="cpu", weights_only=True))
        differing = [name for name in expected if state.fingerprint.get(name) != expected[name]]
    except (
        Exception
    ) as error:  # A damaged archive can raise anything; whatever it is, the state is of no use.
        reason = f"it cannot be read ({type(error).__name__})"
    else:
        if not differing:
            return state
        reason = f"another {' and another '.join(differing)} made it"
    aside = path.with_name(path.name + ".aside")
    path.replace(aside)
    log.warning("%s is not continued: %s; set aside as %s, training starts anew", path, reason, aside.name)
    return None


class Keeper:
    """Saves a state now and then, in bounded time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.saved = time.monotonic()
        self.cost = 0.0

    def due(self) -> bool:
        """Whether the last save is long enough ago."""
        return time.monotonic() - self.saved >= SHARE * self.cost

    def save(self, state: State) -> None:
        """Write the state whole or not at all."""
        start = time.monotonic()
        with atomic(self.path) as temporary:
            # asdict would copy every tensor.
            torch.save({name: getattr(state, name) for name in state.__dataclass_fields__}, temporary)
        self.saved = time.monotonic()
        self.cost = self.saved - start
