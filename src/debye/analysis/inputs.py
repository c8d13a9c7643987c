"""What an analysis reads: estimates, checked against their labels, and the history of a training."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from debye import schema, store
from debye.errors import FormatError, explain

IDENTITY = ("geometry", "seed", "index")
HISTORY = ("epoch", "learning_rate", "train_loss", "validation_loss", "seconds")
PREDICTION_ATTRIBUTES = (
    "model",
    "parameters",
    "target",
    "best_epoch",
    "configuration",
    "code_digest",
    "dataset_digest",
    "seconds",
)


def open_estimate(path: Path, labels: xr.Dataset, attributes: Sequence[str]) -> xr.Dataset:
    """Open predictions or a label floor and make sure that they lie on the grid of the labels.

    Raises
    ------
    FormatError
        If a variable or root attribute is missing or the grid is another one.
    """
    estimate = store.open_raw(path)
    try:
        for name in ("regular_potential", *IDENTITY):
            if name not in estimate:
                raise FormatError(
                    explain(f"{path}: variable {name}", "nothing", "a variable", "make the file anew")
                )
        for name in attributes:
            if name not in estimate.attrs:
                raise FormatError(
                    explain(f"{path}: attribute {name}", "nothing", "a value", "make the file anew")
                )
        found, expected = schema.grid_of(estimate), schema.grid_of(labels)
        if found != expected:
            raise FormatError(
                explain(
                    f"{path}: grid", found, f"{expected} as in the data set", "predict the data set again"
                )
            )
    except FormatError:
        estimate.close()
        raise
    return estimate


def identities(dataset: xr.Dataset) -> list[tuple[str, int, int]]:
    """(family, seed, index) of every sample."""
    columns = (dataset[name].values.tolist() for name in IDENTITY)
    return [(str(family), int(seed), int(index)) for family, seed, index in zip(*columns, strict=True)]


def same_samples(estimate: xr.Dataset, labels: xr.Dataset, where: str) -> None:
    """Make sure that an estimate belongs to the samples of the labels, in their order.

    Raises
    ------
    FormatError
        Naming the first sample that differs.
    """
    found, expected = identities(estimate), identities(labels)
    remedy = "predict this data set again"
    digest, made_for = labels.attrs.get("content_digest"), estimate.attrs.get("dataset_digest")
    if digest is not None and made_for != digest:
        raise FormatError(explain(f"{where}: digest of the data set", made_for, str(digest), remedy))
    if len(found) != len(expected):
        raise FormatError(
            explain(f"{where}: samples", len(found), f"{len(expected)} as in the data set", remedy)
        )
    for position, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one != other:
            raise FormatError(
                explain(f"{where}: sample {position}", one, f"(family, seed, index) = {other}", remedy)
            )


def read_history(path: Path) -> dict[str, NDArray[np.float64]]:
    """Numeric columns of a training history; empty cells are NaN.

    Raises
    ------
    FormatError
        If the file is missing, has no row, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(
            explain(str(path), type(error).__name__, "a readable CSV file", "train again")
        ) from None
    missing = [name for name in HISTORY if not rows or name not in rows[0]]
    if missing:
        raise FormatError(explain(str(path), f"no column {missing[0]}", "one row an epoch", "train again"))
    try:
        return {
            name: np.array([float(row[name] if row[name] != "" else "nan") for row in rows])
            for name in HISTORY
        }
    except (TypeError, ValueError) as error:
        raise FormatError(explain(str(path), str(error), "numbers", "train again")) from None
