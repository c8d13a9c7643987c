"""The optimiser and its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from debye.networks import Training


def learning_rate(step: int, total: int, training: Training) -> float:
    """Learning rate of a step (from 0): a linear rise over the share `warmup`, then a cosine to zero.

    Examples
    --------
    >>> training = Training(epochs=1, batch_size=1, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate(step, 100, training), 3) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    rising = math.ceil(training.warmup * total)
    if step < rising:
        return training.learning_rate * (step + 1) / rising
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


def adamw(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    """AdamW; biases are not pulled towards zero."""
    weights = [weight for weight in model.parameters() if weight.ndim > 1]
    biases = [bias for bias in model.parameters() if bias.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": training.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, training.beta2), fused=True)
