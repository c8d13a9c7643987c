"""The leaderboard's figure: median relative error against the number of parameters, one point a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from debye.analysis.leaderboard_text import count
from debye.analysis.style import FLOOR_COLOUR, MARKERS, canvas, looks, style, tidy

SPLIT_MARKERS = "sD^vP*Xh<>p"


def draw(found: Mapping[str, Any]) -> Figure:
    """Draw the networks on the test split in colour with their names, and fainter on the other splits.

    Parameters
    ----------
    found : mapping
        As `debye.analysis.leaderboard.make_leaderboard` makes it.
    """
    with style():
        figure = canvas(6.4, 4.2)
        axes = figure.subplots()
        parameters = {one["model"]: one["parameters"] for one in found["models"]}
        others = [one["split"] for one in found["splits"] if one["split"] != "test"]
        for number, split in enumerate(others):
            _points(axes, found, parameters, split, SPLIT_MARKERS[number % len(SPLIT_MARKERS)])
        _test(axes, found, parameters)
        _log(axes)
        axes.set_xlabel("parameters")
        axes.set_ylabel("median relative L2 error of u")
        if others:
            axes.legend(loc="best")
        return figure


def _errors(found: Mapping[str, Any], split: str) -> dict[str, float]:
    """Network → error; those without one, or with none, have no place on a logarithmic axis."""
    rows = [row for row in found["rows"] if row["split"] == split]
    errors = {row["model"]: row["total"]["relative_l2_median"] for row in rows}
    return {model: error for model, error in errors.items() if error}


def _points(
    axes: Axes, found: Mapping[str, Any], parameters: Mapping[str, int], split: str, marker: str
) -> None:
    errors = _errors(found, split)
    axes.plot(
        [parameters[model] for model in errors], list(errors.values()), linestyle="none", marker=marker,
        markersize=4.5, markerfacecolor="none", markeredgecolor=FLOOR_COLOUR, label=split.replace("_", " "),
    )  # fmt: skip


def _test(axes: Axes, found: Mapping[str, Any], parameters: Mapping[str, int]) -> None:
    drawn = looks(parameters)
    for model, error in _errors(found, "test").items():
        look, place = drawn[model], (parameters[model], error)
        axes.plot(*place, marker=MARKERS[look.marker], markersize=7, color=look.colour, linestyle="none")
        axes.annotate(
            model, place, xytext=(7, 4), textcoords="offset points", color=look.colour, fontsize=8.5
        )  # fmt: skip


def _log(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    tidy(axes)
    axes.margins(0.15)
    for axis, words in ((axes.xaxis, count), (axes.yaxis, _percent)):
        axis.set_major_locator(LogLocator(10.0, subs=(1.0, 2.0, 5.0), numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _, words=words: words(value)))
        axis.set_minor_formatter(NullFormatter())


def _percent(value: float) -> str:
    return f"{100 * value:g} %"
