"""Where a training begins: with fresh weights, or where its saved state left it; the same in all its processes."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from debye.errors import FormatError, explain
from debye.frozen import NetworkSlice
from debye.learning.data import Samples
from debye.learning.device import place
from debye.learning.learner import Learner
from debye.learning.models import build
from debye.learning.scales import statistics
from debye.learning.state import State, fingerprint, load
from debye.learning.world import World
from debye.seeds import generator

log = logging.getLogger("debye")


def begun(
    frozen: NetworkSlice, learned: Samples, held_out: Samples, path: Path, world: World
) -> tuple[Learner, State]:
    """Network and state of a training, as they are before its next step.

    Parameters
    ----------
    frozen : NetworkSlice
        The network and its training.
    learned, held_out : Samples
        Training and validation split. The scales of a new training are found by one process, for all.
    path : Path
        File of the saved state; its number of processes may have been another one.
    world : World
        The processes of the training; all call this together.

    Returns
    -------
    learner : Learner
        The network, on the world's device, and what its training moves.
    state : State
        `state.normalization` are the scales.

    Raises
    ------
    FormatError
        If the training split cannot be learned, or the processes do not see the same state.
    """
    # torch's global stream is what the weights are drawn from, the same in each process.
    seed = generator("training", frozen.network.training.seed, "weights").integers(2**63)
    torch.manual_seed(int(seed))
    model = place(build(frozen.network, learned.grid), world.device)
    learner = Learner(model, frozen.network.training)
    mark = fingerprint(frozen, learned, held_out)
    state = load(path, mark) if world.first else None
    (found,) = world.from_first(state is not None)
    if not found:
        numbers = [0.0] * (len(frozen.network.charge_channels) + 1)
        if world.first:
            scales = statistics(learned, frozen.network, world.device)
            numbers = [*scales.charge_channels, scales.target]
        *channels, target = world.from_first(*numbers)
        normalization = {"charge_channels": list(channels), "target": target}
        fresh = State(mark, normalization, torch.get_rng_state())
        learner.note(fresh)
        return learner, fresh
    state = state or load(path, mark)
    if state is None:
        expected = "the state that the first process reads"
        raise FormatError(explain(str(path), "nothing", expected, "use a disk that all processes see"))
    log.info("%s: continuing after epoch %d, step %d", path, state.epoch, state.step)
    learner.restore(state)
    torch.set_rng_state(state.random)
    return learner, state
