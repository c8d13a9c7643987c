"""Between the epochs: validation, the history, and which weights are kept."""

from __future__ import annotations

import logging
import math
import time

import torch
from torch import nn

from debye.errors import TrainingError, explain
from debye.learning.ahead import encoded
from debye.learning.data import Samples
from debye.learning.encode import Encoding
from debye.learning.learner import Learner
from debye.learning.losses import loss_of
from debye.learning.state import State
from debye.learning.world import World

log = logging.getLogger("debye")


@torch.no_grad()
def evaluate(model: nn.Module, encoding: Encoding, samples: Samples, world: World) -> float:
    """Mean loss over the samples of a data set, as they are: neither turned nor mirrored."""
    training = encoding.network.training
    loss_in = loss_of(training, encoding.medium)
    total = 0.0
    model.eval()
    for batch in samples.blocks(training.batch_size, world.rank, world.size):
        channels, scene = encoded(encoding, batch.to(world.device), None)
        total += float(loss_in(model(channels), scene).sum())
    model.train()
    return world.sum(total)[0] / len(samples)


def end_epoch(
    state: State,
    learner: Learner,
    encoding: Encoding,
    held_out: Samples,
    rate: float,
    samples: int,
    world: World,
) -> None:
    """Validate, note the epoch in the history, keep the weights if they are the best so far.

    Parameters
    ----------
    state : State
        After the last step of the epoch; then at the start of the next.
    learner : Learner
    encoding : Encoding
    held_out : Samples
        Validation split.
    rate : float
        Learning rate of the last step.
    samples : int
        Size of the training split.
    world : World
        All its processes call this together.

    Raises
    ------
    TrainingError
        If the validation loss is no number.
    """
    start = time.monotonic()
    validation_loss = evaluate(learner.kept, encoding, held_out, world)
    state.epoch += 1
    if not math.isfinite(validation_loss):
        raise TrainingError(diverged(f"validation loss {validation_loss} after epoch {state.epoch}"))
    best = validation_loss < state.best_loss
    if best:
        state.best_loss, state.best_epoch = validation_loss, state.epoch
        state.best_weights = learner.kept_weights()
    seconds = state.seconds + time.monotonic() - start
    row = {
        "epoch": state.epoch,
        "step": state.epoch * state.step,
        "learning_rate": rate,
        "train_loss": state.loss / samples,
        "validation_loss": validation_loss,
        "best": int(best),
        "seconds": round(seconds, 3),
        "data_wait": round(state.waited / seconds, 4),
    }
    state.history.append(row)
    state.step, state.loss, state.seconds, state.waited = 0, 0.0, 0.0, 0.0
    _tell(row, encoding.network.training.epochs)


def _tell(row: dict[str, float], epochs: int) -> None:
    log.info(
        "epoch %d of %d: train loss %.4g, validation loss %.4g%s, %.1f s, %.0f %% of it waiting for data",
        row["epoch"],
        epochs,
        row["train_loss"],
        row["validation_loss"],
        " (best)" if row["best"] else "",
        row["seconds"],
        100 * row["data_wait"],
    )


def diverged(found: str) -> str:
    """Message of a training whose numbers are none any more."""
    return explain("training", found, "finite numbers", "lower the learning rate; nothing was written")
