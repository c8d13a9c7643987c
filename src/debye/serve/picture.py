"""The pictures: potential with outline, charges and handles; profile along a line; difference of network and solver.

They are Bokeh's. Their colours of axes and text come from the page (`templates/page.js`), so that light and dark follow
the reader's choice. Dragging is the page's too: each figure only holds the columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper, Span
from bokeh.plotting import figure
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from debye.analysis.style import COLOURS, ERROR_MAP, INK, POTENTIAL_MAP
from debye.parameters import Grid
from debye.serve.drawing import Charge
from debye.serve.fields import Field, axis_of, isolines, levels, scale

Floats = NDArray[np.float64]

NEGATIVE, POSITIVE, LINE = "#2166ac", "#b2182b", COLOURS[2]
"""Charges have the colour of the potential around them."""


class Picture:
    """The potential, and what can be dragged in it.

    Parameters
    ----------
    grid : Grid
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.figure, self.image, self.colours = _map(
            grid, len(axis_of(grid)), POTENTIAL_MAP, "u / (kT/e)", "picture"
        )
        self.lines = [
            _source({"x": [], "y": []}, name) for name in ("isolines above zero", "isolines below zero")
        ]
        for source, dash in zip(self.lines, ("solid", "dashed"), strict=True):
            self.figure.line("x", "y", source=source, line_color="#444444", line_width=0.8, line_dash=dash)
        self.outline = _source({"x": [], "y": []}, "outline")
        self.figure.line("x", "y", source=self.outline, line_color=INK, line_width=2.2)
        self.line = _source({"x": [], "y": []}, "line")
        self.figure.line("x", "y", source=self.line, line_color=LINE, line_width=2, line_dash="dashed")
        self.figure.scatter(
            "x", "y", source=self.line, marker="diamond", size=15, fill_color="white", line_color=LINE, line_width=2
        )  # fmt: skip
        self.handles = _source({"x": [], "y": [], "width": []}, "handles")
        self.figure.scatter(
            "x", "y", source=self.handles, marker="square", size=9, fill_color="white", line_color=INK,
            line_width="width",
        )  # fmt: skip
        self.charges = _source({"x": [], "y": [], "colour": [], "sign": [], "width": []}, "charges")
        self.figure.scatter(
            "x", "y", source=self.charges, size=19, fill_color="colour", line_color="white", line_width="width"
        )  # fmt: skip
        self.figure.text(
            "x", "y", "sign", source=self.charges, text_color="white", text_align="center",
            text_baseline="middle", text_font_size="15px",
        )  # fmt: skip

    def show(self, field: Field) -> None:
        """Show a potential on a scale of its own."""
        limit, axis = field.limit, axis_of(self.grid)
        _paint(self.image, self.colours, field.picture, limit)
        above = levels(limit)
        self.lines[0].data = isolines(field.picture, axis, above)
        self.lines[1].data = isolines(field.picture, axis, [-level for level in reversed(above)])

    def show_outline(self, outline: tuple[Floats, Floats]) -> None:
        """Show an outline; also of a solute that makes no problem."""
        self.outline.data = dict(zip("xy", outline, strict=True))

    def show_charges(self, charges: tuple[Charge, ...], selected: int) -> None:
        """Show charges, the selected one with a wider rim."""
        self.charges.data = {
            "x": [charge.x for charge in charges],
            "y": [charge.y for charge in charges],
            "colour": [POSITIVE if charge.q > 0 else NEGATIVE if charge.q < 0 else "#777777" for charge in charges],
            "sign": ["+" if charge.q > 0 else "−" if charge.q < 0 else "0" for charge in charges],
            "width": [4 if number == selected else 1.5 for number in range(len(charges))],
        }  # fmt: skip

    def show_handles(self, handles: list[tuple[str, float, float]], selected: int) -> None:
        """Show handles, the selected one with a wider rim."""
        self.handles.data = {
            "x": [x for _, x, _ in handles],
            "y": [y for _, _, y in handles],
            "width": [3 if number == selected else 1.5 for number in range(len(handles))],
        }

    def show_line(self, ends: tuple[float, float, float, float]) -> None:
        """Show the line of the profile."""
        self.line.data = {"x": [ends[0], ends[2]], "y": [ends[1], ends[3]]}


