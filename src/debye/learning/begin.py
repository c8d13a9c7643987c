"""Where a training begins: with fresh weights, or where its saved state left it; the same in all its processes."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from safetensors.torch import load_file

from debye.errors import FormatError, explain
from debye.frozen import NetworkSlice
from debye.learning.batch import Normalization
from debye.learning.checkpoint import read_record
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
    frozen: NetworkSlice,
    learned: Samples,
    held_out: Samples,
    path: Path,
    world: World,
    start: Path | None = None,
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
    start : Path, optional
        Checkpoint of the network that it starts from; the scales are that network's, too.

    Returns
    -------
    learner : Learner
        The network, on the world's device, and what its training moves.
    state : State
        `state.normalization` are the scales.

    Raises
    ------
    FormatError
        If the training split cannot be learned, the processes do not see the same state, or the checkpoint is
        missing or of another network than the configuration names.
    """
    given = _given(frozen, learned, start)
    # torch's global stream is what the weights are drawn from, the same in each process.
    seed = generator("training", frozen.network.training.seed, "weights").integers(2**63)
    torch.manual_seed(int(seed))
    model = build(frozen.network, learned.grid)
    if start is not None:
        model.load_state_dict(load_file(start))
    model = place(model, world.device)
    learner = Learner(model, frozen.network.training)
    mark = fingerprint(frozen, learned, held_out, start)
    state = load(path, mark) if world.first else None
    (found,) = world.from_first(state is not None)
    if not found:
        numbers = [0.0] * (len(frozen.network.charge_channels) + 1)
        if world.first:
            scales = given or statistics(learned, frozen.network, world.device)
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


def _given(frozen: NetworkSlice, learned: Samples, start: Path | None) -> Normalization | None:
    """Scales of the network that the training starts from, if it does."""
    wanted = frozen.network.start
    if start is None or wanted is None:
        if start is None and wanted is None:
            return None
        found = "no checkpoint" if start is None else f"the checkpoint {start}"
        expected = "none" if wanted is None else f"the one of {wanted}"
        raise FormatError(explain(f"start of {frozen.name}", found, expected, "set --start accordingly"))
    record = read_record(start)
    if record.name != wanted or not frozen.network.continues(record.network):
        found = f"the network {record.name}" + (" of another configuration" if record.name == wanted else "")
        raise FormatError(explain(str(start), found, f"{wanted} as configured", "train that one first"))
    if (record.grid, record.medium) != (learned.grid, learned.medium):
        found = f"a network for {record.grid} and {record.medium}"
        expected = f"{learned.grid} and {learned.medium} of the training split"
        raise FormatError(explain(str(start), found, expected, "use data of the same problem"))
    return record.normalization
