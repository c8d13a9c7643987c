"""The page's figures that answer the pointer; the same as pictures are in `curves` and `leaderboard_figure`.

Another quantity in bins is drawn by `interactive.draw` from an `Axis` and a `Line` for each network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from bokeh.plotting import figure

from debye.analysis.curves import DISTANCE_LABEL, ERROR_LABEL, side_bands
from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR, SIDES
from debye.analysis.interactive import Axis, Line, draw, points, stretched, value_range
from debye.analysis.leaderboard_text import count, duration, shown
from debye.analysis.style import Look


def by_distance(
    metrics: Mapping[str, xr.Dataset], summary: Mapping[str, Any], drawn: Mapping[str, Look]
) -> dict[str, figure]:
    """Draw the error against signed distance over all families, and for each family on one scale.

    Parameters
    ----------
    metrics : mapping
        Network → figures, as `debye.analysis.analyse` writes them.
    summary : mapping
        A summary of one of the analyses: the widths of the regions.
    drawn : mapping
        Network → look.

    Returns
    -------
    dict
        Family → figure.
    """
    first = next(iter(metrics.values()))
    families = first["family"].values.tolist()
    networks = {
        family: {model: _bands(one, family, NETWORK) for model, one in metrics.items()} for family in families
    }
    floors = {family: _bands(first, family, FLOOR) for family in families}
    each = [family for family in families if family != EVERY]
    shared = value_range(
        [line for family in each for lines in (*networks[family].values(), floors[family]) for line in lines]
    )
    width = float(summary["settings"]["interface_band"])
    axis = Axis(
        DISTANCE_LABEL,
        place=stretched,
        ticks=[float(edge) for edge in first["band_upper"].values[:-1]],
        line=0.0,
        area=(-width, width),
    )
    return {
        family: draw(
            networks[family], drawn, axis, ERROR_LABEL, floors[family],
            y_range=None if family == EVERY else shared, height=440 if family == EVERY else 300,
        )
        for family in families
    }  # fmt: skip


def _bands(metrics: xr.Dataset, family: str, of: str) -> list[Line]:
    """RMSE in the bands of both sides; over the floor: on the samples of the floor alone."""
    here = metrics.sel(family=family)
    ratio = here.assign(ratio=here["band_rmse"].sel(of=ON_FLOOR) / here["band_rmse"].sel(of=FLOOR))
    lines = []
    for side in SIDES:
        edges, values = side_bands(here.sel(of=of), "band_rmse", side)
        if not edges.size:
            continue
        known = _ratios(ratio, side, edges)
        said = {
            "distance": [_between(lower, upper) for lower, upper in pairwise(edges)],
            "RMSE": [f"{DEFINITIONS['rmse'].show(value)} kT/e" for value in values],
            "over the floor": [DEFINITIONS["floor_ratio"].show(value) for value in known],
        }
        lines.append(Line(edges, values, said))
    return lines


def _ratios(ratio: xr.Dataset, side: str, edges: np.ndarray[Any, Any]) -> list[float]:
    """Error over label floor between these edges; NaN where the floor has no node."""
    other, values = side_bands(ratio, "ratio", side)
    found = dict(zip(other[:-1].tolist(), values.tolist(), strict=True)) if other.size else {}
    return [found.get(edge, np.nan) for edge in edges[:-1].tolist()]


def _between(lower: float, upper: float) -> str:
    return f"{lower:g} h to {upper:g} h"


def training(metrics: Mapping[str, xr.Dataset], drawn: Mapping[str, Look]) -> figure:
    """Draw the validation loss against the epoch; hovering says the training loss and the learning rate as well."""
    networks = {}
    for model, one in metrics.items():
        train, validation, rate = (
            one[f"history_{name}"].values for name in ("train_loss", "validation_loss", "learning_rate")
        )
        said = {
            "epoch": [f"{epoch:g}" for epoch in one["history_epoch"].values],
            "validation loss": [f"{loss:.3g}" for loss in validation],
            "training loss": [f"{loss:.3g}" for loss in train],
            "learning rate": [f"{value:.2g}" for value in rate],
        }
        networks[model] = [Line(one["history_epoch"].values, validation, said)]
    return draw(networks, drawn, Axis("epoch"), "validation loss")


def by_parameters(found: Mapping[str, Any], drawn: Mapping[str, Look]) -> figure:
    """Draw the median relative error against the number of parameters: the test split filled, the others hollow.

    Parameters
    ----------
    found : mapping
        As `debye.analysis.leaderboard.make_leaderboard` makes it.
    drawn : mapping
        Network → look.
    """
    parameters = {one["model"]: one["parameters"] for one in found["models"]}
    # No place on a logarithmic axis: an error that does not exist, or none at all.
    rows = [row for row in found["rows"] if row["total"]["relative_l2_median"]]
    limits = value_range([Line([0.0], [row["total"]["relative_l2_median"] for row in rows])])
    axis = Axis("parameters", scale="log", format="0a")
    title = "median relative L2 error of u"
    empty = draw({}, drawn, axis, title, y_range=limits, y_format="0.[0000]%")
    for row in sorted(rows, key=lambda one: one["split"] == "test"):
        factor = row["factor"]["total"]
        said = {
            "split": [row["split"]],
            "parameters": [count(parameters[row["model"]])],
            "median error": [shown("relative_l2_median", row["total"])],
            "95 % quantile": [shown("relative_l2_95", row["total"])],
            "over that on test": ["–" if factor is None else f"{factor:.2g} ×"],
        }
        here = [parameters[row["model"]]], [row["total"]["relative_l2_median"]]
        inside = row["split"] == "test"
        points(empty, row["model"], *here, said, drawn[row["model"]], inside, 11 if inside else 7)
    return empty


def throughput(found: Mapping[str, Any], drawn: Mapping[str, Look]) -> figure:
    """Draw the rate of each network over that of the solver on new shapes, against the samples in a batch."""
    networks = {one["model"]: [_rates(one)] for one in found["models"]}
    title = "rate over the solver's, new shapes"
    sizes = sorted({int(size) for one in found["models"] for size in one["batches"]})
    axis = Axis("samples in a batch", scale="log", ticks=sizes)
    return draw(networks, drawn, axis, title, level=1.0, y_format="0.[00]")


def _rates(model: Mapping[str, Any]) -> Line:
    batches = sorted(model["batches"].items(), key=lambda one: int(one[0]))
    rates = [one["samples_per_second"] for _, one in batches]
    said: dict[str, Sequence[str]] = {
        "batch": [size for size, _ in batches],
        "its rate": [f"{count(rate)} samples/s" for rate in rates],
    }
    for name in ("cold", "warm"):
        seconds = model["solver"][f"{name}_seconds"]
        said[f"solver, {name}"] = [duration(seconds)] * len(rates)
        said[f"rate over solver, {name}"] = [f"{rate * seconds:.2g} ×" for rate in rates]
    return Line(
        [int(size) for size, _ in batches], [rate * model["solver"]["cold_seconds"] for rate in rates], said
    )
