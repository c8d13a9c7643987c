"""A network that is trained: how it computes a step, how its weights move, and which weights are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from debye.learning.optimise import adamw
from debye.learning.state import State, Weights
from debye.learning.swift import compiled, graphed
from debye.learning.world import World
from debye.networks import Training


class Learner:
    """A network, its optimiser, and the running mean of its weights if there is one.

    Parameters
    ----------
    model : Module
        On its device.
    training : Training

    Attributes
    ----------
    model : Module
        The network whose weights move.
    optimiser : Optimizer
    mean : AveragedModel or None
        Its copy with the running mean of the weights, m ← d m + (1 − d) w after each step: with n steps behind it
        d = min(`training.ema`, (1 + n)/(10 + n)), so that the weights of the beginning are soon forgotten.
    """

    def __init__(self, model: nn.Module, training: Training) -> None:
        self.model, self.training = model, training
        self.optimiser = adamw(model, training)
        mean = partial(_towards, training.ema)
        self.mean = AveragedModel(model, multi_avg_fn=mean) if training.ema else None

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and, after its best epoch, kept."""
        return self.model if self.mean is None else self.mean.module

    def move(self, rate: float) -> None:
        """Take the optimiser's step with this learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        if self.mean is not None:
            self.mean.update_parameters(self.model)

    def note(self, state: State) -> None:
        """Leave everything here that a training goes on from in its state; nothing is copied."""
        state.weights, state.optimiser = self.model.state_dict(), self.optimiser.state_dict()
        state.mean = {} if self.mean is None else self.mean.state_dict()

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self.model.load_state_dict(state.weights)
        self.optimiser.load_state_dict(state.optimiser)
        if self.mean is not None:
            self.mean.load_state_dict(state.mean)

    def kept_weights(self) -> Weights:
        """Copy the weights to keep, to the CPU."""
        return {
            name: weight.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, weight in self.kept.state_dict().items()
        }

    def forward(self, world: World) -> Callable[[Tensor], Tensor]:
        """Give the network for the steps: quicker, of several processes, and in the arithmetic that was asked for.

        Weights and their gradients stay float32 and keep their names. Validation runs without all this, as
        predictions do.
        """
        training, kind = self.training, world.device.type
        if training.compile is True:
            network = compiled(self.model, world.wrap)
        elif training.compile and kind == "cuda" and world.size == 1:
            network = graphed(self.model, training.batch_size)
        else:
            network = world.wrap(self.model)

        def output(channels: Tensor) -> Tensor:
            with torch.autocast(kind, torch.bfloat16, enabled=training.precision == "bfloat16"):
                returned: Tensor = network(channels)
            return returned

        return output


def _towards(decay: float, mean: list[Tensor], weights: list[Tensor], steps: Tensor | int) -> None:
    number = int(steps)
    update = get_ema_multi_avg_fn(min(decay, (1 + number) / (10 + number)))  # type: ignore[no-untyped-call]
    update(mean, weights, steps)
