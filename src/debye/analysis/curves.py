"""Curves: error against signed distance from the interface, the same by family, and the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from debye.analysis.definitions import EVERY, FLOOR, NETWORK, SIDES
from debye.analysis.style import FLOOR_COLOUR, INK, MARKERS, canvas, looks, style, tidy

DISTANCE_LABEL = "signed distance from the interface / cells (h)"
ERROR_LABEL = "RMSE of the potential / (kT/e)"


def error_by_distance(metrics: Mapping[str, xr.Dataset], summary: Mapping[str, Any]) -> Figure:
    """Draw the error of networks against signed distance, with the label floor, over all families.

    Parameters
    ----------
    metrics : mapping
        Network → figures, as `debye.analysis.analyse` writes them.
    summary : mapping
        A summary of one of the analyses: the widths of the regions.
    """
    with style():
        figure = canvas(7.6, 4.2)
        axes = figure.add_subplot()
        _distance_curves(axes, metrics, EVERY, maximum=True)
        _distance_axis(axes, metrics, summary)
        axes.set_ylabel("error of the potential / (kT/e)")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure


def error_by_family(metrics: Mapping[str, xr.Dataset], summary: Mapping[str, Any]) -> Figure:
    """Draw the error against signed distance in a panel for each family, on the same axes."""
    families = [name for name in next(iter(metrics.values()))["family"].values.tolist() if name != EVERY]
    columns = min(3, len(families))
    rows = -(-len(families) // columns)
    with style():
        figure = canvas(7.6, 0.6 + 2.5 * rows)
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for number, axes in enumerate(panels.ravel()):
            if number >= len(families):
                axes.set_visible(False)
                continue
            _distance_curves(axes, metrics, families[number], maximum=False)
            _distance_axis(axes, metrics, summary, dense=False)
            axes.set_title(families[number], loc="left", fontweight="bold")
            shown = f"floor: {_floor_samples(next(iter(metrics.values())), families[number])}"
            axes.set_title(shown, loc="right", fontsize=7.5, color="#555555")
            axes.set_xlabel("")
        figure.supxlabel(DISTANCE_LABEL, fontsize=9)
        figure.supylabel(ERROR_LABEL, fontsize=9)
        handles = panels[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=4)
        return figure


def training_curve(metrics: Mapping[str, xr.Dataset]) -> Figure:
    """Draw training and validation loss against the epoch, and the learning rate below."""
    with style():
        figure = canvas(7.6, 3.9 if len(metrics) <= 3 else 4.6 + 0.1 * len(metrics))
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        for (model, dataset), look in zip(metrics.items(), looks(metrics).values(), strict=True):
            epoch = dataset["history_epoch"].values
            marker = MARKERS[look.marker] if epoch.size < 30 else None
            drawn = look.drawn | {"marker": marker, "markersize": 3}
            for split, width in (("train", 0.7), ("validation", 1.6)):
                loss = dataset[f"history_{split}_loss"].values
                losses.plot(epoch, loss, label=f"{model}, {split}", linewidth=width, **drawn)
            rates.plot(epoch, dataset["history_learning_rate"].values, linewidth=1.4, **drawn)
        losses.set_yscale("log")
        losses.set_ylabel("loss")
        if len(metrics) > 3:
            figure.legend(*losses.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        else:
            losses.legend(ncols=2)
        rates.set_ylabel("learning rate")
        rates.set_xlabel("epoch")
        rates.set_ylim(bottom=0)
        rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        rates.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in (losses, rates):
            tidy(axes)
        figure.align_ylabels()
        return figure


def _distance_curves(axes: Axes, metrics: Mapping[str, xr.Dataset], family: str, maximum: bool) -> None:
    """Draw steps over the bands for every network, and the label floor as a filled area."""
    first = next(iter(metrics.values()))
    for model, look in looks(metrics).items():
        here = metrics[model].sel(of=NETWORK, family=family)
        _steps(axes, here, "band_rmse", label=f"{model}, RMSE", linewidth=1.9, **look.drawn)
        if maximum and len(metrics) == 1:
            _steps(
                axes,
                here,
                "band_maximum",
                label=f"{model}, maximum",
                color=look.colour,
                linewidth=1.1,
                linestyle=":",
            )
    floor = first.sel(of=FLOOR, family=family)
    label = f"label floor, RMSE ({_floor_samples(first, EVERY)})"
    _steps(axes, floor, "band_rmse", label=label, color=FLOOR_COLOUR, linewidth=1.3, fill=True)
    axes.set_yscale("log")


def _floor_samples(metrics: xr.Dataset, family: str) -> str:
    """Samples of the split on which the floor is known: the curve of a network is drawn over all of them."""
    part, whole = (int(metrics["samples"].sel(of=of, family=family)) for of in (FLOOR, NETWORK))
    return f"{part} of {whole} samples"


def _steps(axes: Axes, figures: xr.Dataset, name: str, label: str, fill: bool = False, **drawn: Any) -> None:
    """Draw a quantity of the bands as steps, each side by itself; one across the interface is cut there."""
    for number, side in enumerate(SIDES):
        edges, values = side_bands(figures, name, side)
        if not edges.size:
            continue
        shown = label if number == 0 else "_nolegend_"
        axes.stairs(values, edges, baseline=None, label=shown, **drawn)
        if fill:
            colour = drawn["color"]
            axes.fill_between(
                edges, [*values, values[-1]], 0, step="post", color=colour, alpha=0.22, linewidth=0
            )


def side_bands(figures: xr.Dataset, name: str, side: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bands of one side of the interface that hold nodes.

    Parameters
    ----------
    figures : xarray.Dataset
        Figures of one family, of a network or of the label floor.
    name : str
        Quantity of the bands.
    side : {"inside", "outside"}
        Side of the interface; a band across it is cut there.

    Returns
    -------
    (edge,) and (band,) array
        Edges in cells, where an open end reaches half as far again, and the values between them.
    """
    lower, upper = figures["band_lower"].values.copy(), figures["band_upper"].values.copy()
    values = figures[name].sel(side=side).values
    held = np.flatnonzero(np.isfinite(values))
    if not held.size:
        return np.empty(0), np.empty(0)
    here = slice(held[0], held[-1] + 1)
    lower[0], upper[-1] = upper[0] - 0.5 * abs(upper[0]), lower[-1] + 0.5 * abs(lower[-1])
    if side == "inside":
        upper = np.minimum(upper, 0.0)
    else:
        lower = np.maximum(lower, 0.0)
    return np.append(lower[here], upper[here][-1]), values[here]


def _distance_axis(
    axes: Axes, metrics: Mapping[str, xr.Dataset], summary: Mapping[str, Any], dense: bool = True
) -> None:
    """Lay out signed distance in cells, stretched near the interface, and mark the interface."""
    first = next(iter(metrics.values()))
    inner = [float(edge) for edge in first["band_upper"].values[:-1]]
    width = float(summary["settings"]["interface_band"])
    axes.set_xscale("symlog", linthresh=2.0, linscale=1.0)
    ticks = inner if dense else [inner[0], 0.0, inner[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{tick:g}" for tick in ticks])
    tidy(axes)
    axes.axvspan(-width, width, color="#f0e442", alpha=0.18, linewidth=0, zorder=0)
    axes.axvline(0.0, color=INK, linewidth=1.0, zorder=1)
    axes.set_xlabel(DISTANCE_LABEL)
    place: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "va": "bottom",
        "fontsize": 8,
        "color": "#555555",
    }
    if dense:
        axes.text(-0.06, 1.01, "← inside (solute)", ha="right", **place)
        axes.text(0.06, 1.01, "outside (solvent) →", ha="left", **place)