class Profile:
    """The potential along a line, of the network and, once it has solved, of the solver."""

    def __init__(self) -> None:
        self.figure = _figure("profile", height=230, x_axis_label="distance along the line / Å")
        self.figure.yaxis.axis_label = "u / (kT/e)"
        self.figure.add_layout(Span(location=0, dimension="width", level="underlay", tags=["ink"]))
        self.shown = _source({"s": [], "u": []}, "profile shown")
        self.solved = _source({"s": [], "u": []}, "profile solved")
        self.figure.line("s", "u", source=self.shown, line_color=LINE, line_width=2)
        self.figure.line(
            "s", "u", source=self.solved, line_color=COLOURS[1], line_width=2, line_dash="dashed"
        )

    def show(self, field: Field, ends: tuple[float, float, float, float], solved: Field | None) -> None:
        """Show values at 201 points of the line."""
        share = np.linspace(0.0, 1.0, 201)[:, None]
        start, end = np.array(ends[:2]), np.array(ends[2:])
        points = start + share * (end - start)
        along = (share[:, 0] * np.linalg.norm(end - start)).astype(np.float32)
        self.shown.data = {"s": along, "u": field.at(points).astype(np.float32)}
        values = np.empty(0) if solved is None else solved.at(points).astype(np.float32)
        self.solved.data = {"s": along[: len(values)], "u": values}


class Difference:
    """What the network says minus what the solver says, on a scale of its own."""

    def __init__(self, grid: Grid) -> None:
        self.figure, self.image, self.colours = _map(
            grid, grid.cells + 1, ERROR_MAP, "network − solver / (kT/e)", "difference"
        )
        self.outline = _source({"x": [], "y": []}, "outline of the difference")
        self.figure.line("x", "y", source=self.outline, line_color=INK, line_width=1.5)

    def show(self, difference: Floats, outline: tuple[Floats, Floats]) -> None:
        """Show a difference at the nodes."""
        known = np.nan_to_num(difference, posinf=0.0, neginf=0.0)
        limit = float(np.quantile(np.abs(known), 0.995))
        _paint(self.image, self.colours, known, scale(limit) if limit > 0 else 1.0)
        self.outline.data = dict(zip("xy", outline, strict=True))


def _map(grid: Grid, points: int, colours: str, title: str, name: str) -> tuple[Any, Any, Any]:
    """Square figure with an image of the box, of so many points along each axis, under a colour bar."""
    half = grid.half_width
    # A point is the middle of a pixel.
    low, edge = -half * points / (points - 1), 2 * half * points / (points - 1)
    shown = _figure(name, x_range=(-half, half), y_range=(-half, half), x_axis_label="x / Å", aspect_ratio=1)
    shown.yaxis.axis_label = "y / Å"
    mapper = LinearColorMapper(palette=[to_hex(one) for one in colormaps[colours](np.linspace(0, 1, 255))])
    source = _source({"image": [np.zeros((2, 2), np.float32)]}, f"{name} image")
    shown.image("image", x=low, y=low, dw=edge, dh=edge, source=source, color_mapper=mapper)
    shown.add_layout(
        ColorBar(
            color_mapper=mapper, title=title, title_text_font_style="normal", height=12, padding=6,
            background_fill_color=None,
        ),
        "above",
    )  # fmt: skip
    return shown, source, mapper


def _paint(source: ColumnDataSource, mapper: LinearColorMapper, field: Floats, limit: float) -> None:
    """Put a field, x along axis 0, onto a symmetric scale."""
    mapper.update(low=-limit, high=limit)
    source.data = {"image": [np.ascontiguousarray(field.T, dtype=np.float32)]}


def _figure(name: str, **how: Any) -> Any:
    # No tool at all: a drag in the picture is a drag of what lies there, and a wheel scrolls the page.
    shown = figure(name=name, tools="", toolbar_location=None, sizing_mode="stretch_width", **how)
    # The page's ground shows through.
    shown.background_fill_color = shown.border_fill_color = shown.outline_line_color = None
    for one in (*shown.xaxis, *shown.yaxis):
        one.axis_label_text_font_style = "normal"
        one.minor_tick_line_color = None
    shown.grid.visible = False
    shown.min_border_right = 12
    return shown


def _source(columns: dict[str, Any], name: str) -> ColumnDataSource:
    return ColumnDataSource(columns, name=name)
