"""Training: one visible loop, that goes on after a kill exactly where it stood.

AdamW (Loshchilov & Hutter 2019) with gradient clipping; the learning rate rises linearly and falls as a
cosine. After each epoch the validation split is evaluated, and the weights of the best epoch are kept. The
order of the samples and their symmetries are functions of the training seed and the epoch; on a CPU with a
given number of threads a training that was killed and continued ends with the same bits as one that was
not. Several processes share the work (`world`), and a signal that asks it to stop saves it (`stop`).
"""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from debye.errors import TrainingError
from debye.frozen import NetworkSlice
from debye.learning.ahead import encoded_ahead, steps_together
from debye.learning.batch import Normalization
from debye.learning.begin import begun
from debye.learning.data import Samples, batches, require_same_problem
from debye.learning.device import described, reproducible
from debye.learning.encode import Encoding
from debye.learning.epoch import diverged, end_epoch
from debye.learning.learner import Learner
from debye.learning.losses import loss_of
from debye.learning.memory import fits
from debye.learning.models import parameters
from debye.learning.optimise import learning_rate
from debye.learning.outputs import write_outputs
from debye.learning.state import Keeper, State
from debye.learning.stop import Stop
from debye.learning.world import World, joined
from debye.progress import track
from debye.provenance import now

log = logging.getLogger("debye")


def train(
    frozen: NetworkSlice,
    train_split: Path,
    validation: Path,
    state: Path,
    out: Path,
    device: str = "auto",
    start: Path | None = None,
) -> None:
    """Train one network and write `checkpoint.safetensors` and `history.csv`.

    Parameters
    ----------
    frozen : NetworkSlice
        The network and its training.
    train_split, validation : Path
        Data sets on the same grid and in the same medium. Scales come from the first alone; the second
        chooses the best epoch.
    state : Path
        File of the resumable state. A state of this very training is continued; one that is finished
        already is only written out again.
    out : Path
        Folder of the outputs; nothing is written there before the training has ended.
    device : {"auto", "cpu", "cuda"}
        "auto" takes the GPU if there is one; of several, each process its own.
    start : Path, optional
        Checkpoint of the network that this one starts from, where the configuration names one.

    Raises
    ------
    FormatError
        If a data set is not what it should be, or the two differ in grid or medium.
    ConfigError
        If the network does not fit the grid, "cuda" is asked for and absent, or torch.compile fails.
    TrainingError
        If the loss is no longer a number.
    SystemExit
        With status 143 or 75, the state saved, if SIGTERM or SIGUSR1 asks it to stop (`debye.learning.stop`).
    """
    with joined(device) as world, Stop() as stop:
        learned = Samples(train_split, frozen.network.training.samples)
        held_out = Samples(validation)
        require_same_problem(held_out, learned.grid, learned.medium, f"the training split {train_split}")
        with reproducible(world.device):
            learner, current = begun(frozen, learned, held_out, state, world, start)
            log.info(
                "%s: %d parameters, %d samples, on %s",
                frozen.name,
                parameters(learner.model),
                len(learned),
                world.described(frozen.network.training.batch_size),
            )
            encoding = Encoding(
                learned.grid, learned.medium, frozen.network, Normalization(**current.normalization)
            )
            _loop(current, learner, encoding, learned, held_out, Keeper(state), world, stop)
        learned.close()
        held_out.close()
        if world.first:
            write_outputs(out, frozen, current, encoding, len(learned))


def _loop(
    state: State,
    learner: Learner,
    encoding: Encoding,
    learned: Samples,
    held_out: Samples,
    keeper: Keeper,
    world: World,
    stop: Stop,
) -> None:
    """Train to the last epoch; `state` follows and holds the result."""
    training = encoding.network.training
    loss_in, network = loss_of(training, encoding.medium), learner.forward(world)
    steps = math.ceil(len(learned) / training.batch_size)
    total = steps * training.epochs
    done = state.epoch * steps + state.step

    def keep() -> None:
        learner.note(state)
        state.random = torch.get_rng_state()
        if world.first:
            keeper.save(state)

    if done < total and fits(training.data, learned.size(), world.size):
        learned.hold()
    # On a CPU the cores are better used by the step itself.
    workers = 2 if world.device.type == "cuda" else 0
    read = batches(learned, training, state.epoch, state.step, workers, world.portion)
    together = steps_together(world.device, training.batch_size)
    stream = encoded_ahead(read, encoding, world.device, state, together)
    clock = time.monotonic()
    stop.savable = True
    for channels, scene in track(stream, total - done, "training steps") if world.first else stream:
        rate = learning_rate(state.epoch * steps + state.step, total, training)
        whole = min(training.batch_size, len(learned) - state.step * training.batch_size)
        loss = world.loss(loss_in(network(channels), scene), whole)
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_grad_norm_(learner.model.parameters(), training.clip)
        # What one process knows and all act upon, in one message a step.
        loss_sum, due, end, room = world.sum(
            loss.item(), world.first and keeper.due(), stop.told_to_end, stop.to_make_room
        )
        _must_be_finite(loss_sum / world.size, norm, state, steps)
        learner.move(rate)
        state.step += 1
        state.loss += loss_sum / world.size * whole
        before, clock = clock, time.monotonic()
        state.seconds += clock - before
        if state.step == steps:
            end_epoch(state, learner, encoding, held_out, rate, len(learned), world)
            clock = time.monotonic()
        left = total - state.epoch * steps - state.step
        if due or (left and (end or room)):
            keep()
        if left and (end or room):
            log.info("stopped and saved after epoch %d, step %d", state.epoch, state.step)
            stop.leave(world, bool(end))
    stop.savable = False
    if not state.date:
        state.date, state.device = now(), described(world.device, world.size)
        keep()


def _must_be_finite(loss: float, norm: Tensor, state: State, steps: int) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm.item())):
        where = f"epoch {state.epoch + 1}, step {state.step + 1} of {steps}"
        raise TrainingError(diverged(f"loss {loss}, gradient norm {norm.item()} in {where}"))
