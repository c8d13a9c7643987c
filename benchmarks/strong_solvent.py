"""Where a network fails: samples that are wrong by more than 5 %, by the highest potential of their solvent.

    python benchmarks/strong_solvent.py results/experiments/results multigrid_fine

reads the data sets and predictions of a workflow and prints one line for each test set.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xarray as xr

import debye

WRONG, STRONG = 0.05, 5.0
"""Relative L2 error of u, and kT/e."""


def count(results: Path, model: str, split: str) -> str:
    """One line about a split."""
    with (
        debye.open_dataset(results / "dataset" / f"{split}.nc", add=["potential"]) as labels,
        xr.open_dataset(results / "predictions" / model / f"{split}.nc") as predicted,
    ):
        potential = labels["potential"].values
        known = np.isfinite(potential)
        error = np.where(
            known, predicted["regular_potential"].values - labels["regular_potential"].values, 0.0
        )
        size = np.where(known, potential, 0.0)
        relative = np.sqrt(np.square(error).sum((1, 2)) / np.square(size).sum((1, 2)))
        solvent = np.where(labels["level_set"].values > 0, np.abs(size), 0.0).max((1, 2))
    strong, wrong = solvent > STRONG, relative > WRONG
    worst = relative[~strong].max() if (~strong).any() else float("nan")
    failed = (
        f"{(wrong & strong).sum()} of these wrong by more than {WRONG:.0%}, the worst by {relative.max():.0%}"
    )
    others = f"{(wrong & ~strong).sum()} of the others, the worst by {worst:.1%}"
    return f"{split}: {strong.sum()} of {len(strong)} samples above {STRONG:g} kT/e in the solvent, {failed}; {others}"


if __name__ == "__main__":
    folder, name = Path(sys.argv[1]), sys.argv[2]
    for path in sorted((folder / "predictions" / name).glob("*.nc")):
        print(count(folder, name, path.stem))
