"""A network that answers: read once, placed once on each device, asked about arrays of any problems."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from debye.errors import FormatError, explain
from debye.learning import checkpoint
from debye.learning.batch import Batch
from debye.learning.device import choose_device, place
from debye.learning.predict import regular_potential
from debye.parameters import Medium

Floats = NDArray[np.float64]


class Answers:
    """The network of a checkpoint, ready to be asked.

    Parameters
    ----------
    path : Path
        `checkpoint.safetensors` of a training.

    Raises
    ------
    FormatError
        If the file is no checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record, self._model = checkpoint.load(path)
        self._encoding = self.record.encoding()
        self._placed: dict[torch.device, nn.Module] = {}

    def regular(
        self,
        level_sets: NDArray[np.float32],
        charges: Sequence[tuple[Floats, Floats]],
        medium: Medium,
        device: str = "auto",
        names: Sequence[str] | None = None,
    ) -> Floats:
        """Regular potential of a batch of problems on the network's grid.

        Parameters
        ----------
        level_sets : ndarray, shape (b, x, y[, z])
            Signed distance at the nodes, Å.
        charges : sequence of (positions (n, dim), values (n,))
            Of each problem, Å and e/Å (e in 3-D); n may differ.
        medium : Medium
            What is known in closed form is computed for it.
        device : {"auto", "cpu", "cuda"}
        names : sequence of str, optional
            What messages call the problems; their numbers if left out.

        Returns
        -------
        ndarray, shape (b, x, y[, z])
            w, kT/e.

        Raises
        ------
        ConfigError
            If "cuda" is asked for and absent.
        FormatError
            If a prediction is not finite.
        """
        most = max(len(values) for _, values in charges)
        position = np.zeros((len(charges), most, level_sets.ndim - 1))
        value = np.zeros((len(charges), most))
        for number, (places, values) in enumerate(charges):
            position[number, : len(values)] = places
            value[number, : len(values)] = values
        level_set = torch.from_numpy(level_sets)
        batch = Batch(
            torch.zeros_like(level_set), level_set, torch.from_numpy(position), torch.from_numpy(value)
        )
        encoding = replace(self._encoding, medium=medium)
        regular, _ = regular_potential(batch, self._on(choose_device(device)), encoding)
        bad = np.flatnonzero(~np.isfinite(regular).reshape(len(regular), -1).all(axis=1))
        if bad.size:
            whose = f"problem {bad[0]}" if names is None else names[bad[0]]
            found = f"a prediction of {self.path.name} with NaN or inf"
            raise FormatError(explain(whose, found, "finite values", "solve it"))
        return np.asarray(regular, dtype=float)

    def _on(self, device: torch.device) -> nn.Module:
        if device not in self._placed:
            # `place` moves a module: the one of another device stays where it is.
            self._placed[device] = place(deepcopy(self._model), device)
        return self._placed[device]
