"""A made-up penalty study of one family, and a made-up leaderboard."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

from debye import provenance, schema, store
from debye.analysis.intervals import change, interval
from debye.config import Analysis
from debye.frozen import LeaderboardSlice

LABELS = ["0", "0.5", "2", "10", "auto"]
STRENGTH = np.array([0.0, 0.5, 2.0, 10.0, 0.4])
CONTRASTS = ["2:80", "1000:1"]
VARIANTS = ["symmetric", "incomplete"]


def family_study(name="disc", enough=1.2) -> xr.Dataset:
    """Error 1 + σ, iterations 10 (1 + σ) and condition 100 (1 + σ); σ = 0 indefinite at 1000:1, twice of three."""
    shape = (1, len(CONTRASTS), 2, len(LABELS), len(VARIANTS), 3)
    dims = ("family", "contrast", "cells", "penalty", "variant", "geometry")
    growth = np.broadcast_to((1.0 + STRENGTH)[None, None, None, :, None, None], shape).copy()
    growth[:, :, :, :, 1] *= 1.5
    negative = np.zeros(shape)
    negative[:, 1, :, 0, 0, :2] = 1.0
    # The second grid has one solute, and the symmetric form alone.
    tried = np.ones(shape, dtype=bool)
    tried[:, :, 1, :, :, 1:] = False
    tried[:, :, 1, :, 1, :] = False
    factors = {
        "error_all": 1e-3, "error_solvent": 1e-2, "error_interface": 2e-3, "eigenvalue_largest": 100.0,
        "multigrid_iterations": 10.0, "plain_iterations": 100.0, "setup_seconds": 0.1, "solve_seconds": 0.1,
    }  # fmt: skip
    content = {
        key: (dims, np.where(tried & (negative == 0), value * growth, np.nan))
        for key, value in factors.items()
    }
    content["eigenvalue_smallest"] = (dims, np.where(tried, 1.0 - 2.0 * negative, np.nan))
    content["negative_eigenvalues"] = (dims, np.where(tried, negative, np.nan))
    sufficient = np.full((1, len(CONTRASTS), 2, 3), 0.7)
    sufficient[0, 1, 0, 0] = enough
    content["sufficient_penalty"] = (("family", "contrast", "cells", "geometry"), sufficient)
    configuration = json.dumps({"dim": 2, "half_width": 16.0, "debye_length": 9.6})
    return xr.Dataset(
        content,
        coords={
            "family": [name], "contrast": CONTRASTS, "cells": [32, 64], "penalty": LABELS, "variant": VARIANTS,
            "geometry": [0, 1, 2],
        },
        attrs=schema.root_attributes("made up", configuration, "made up", {}),
    )  # fmt: skip


COST = {
    "parameters": 1_500_000, "multiply_adds": 76_000_000, "device": "a processor, 1 thread", "threads": 1,
    "training": {"seconds": 12.0, "steps": 100, "samples": 10, "device": "a processor", "data_wait": 0.1},
    "latency_seconds": 0.004,
    "batches": {
        "1": {"seconds": 0.004, "samples_per_second": 250.0}, "16": {"seconds": 0.04, "samples_per_second": 400.0},
    },
}  # fmt: skip
SOLVER_COST = {"cold_seconds": 0.025, "warm_seconds": 0.005, "device": "a processor", "threads": 1}


def spoilt(content: Any, place: str, value: Any) -> str:
    """JSON of a copy of content with another value at a place like "rows.0.total"; without it if that is `...`."""
    content = copy.deepcopy(content)
    *path, last = place.split(".")
    there = content
    for step in path:
        there = there[int(step) if isinstance(there, list) else step]
    key = int(last) if isinstance(there, list) else last
    if value is ...:
        del there[key]
    else:
        there[key] = value
    return json.dumps(content)


@dataclass
class Leaderboard:
    """Everything that `make_leaderboard` reads, for networks whose error is a share of w."""

    made: SimpleNamespace
    folder: Path
    shares: dict[tuple[str, str], float]
    labels: dict[str, xr.Dataset] = field(default_factory=dict)

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions"

    @property
    def costs(self) -> Path:
        return self.folder / "costs"

    @property
    def out(self) -> Path:
        return self.folder / "leaderboard"

    @property
    def arguments(self) -> tuple[Any, ...]:
        models = tuple(dict.fromkeys(model for model, _ in self.shares))
        frozen = LeaderboardSlice(
            code=provenance.code_digest("analysis"),
            analysis=Analysis(bands=(-2, 0, 2), near_charge=2.0),
            models=models,
            splits={"test": "", "molecules": "shapes never seen"},
        )
        return frozen, self.predictions, self.folder / "datasets", self.costs, self.out

    def write_prediction(self, model: str, split: str, share: float, name: str | None = None) -> None:
        labels = self.labels[split]
        predicted = self.made.prediction_of(labels, share * labels["regular_potential"], name or model)
        if split != "test":
            predicted.attrs["medium_differs"] = "debye_length"
        store.write(predicted, self.predictions / model / f"{split}.nc")


def leaderboard_files(
    made: SimpleNamespace, folder: Path, shares: dict[str, tuple[float, float]]
) -> Leaderboard:
    """Write data sets, predictions and costs; network → its errors on `test` and `molecules` as shares of w."""
    splits = ("test", "molecules")
    by_place = {
        (model, split): share
        for model, two in shares.items()
        for split, share in zip(splits, two, strict=True)
    }
    board = Leaderboard(made, folder, by_place)
    for split in splits:
        board.labels[split] = made.three_families(samples=2, cells=24)
        store.write(board.labels[split], folder / "datasets" / f"{split}.nc")
    for (model, split), share in by_place.items():
        board.write_prediction(model, split, share)
    for model in shares:
        store.write_text(board.costs / model / "network.json", json.dumps(COST))
        store.write_text(board.costs / model / "solver.json", json.dumps(SOLVER_COST))
    return board


def _ablated(values: list[float], base: list[float]) -> dict[str, Any]:
    figures = ("interface_excess", "interface_rmse", "bulk_rmse", "relative_l2_median")
    return {
        "figures": {name: interval(values) for name in figures},
        "against_base": {name: change(values, base) for name in figures},
        "regions": "cells", "split": "test", "cells": 24, "spacing": 1.0, "samples": 6, "same_problems": 6,
        "widths": {"interface_band": 2.0, "near_charge": 2.0},
    }  # fmt: skip


ABLATION = {
    "source": "made up", "date": "today", "code": "made up", "seeds": [0, 1, 2],
    "rows": [
        {"variant": "base", "about": "", "change": ""} | _ablated([2.0, 3.0, 4.0], [2.0, 3.0, 4.0]),
        {"variant": "regular", "about": "the regular potential", "change": "target: regular"}
        | _ablated([1.0, 2.1, 3.0], [2.0, 3.0, 4.0]),
    ],
}  # fmt: skip
