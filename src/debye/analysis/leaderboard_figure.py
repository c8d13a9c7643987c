"""The leaderboard's figure: median relative error against the number of parameters, one point a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Affine2D, Bbox, Transform

from debye.analysis.labels import BESIDE, Point, placed
from debye.analysis.leaderboard_text import count
from debye.analysis.style import FLOOR_COLOUR, MARKERS, Look, canvas, looks, style, tidy

SPLIT_MARKERS = "sD^vP*Xh<>p"
SIZE, FAINT_SIZE, FONT_SIZE = 7.0, 4.5, 8.5
"""Of the points on the test split, of those on the others, and of the names."""


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
        places = {
            split: {model: (parameters[model], error) for model, error in _errors(found, split).items()}
            for split in ("test", *others)
        }
        tested, faint = places["test"], [point for split in others for point in places[split].values()]
        for number, split in enumerate(others):
            _points(axes, places[split], split, SPLIT_MARKERS[number % len(SPLIT_MARKERS)])
        drawn = looks(parameters)
        for model, place in tested.items():
            look = drawn[model]
            axes.plot(
                *place, marker=MARKERS[look.marker], markersize=SIZE, color=look.colour, linestyle="none"
            )
        _log(axes)
        axes.set_xlabel("parameters")
        axes.set_ylabel("median relative L2 error of u")
        if others:
            axes.legend(loc="best")
        _names(figure, axes, tested, faint, drawn)
        return figure


def _errors(found: Mapping[str, Any], split: str) -> dict[str, float]:
    """Network → error; those without one, or with none, have no place on a logarithmic axis."""
    rows = [row for row in found["rows"] if row["split"] == split]
    errors = {row["model"]: row["total"]["relative_l2_median"] for row in rows}
    return {model: error for model, error in errors.items() if error}


def _points(axes: Axes, places: Mapping[str, Point], split: str, marker: str) -> None:
    axes.plot(
        [parameters for parameters, _ in places.values()], [error for _, error in places.values()],
        linestyle="none", marker=marker, markersize=FAINT_SIZE, markerfacecolor="none",
        markeredgecolor=FLOOR_COLOUR, label=split.replace("_", " "),
    )  # fmt: skip


def _names(
    figure: Figure, axes: Axes, tested: Mapping[str, Point], faint: Sequence[Point], drawn: Mapping[str, Look]
) -> None:
    """Write the names of the networks beside their points, joined by lines where others are in the way."""
    # Until the figure is laid out nobody knows where points and legend lie on the page.
    figure.draw_without_rendering()
    to_page = Affine2D().scale(72.0 / figure.dpi)
    on_page = axes.transData + to_page
    points = _moved(on_page, tested.values())
    texts = (Text(text=model, fontsize=FONT_SIZE, figure=figure) for model in tested)
    extents = [text.get_window_extent().transformed(to_page) for text in texts]
    marks = [_around(point, SIZE) for point in points]
    if (legend := axes.get_legend()) is not None:
        marks.append(legend.get_window_extent().transformed(to_page))
    ways = placed(
        points,
        [(extent.width, extent.height) for extent in extents],
        axes.bbox.transformed(to_page),
        marks,
        [_around(point, FAINT_SIZE) for point in _moved(on_page, faint)],
    )
    for (model, point), way in zip(tested.items(), ways, strict=True):
        colour, right = drawn[model].colour, way[0] > 0
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "relpos": (0.0 if right else 1.0, 0.5)}
        axes.annotate(
            model, point, xytext=way, textcoords="offset points", color=colour, fontsize=FONT_SIZE,
            ha="left" if right else "right", va="center", in_layout=False,
            arrowprops=None if abs(way[0]) <= BESIDE else line | {"shrinkA": 1.0, "shrinkB": SIZE / 2},
        )  # fmt: skip


def _moved(transform: Transform, points: Iterable[Point]) -> list[Point]:
    return [(float(x), float(y)) for x, y in (transform.transform(point) for point in points)]


def _around(point: Point, size: float) -> Bbox:
    return Bbox.from_bounds(point[0] - size / 2, point[1] - size / 2, size, size)


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
