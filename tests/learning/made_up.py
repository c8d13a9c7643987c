"""Made-up records of checkpoints, and checkpoints with other weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from debye.learning import checkpoint
from debye.learning.batch import Normalization
from debye.learning.models import multiply_adds, parameters
from debye.networks import Network
from debye.parameters import Grid, Medium


def record_of(network: Network, grid: Grid, model: nn.Module, **other: Any) -> checkpoint.Record:
    """What a training would write of this network; `other` names what shall not be made up."""
    made_up = {
        "name": "small",
        "network": network,
        "grid": grid,
        "medium": Medium(debye_length=8.0),
        "normalization": Normalization(charge_channels=(1.0,) * network.inputs.charges, target=1.0),
        "parameters": parameters(model),
        "multiply_adds": multiply_adds(network, grid),
        "best_epoch": 2,
        "train_loss": 0.5,
        "validation_loss": 0.25,
        "train_samples": 10,
        "steps": 6,
        "seconds": 1.5,
        "data_wait": 0.25,
        "device": "abacus",
        "train_digest": "a",
        "validation_digest": "b",
        "code_digest": "c",
        "source": "debye",
        "date_created": "2000-01-01T00:00:00+00:00",
    }
    return checkpoint.Record(**(made_up | other))


def change_weights(path: Path, change: Callable[[Tensor], Tensor]) -> None:
    """Write a checkpoint anew with every weight changed."""
    record, model = checkpoint.load(path)
    changed = {name: change(weight.detach()) for name, weight in model.named_parameters()}
    checkpoint.save(path, record, model.state_dict() | changed)


def no_number(weight: Tensor) -> Tensor:
    """A weight for `change_weights` after which no prediction is a number."""
    return weight * float("nan")
