"""Scales of a training split, by which what a network sees and returns is divided."""

from __future__ import annotations

import numpy as np
import torch

from debye.errors import FormatError, explain
from debye.learning.batch import Normalization
from debye.learning.data import Samples
from debye.learning.encode import Encoding
from debye.networks import POTENTIALS, Network
from debye.progress import track
from debye.store import BLOCK


def statistics(samples: Samples, network: Network, device: torch.device | None = None) -> Normalization:
    """Scales of a training split: root mean squares, read block by block.

    A network that computes in kT/e has the scale 1 for its target and for the terms of the equation.

    Parameters
    ----------
    samples : Samples
        The training split, and no other.
    network : Network
        Says which target.
    device : torch.device, optional
        Where the images are made; the CPU unless another is named.

    Raises
    ------
    FormatError
        If the split holds no charge, no potential, or numbers that are not finite.
    """
    encoding = Encoding(samples.grid, samples.medium, network)
    charges, nodes, targets, known = np.zeros(len(network.charge_channels)), 0, 0.0, 0.0
    for block in track(samples.blocks(), -(-len(samples) // BLOCK), "scales of the training split"):
        batch = block.to(device or torch.device("cpu"))
        images = encoding.charge_images(batch)
        if not bool(torch.isfinite(batch.regular).all()):
            raise FormatError(
                explain(
                    f"{samples.path}: regular_potential", "NaN or inf", "finite values", "make the file anew"
                )
            )
        target, weight = (part.double() for part in encoding.target(batch))
        charges += images.square().transpose(0, 1).flatten(1).sum(1).cpu().numpy()
        nodes += batch.regular.numel()
        targets, known = targets + float(target.square().sum()), known + float(weight.sum())
    channels, whole = np.sqrt(charges / nodes).tolist(), float(np.sqrt(targets / known))
    names = [f"charge channel {name}" for name in network.charge_channels]
    for name, scale in zip([*names, "target"], [*channels, whole], strict=True):
        if not (np.isfinite(scale) and scale > 0):
            raise FormatError(
                explain(
                    f"{samples.path}: root mean square of the {name}",
                    scale,
                    "a positive number",
                    "check the data",
                )
            )
    if network.physical:
        kinds = zip(network.charge_channels, channels, strict=True)
        channels, whole = [1.0 if kind in POTENTIALS else scale for kind, scale in kinds], 1.0
    return Normalization(charge_channels=channels, target=whole)
