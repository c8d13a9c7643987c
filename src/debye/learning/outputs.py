"""What a training leaves behind: the checkpoint of its best epoch, and the history of all of them."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

from debye.frozen import NetworkSlice
from debye.learning import checkpoint
from debye.learning.batch import Normalization
from debye.learning.encode import Encoding
from debye.learning.models import multiply_adds
from debye.learning.state import State
from debye.provenance import source
from debye.store import write_text

log = logging.getLogger("debye")

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "validation_loss",
    "best",
    "seconds",
    "data_wait",
)
"""Columns of `history.csv`; `data_wait` is the share of the epoch's seconds in which the steps waited for a batch."""


def write_outputs(out: Path, frozen: NetworkSlice, state: State, encoding: Encoding, samples: int) -> None:
    """Write `history.csv` and `checkpoint.safetensors` from the state of a finished training.

    Parameters
    ----------
    out : Path
        Their folder.
    frozen : NetworkSlice
        The network and its training.
    state : State
        Holds the history and the weights of the best epoch.
    encoding : Encoding
        How problems were put to the network.
    samples : int
        Number of training samples.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(state.history)
    best = state.history[state.best_epoch - 1]
    seconds = sum(row["seconds"] for row in state.history)
    waited = sum(row["seconds"] * row["data_wait"] for row in state.history)
    record = checkpoint.Record(
        name=frozen.name,
        network=frozen.network,
        grid=encoding.grid,
        medium=encoding.medium,
        normalization=Normalization(**state.normalization),
        parameters=sum(weight.numel() for weight in state.best_weights.values()),
        multiply_adds=multiply_adds(frozen.network, encoding.grid),
        best_epoch=state.best_epoch,
        train_loss=best["train_loss"],
        validation_loss=best["validation_loss"],
        train_samples=samples,
        steps=int(state.history[-1]["step"]),
        seconds=round(seconds, 3),
        data_wait=round(waited / seconds, 4) if seconds else 0.0,
        device=state.device,
        train_digest=state.fingerprint["training split"],
        validation_digest=state.fingerprint["validation split"],
        code_digest=frozen.code,
        source=source(),
        date_created=state.date,
    )
    write_text(out / "history.csv", table.getvalue())
    checkpoint.save(out / "checkpoint.safetensors", record, state.best_weights)
    log.info("%s: best epoch %d, validation loss %.4g", frozen.name, state.best_epoch, state.best_loss)
