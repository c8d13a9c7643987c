"""Some nodes of a batch, in one list: what counts on one side of the interface is computed on that side alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from debye.learning.batch import Batch
from debye.parameters import Grid

AT_ONCE = 2**16
"""Distances that are worked on at once, half a megabyte: a few nodes see all charges in one operation, and many nodes
stay in a processor's cache."""


class Nodes:
    """Those nodes of the samples of a batch where a mask, shape (b, x, y[, z]), is true; m of them."""

    def __init__(self, batch: Batch, grid: Grid, mask: Tensor) -> None:
        self.batch, self.grid = batch, grid
        self.where = torch.nonzero(mask, as_tuple=True)
        self.sample = self.where[0]

    def charges(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """The charges of each sample, some at a time, as the nodes see them.

        Yields
        ------
        which : slice
            Their numbers; k of them.
        square : Tensor
            Squared distances, shape (k, m), Å²; a new array.
        value : Tensor
            Charges, shape (k, m); 0 where padded.
        """
        axis = torch.as_tensor(self.grid.axis, device=self.sample.device)
        position, value = self.batch.position, self.batch.value
        spots = [self.sample * len(axis) + index for index in self.where[1:]]
        few = max(1, AT_ONCE // max(1, len(self.sample)))
        for start in range(0, position.shape[1], few):
            which = slice(start, start + few)
            square = position.new_zeros(())
            for k, spot in enumerate(spots):
                along = (axis - position[:, which, k].T[..., None]).square().flatten(1)
                square = square + _picked(along, spot)
            yield which, square, self.per_sample(value[:, which])

    def per_sample(self, values: Tensor) -> Tensor:
        """Numbers (b, k) of the samples at their nodes, (k, m)."""
        return _picked(values.T, self.sample)

    def zeros(self) -> Tensor:
        """Zero at each node, (m,), float64."""
        return self.batch.position.new_zeros(len(self.sample))

    def image(self, values: Tensor) -> Tensor:
        """Field (b, x, y[, z]) of these values, (m,), and 0 at the other nodes."""
        field = values.new_zeros(self.batch.level_set.shape)
        field[self.where] = values
        return field


def _picked(rows: Tensor, index: Tensor) -> Tensor:
    """Columns of a matrix; one row after the other takes a quarter of the time of all at once."""
    if len(rows) == 1:
        return rows[0].index_select(0, index)[None]
    return torch.stack([row.index_select(0, index) for row in rows.unbind()])
