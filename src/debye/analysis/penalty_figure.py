"""The figure of the penalty study: error, iterations and condition number against σ, a column for each contrast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FormatStrFormatter, LogLocator, NullFormatter, NullLocator

from debye.analysis.style import COLOURS, FLOOR_COLOUR, canvas, style, tidy

VARIANT_LINES = {"incomplete": "--", "nonsymmetric": ":"}
ROWS = (
    ("error_all", "error"),
    ("multigrid_iterations", "multigrid iterations"),
    ("condition", "condition number"),
)


def draw(study: xr.Dataset, found: Mapping[str, Any]) -> Figure:
    """Draw medians over families and solutes with bands from best to worst; crosses where cases are indefinite.

    Parameters
    ----------
    study : xarray.Dataset
        As `debye.analysis.penalty.merged` makes it.
    found : mapping
        Its findings: the recommended penalty, over whose errors the others stand; None for the errors themselves.
    """
    recommended = found["recommended"]
    contrasts = study["contrast"].values
    with style():
        figure = canvas(2.0 + 1.9 * len(contrasts), 6.4)
        panels = figure.subplots(len(ROWS), len(contrasts), sharex=True, sharey="row", squeeze=False)
        quantities = _quantities(study, recommended)
        positions = _positions(study)
        for row, (name, label) in enumerate(ROWS):
            for column, contrast in enumerate(contrasts):
                axes = panels[row, column]
                _panel(axes, quantities[name].sel(contrast=contrast), study.sel(contrast=contrast), positions)
                tidy(axes)
                axes.set_yscale("log")
                axes.yaxis.set_minor_formatter(NullFormatter())
                if name == "condition":
                    axes.yaxis.set_major_locator(LogLocator(10.0, numticks=6))
                else:
                    axes.yaxis.set_major_locator(LogLocator(10.0, subs=(1.0, 2.0, 5.0), numticks=12))
                    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
                if row == 0:
                    axes.set_title(f"ε {contrast}", loc="left", fontweight="bold")
                if column == 0:
                    against = f" / error of {recommended}" if name == "error_all" and recommended else ""
                    axes.set_ylabel(label + against)
        _penalty_axis(panels, study, positions)
        figure.supxlabel("penalty σ on facets between cut simplices", fontsize=9)
        figure.legend(handles=_handles(study), loc="outside upper center", ncols=4)
        return figure


def _quantities(study: xr.Dataset, recommended: str | None) -> dict[str, xr.DataArray]:
    """What the rows show; the error relative to the symmetric form at the recommended penalty, case by case."""
    error = study["error_all"]
    condition = study["eigenvalue_largest"] / study["eigenvalue_smallest"]
    definite = study["negative_eigenvalues"] == 0
    shown = {
        "error_all": error / error.sel(variant="symmetric", penalty=recommended) if recommended else error,
        "multigrid_iterations": study["multigrid_iterations"],
        "condition": condition,
    }
    return {name: values.where(definite) for name, values in shown.items()}


def _positions(study: xr.Dataset) -> dict[str, float]:
    """Where each penalty stands: log σ, with 0 to the left and "auto" apart to the right."""
    constants = sorted(float(label) for label in study["penalty"].values if label != "auto")
    logs = [np.log10(value) for value in constants if value > 0] or [0.0]
    places = {f"{value:g}": float(np.log10(value)) if value > 0 else logs[0] - 0.8 for value in constants}
    return places | {"auto": logs[-1] + 1.3}


def _panel(axes: Axes, values: xr.DataArray, study: xr.Dataset, positions: Mapping[str, float]) -> None:
    over = ("family", "geometry")
    constants = [label for label in positions if label != "auto"]
    place = [positions[label] for label in constants]
    for number, cells in enumerate(study["cells"].values):
        colour = COLOURS[number % len(COLOURS)]
        here = values.sel(variant="symmetric", cells=cells)
        middle, low, high = here.median(over), here.min(over), here.max(over)
        axes.plot(place, middle.sel(penalty=constants), color=colour, marker="o", markersize=3, linewidth=1.4)
        axes.fill_between(
            place, low.sel(penalty=constants), high.sel(penalty=constants), color=colour, alpha=0.15, linewidth=0
        )  # fmt: skip
        auto = [float(one.sel(penalty="auto")) for one in (middle, low, high)]
        axes.vlines(positions["auto"], auto[1], auto[2], color=colour, alpha=0.35, linewidth=4)
        axes.plot(positions["auto"], auto[0], color=colour, marker="D", markersize=5, linestyle="none")
    coarsest = study["cells"].values[0]
    for variant, line in VARIANT_LINES.items():
        if variant in study["variant"].values:
            middle = values.sel(variant=variant, cells=coarsest).median(over)
            drawn: dict[str, Any] = {"color": FLOOR_COLOUR, "linewidth": 1.2}
            axes.plot(place, middle.sel(penalty=constants), linestyle=line, **drawn)
            axes.plot(
                positions["auto"], float(middle.sel(penalty="auto")), marker="_", markersize=9, color=FLOOR_COLOUR
            )  # fmt: skip
    negative = (study["negative_eigenvalues"].sel(variant="symmetric") > 0).any((*over, "cells"))
    for label in positions:
        if bool(negative.sel(penalty=label)):
            axes.plot(
                positions[label], 0.04, "x", color="#b00020", markersize=7, markeredgewidth=1.8,
                transform=axes.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip


def _penalty_axis(panels: Any, study: xr.Dataset, positions: Mapping[str, float]) -> None:
    """Name the powers of ten, 0 and auto; the rest of the σ stand between them as dots."""
    named = [label for label in positions if label in ("0", "auto") or np.log10(float(label)).is_integer()]
    for axes in panels[-1]:
        axes.xaxis.set_major_locator(FixedLocator([positions[label] for label in named]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels(named, fontsize=8)


def _handles(study: xr.Dataset) -> list[Line2D]:
    handles = [
        Line2D([], [], color=COLOURS[number % len(COLOURS)], marker="o", markersize=4, label=f"N = {cells}")
        for number, cells in enumerate(study["cells"].values)
    ]
    handles += [
        Line2D([], [], color=FLOOR_COLOUR, linestyle=line, label=f"{variant}, N = {study['cells'].values[0]}")
        for variant, line in VARIANT_LINES.items()
        if variant in study["variant"].values
    ]
    handles.append(Line2D([], [], color="#555555", marker="D", linestyle="none", label="auto"))
    handles.append(
        Line2D([], [], color="#b00020", marker="x", linestyle="none", label="indefinite for some solute")
    )
    return handles
