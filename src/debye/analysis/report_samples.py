"""What the page shows of an analysis: its folder without what grows with the split, and pictures of its galleries."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import store
from debye.analysis import figures
from debye.analysis.definitions import DEFINITIONS
from debye.analysis.style import data_uri
from debye.errors import FormatError, explain

GALLERIES = (
    ("best", "Best sample", "the smallest relative L2 error of the split"),
    ("median", "Typical samples", "relative L2 error nearest the median"),
    ("worst", "Worst 1 %", "the largest relative L2 errors of the split, the worst first"),
)

WORST = 0.01
"""Share of the samples that are called the worst."""


@dataclass(frozen=True)
class Analysed:
    """What one folder of an analysis holds, without figures of single samples."""

    model: str
    summary: dict[str, Any]
    metrics: xr.Dataset
    gallery: xr.Dataset
    worst: float
    """Relative L2 error that the worst samples exceed or reach."""


def read_analysis(folder: Path) -> Analysed:
    """Read the folder of an analysis.

    Raises
    ------
    FormatError
        If a file is missing or not what it should be.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        model = str(summary["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = " ".join(str(error).split())
        raise FormatError(
            explain(f"{folder}/summary.json", found, "an analysis", "analyse the network again")
        ) from None
    with closing(store.open_raw(folder / "metrics.nc")) as dataset:
        relative = dataset["sample_relative_l2"].sel(region="all").values
        metrics = dataset.drop_dims("sample").load()
    with closing(store.open_raw(folder / "gallery.nc")) as dataset:
        gallery = dataset.load()
    return Analysed(model, summary, metrics, gallery, worst_limit(relative))


def worst_limit(relative: np.ndarray[Any, Any]) -> float:
    """Smallest error of the worst hundredth of the samples, of the worst sample where there are fewer than a hundred.

    Examples
    --------
    >>> worst_limit(np.arange(200.0)), worst_limit(np.array([3.0, np.nan, 1.0]))
    (198.0, 3.0)
    """
    known = np.sort(relative[np.isfinite(relative)])
    return float(known[-max(1, int(WORST * known.size))]) if known.size else np.nan


def pictures(one: Analysed, number: int) -> int:
    """Count the pictures in the galleries of a network, each with at most `number` samples."""
    counts = [int((one.gallery["gallery"].values == name).sum()) for name, _, _ in GALLERIES]
    return sum(min(number, count) for count in counts)


def galleries(one: Analysed, number: int, most: int) -> list[dict[str, Any]]:
    """Galleries of a network, each with at most `number` samples of `most` characters."""
    shown = []
    for name, title, meaning in GALLERIES:
        samples = one.gallery.isel(sample=one.gallery["gallery"].values == name)
        drawn = []
        for position in range(min(number, samples.sizes["sample"])):
            sample = samples.isel(sample=position)
            drawn.append(
                {
                    "image": data_uri(figures.sample_fields(sample), most),
                    "geometry": str(sample["geometry"].item()),
                    "seed": int(sample["seed"]),
                    "index": int(sample["index"]),
                    "relative": _percent(float(sample["relative_l2"])),
                }
            )
        if name == "worst":
            meaning += f"; one sample of a hundred has an error of {_percent(one.worst)} or more"
        shown.append({"name": name, "title": title, "meaning": meaning, "samples": drawn})
    return shown


def _percent(value: float) -> str:
    return DEFINITIONS["relative_l2_median"].show(value)
