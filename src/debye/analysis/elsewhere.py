"""The error against other things than distance from the interface: figures and a table of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from bokeh.plotting import figure
from numpy.typing import NDArray

from debye.analysis.curves import ERROR_LABEL
from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, QUANTITIES
from debye.analysis.interactive import Axis, Line, draw
from debye.analysis.leaderboard_text import Table
from debye.analysis.style import Look

AXES = {
    "debye_band": ("signed distance from the interface / λ_D", "λ_D"),
    "charge_band": ("distance to the nearest charge / h", "h"),
    "curvature_band": ("curvature of the interface / (1/Å), convex solute right", "1/Å"),
}
"""Dimension of the tables → title of the axis, unit of its values."""


def over_bands(
    metrics: Mapping[str, xr.Dataset], drawn: Mapping[str, Look], name: str, height: int = 320
) -> figure:
    """Draw the RMSE in bands, both sides of the interface together, with the label floor.

    Parameters
    ----------
    metrics : mapping
        Network → figures, as `debye.analysis.analyse` writes them.
    drawn : mapping
        Network → look.
    name : str
        One of `AXES`.
    height : int
        In pixels.
    """
    title, unit = AXES[name]
    first = next(iter(metrics.values()))
    networks = {model: _steps(one.sel(of=NETWORK), name, unit) for model, one in metrics.items()}
    return draw(
        networks, drawn, Axis(title), ERROR_LABEL, _steps(first.sel(of=FLOOR), name, unit), height=height
    )


def _steps(figures: xr.Dataset, name: str, unit: str) -> list[Line]:
    """Bands that hold nodes, one line for each unbroken row of them."""
    edges, values, nodes = both_sides(figures, name)
    lines, known = [], np.isfinite(values)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(int)))
    for start, stop in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        said = {
            "from, to": [f"{low:.3g} {unit} to {high:.3g} {unit}" for low, high in pairwise(edges[start : stop + 1])],
            "RMSE": [f"{DEFINITIONS['rmse'].show(value)} kT/e" for value in values[start:stop]],
            "nodes": [f"{number:,}".replace(",", " ") for number in nodes[start:stop].tolist()],
        }  # fmt: skip
        lines.append(Line(edges[start : stop + 1], values[start:stop], said))
    return lines


def both_sides(
    figures: xr.Dataset, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Edges, RMSE and nodes of the bands of all families, of both sides of the interface.

    Returns
    -------
    (band + 1,), (band,) and (band,) array
        Open ends reach as far as the band beside them; NaN where there is no node.
    """
    here = figures.sel(family=EVERY)
    nodes = here[f"{name}_nodes"].fillna(0).values.astype(np.int64)
    square = np.where(nodes > 0, nodes * np.nan_to_num(here[f"{name}_rmse"].values) ** 2, 0.0)
    axis = here[f"{name}_rmse"].dims.index("side")
    number = nodes.sum(axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.sqrt(square.sum(axis) / number)
    edges = np.append(here[f"{name}_lower"].values, here[f"{name}_upper"].values[-1])
    if not np.isfinite(edges[0]):
        edges[0] = 2 * edges[1] - edges[2]
    if not np.isfinite(edges[-1]):
        edges[-1] = 2 * edges[-2] - edges[-3]
    return edges, values, number


def spectrum(metrics: Mapping[str, xr.Dataset], drawn: Mapping[str, Look], height: int = 320) -> figure:
    """Draw the relative error against the wave number, all families, with the label floor.

    Parameters
    ----------
    metrics : mapping
        Network → figures.
    drawn : mapping
        Network → look.
    height : int
        In pixels.
    """
    first = next(iter(metrics.values()))
    networks = {model: [_waves(one.sel(of=NETWORK))] for model, one in metrics.items()}
    return draw(
        {**networks}, drawn, Axis("wave number / (1/Å)"), "relative error", [_stairs(first.sel(of=FLOOR))],
        height=height, y_format="0.[0000]%",
    )  # fmt: skip


def _waves(figures: xr.Dataset) -> Line:
    here = figures.sel(family=EVERY)
    waves, ratio = here["wave_number"].values, here["power_ratio"].values
    said = {
        "wave length": [f"{1 / wave:.3g} Å" if wave > 0 else "mean" for wave in waves],
        "relative error": [DEFINITIONS["relative_l2_median"].show(value) for value in ratio],
        "mean square of e": [f"{power:.3g} (kT/e)²" for power in here["power_error"].values],
    }
    return Line(waves, ratio, said)


def _stairs(figures: xr.Dataset) -> Line:
    """The floor is drawn over bins: shells around their wave numbers."""
    here = figures.sel(family=EVERY)
    waves = here["wave_number"].values
    half = 0.5 * np.diff(waves).mean() if len(waves) > 1 else 0.0
    edges = np.append(waves - half, waves[-1] + half)
    edges[0] = max(edges[0], 0.0)
    return Line(edges, here["power_ratio"].values)


def quantity_table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """Median relative error of each quantity that people want from a potential: a row a network, and the floor's.

    Parameters
    ----------
    summaries : sequence of mapping
        One for each network, as `debye.analysis.analyse` writes them.
    """
    shown = DEFINITIONS["relative_l2_median"].show
    lines = [(str(one["model"]), one["figures"][NETWORK]) for one in summaries]
    lines.append((FLOOR, summaries[0]["figures"][FLOOR]))
    # The jump that differences find in the label is no error of a network.
    wanted = [name for name in QUANTITIES if name != "flux_jump_label"]
    rows = [
        (name, *(shown(figures[EVERY]["quantities"][one]["relative_median"]) for one in wanted))
        for name, figures in lines
    ]
    return Table(("network", *(QUANTITIES[one].title for one in wanted)), tuple(rows))
