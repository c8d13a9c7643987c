"""Figures that answer the pointer: one line a network over the same axis, the label floor, values by hovering.

They are Bokeh's, as JSON for its browser library, which the page holds once. Axis, grid and text get their colours from
the page (`templates/report.js`), so that light and dark follow the reader's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    NoOverlap,
    NumeralTickFormatter,
    Span,
)
from bokeh.plotting import figure
from numpy.typing import ArrayLike

from debye.analysis.style import FLOOR_COLOUR, Look

FLOOR_NAME, INK_TAG = "label floor", "ink"

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Line:
    """Values of one network or of the label floor over a part of the axis.

    Attributes
    ----------
    x, y : array-like
        Places and values; one place more than values where they are the edges of bins.
    said : mapping
        What hovering says of each value: name → texts.
    """

    x: ArrayLike
    y: ArrayLike
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Axis:
    """What is along x, and how it is laid out.

    Attributes
    ----------
    title : str
        Name and unit.
    scale : {"linear", "log"}
        Of the positions.
    place : callable
        Position of a value of x, for axes that Bokeh does not know.
    ticks : sequence of float, optional
        Values that are named; Bokeh's own where there are none.
    format : str, optional
        Of Bokeh's own ticks, as numbro has it: `0a` for thousands.
    line : float, optional
        Value at which a line stands.
    area : (float, float), optional
        Values between which the ground is tinted.
    """

    title: str
    scale: Scale = "linear"
    place: Callable[[Any], Any] = np.asarray
    ticks: Sequence[float] = ()
    format: str | None = None
    line: float | None = None
    area: tuple[float, float] | None = None


def stretched(value: ArrayLike, linear: float = 2.0) -> Any:
    """Position on an axis that is linear up to ±`linear` and logarithmic beyond.

    Examples
    --------
    >>> [float(stretched(value)) for value in (0, 1, -2, 20)]
    [0.0, 0.5, -1.0, 2.0]
    """
    size = np.abs(np.asarray(value, dtype=float)) / linear
    return np.sign(value) * np.where(size <= 1, size, 1 + np.log10(np.maximum(size, 1)))


def draw(
    networks: Mapping[str, Sequence[Line]],
    drawn: Mapping[str, Look],
    axis: Axis,
    title: str,
    floor: Sequence[Line] = (),
    y_scale: Scale = "log",
    y_range: tuple[float, float] | None = None,
    height: int = 400,
    level: float | None = None,
    y_format: str | None = None,
) -> figure:
    """Draw lines over points or steps over bins, one colour a network, and a filled area for the label floor.

    Parameters
    ----------
    networks : mapping
        Network → its lines, several where the axis is broken.
    drawn : mapping
        Network → look, from `debye.analysis.style.looks`.
    axis : Axis
        What is along x.
    title : str
        What is along y, with its unit.
    floor : sequence of Line
        The label floor, in bins.
    y_scale : {"linear", "log"}
        A value that is not positive has no place on a logarithmic axis and is left out.
    y_range : (float, float), optional
        For figures that are compared; fitted to the values where it is not given.
    height : int
        In pixels; the width is the page's.
    level : float, optional
        Value of y at which a line stands.
    y_format : str, optional
        As that of an axis.
    """
    if y_scale == "log" and y_range is None:
        y_range = value_range([*floor, *(line for lines in networks.values() for line in lines)])
    shown = _empty(axis, title, y_scale, y_range, height)
    if y_format is not None:
        shown.yaxis.formatter = NumeralTickFormatter(format=y_format)
    if level is not None:
        shown.add_layout(Span(location=level, dimension="width", level="underlay", tags=[INK_TAG]))
    for line in floor:
        _floor(shown, line, axis, y_scale, base=y_range[0] if y_scale == "log" and y_range else 0.0)
    for model, lines in networks.items():
        for line in lines:
            _line(shown, model, line, drawn[model], axis, y_scale)
    return shown


def value_range(lines: Sequence[Line]) -> tuple[float, float] | None:
    """Limits of a logarithmic axis that holds the positive values of all lines; None where there are none.

    Examples
    --------
    >>> value_range([Line([0, 1], [2.0, 20.0]), Line([0], [np.nan])])
    (1.0, 40.0)
    """
    values = np.concatenate([np.asarray(line.y, dtype=float) for line in lines] or [np.empty(0)])
    values = values[np.isfinite(values) & (values > 0)]
    return (float(values.min()) / 2, float(values.max()) * 2) if values.size else None


def _empty(
    axis: Axis, title: str, y_scale: Scale, y_range: tuple[float, float] | None, height: int
) -> figure:
    # No drag and no wheel of its own: both belong to the page, above all under a finger.
    shown = figure(
        height=height, sizing_mode="stretch_width", x_axis_type=axis.scale, y_axis_type=y_scale,
        x_axis_label=axis.title, y_axis_label=title, tools="pan,box_zoom,reset,save", active_drag=None,
        toolbar_location="above", **({} if y_range is None else {"y_range": y_range}),
    )  # fmt: skip
    shown.toolbar.logo = None
    shown.toolbar.autohide = True
    # The page's ground shows through.
    shown.background_fill_color = shown.border_fill_color = shown.outline_line_color = None
    for one in (*shown.xaxis, *shown.yaxis):
        one.axis_label_text_font_style = "normal"
        one.minor_tick_line_color = None
    shown.xaxis.major_label_policy = NoOverlap()
    if axis.ticks:
        places = {float(axis.place(tick)): f"{tick:g}" for tick in axis.ticks}
        shown.xaxis.ticker = FixedTicker(ticks=list(places))
        shown.xaxis.major_label_overrides = dict(places)
    elif axis.format is not None:
        shown.xaxis.formatter = NumeralTickFormatter(format=axis.format)
    if axis.area is not None:
        left, right = (float(axis.place(value)) for value in axis.area)
        tint: dict[str, Any] = {"fill_color": "#f0e442", "fill_alpha": 0.15, "line_color": None}
        shown.add_layout(BoxAnnotation(left=left, right=right, level="underlay", **tint))
    if axis.line is not None:
        place = float(axis.place(axis.line))
        shown.add_layout(Span(location=place, dimension="height", level="underlay", tags=[INK_TAG]))
    return shown


def _columns(line: Line, axis: Axis, y_scale: Scale) -> tuple[Any, Any, bool]:
    """Positions, values with gaps where there is none, and whether the positions are edges."""
    x, y = np.asarray(axis.place(line.x), dtype=float), np.asarray(line.y, dtype=float)
    held = np.isfinite(y) & ((y > 0) | (y_scale == "linear"))
    return x, np.where(held, y, np.nan), x.size == y.size + 1


def _line(shown: figure, model: str, line: Line, look: Look, axis: Axis, y_scale: Scale) -> None:
    x, y, edges = _columns(line, axis, y_scale)
    how: dict[str, Any] = {"line_color": look.colour, "line_dash": look.dash, "line_width": 2, "name": model}
    if edges:
        _plain(shown.step(x, np.append(y, y[-1:]), mode="after", **how))
    else:
        _plain(shown.line(x, y, **how))
    middle = 0.5 * (x[1:] + x[:-1]) if edges else x
    points(shown, model, middle, y, line.said, look)


def _floor(shown: figure, line: Line, axis: Axis, y_scale: Scale, base: float) -> None:
    x, y, _ = _columns(line, axis, y_scale)
    y = np.append(y, y[-1:])
    how: dict[str, Any] = {"step_mode": "after", "fill_color": FLOOR_COLOUR, "fill_alpha": 0.25}
    lowest = np.where(np.isfinite(y), base, np.nan)
    _plain(shown.varea_step(x=x, y1=lowest, y2=y, name=FLOOR_NAME, **how))
    _plain(shown.step(x, y, mode="after", line_color=FLOOR_COLOUR, line_width=1.5, name=FLOOR_NAME))


def points(
    shown: figure,
    model: str,
    x: ArrayLike,
    y: ArrayLike,
    said: Mapping[str, Sequence[str]],
    look: Look,
    filled: bool = True,
    size: float = 6,
) -> None:
    """Add the points of a network that answer the pointer.

    Parameters
    ----------
    shown : bokeh.plotting.figure
        Figure to add to.
    model : str
        Network; its name stands above what hovering says.
    x, y : array-like
        Positions.
    said : mapping
        What hovering says of each point: name → texts; the same names for all points of a figure.
    look : Look
        Colour and marker.
    filled : bool
        Whether the markers are filled.
    size : float
        Of the markers, in pixels.
    """
    names = {f"said{number}": name for number, name in enumerate(said)}
    data: dict[str, Any] = {"x": np.asarray(x), "y": np.asarray(y), "model": [model] * np.size(x)}
    data |= dict(zip(names, said.values(), strict=True))
    drawn = shown.scatter(
        "x", "y", source=ColumnDataSource({key: list(values) for key, values in data.items()}), size=size,
        marker=look.marker, line_color=look.colour, fill_color=look.colour, fill_alpha=1.0 if filled else 0.0,
        name=model,
    )  # fmt: skip
    # One tool for all of a figure's points: what they say has the same names.
    hover = next((tool for tool in shown.tools if isinstance(tool, HoverTool)), None)
    if hover is None:
        tips = [("network", "@model")] + [(name, f"@{key}") for key, name in names.items()]
        hover = HoverTool(renderers=[], tooltips=tips, point_policy="snap_to_data", visible=False)
        shown.add_tools(hover)
    hover.renderers = [*hover.renderers, drawn]
    _plain(drawn)


def _plain(drawn: GlyphRenderer) -> None:
    """Leave out the looks of what is selected or muted: nothing here can be, and they are most of the JSON."""
    drawn.nonselection_glyph = drawn.muted_glyph = None
