"""The look that every figure of the analysis shares, and how a figure becomes a file."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from debye import store
from debye.errors import ConfigError, explain

EXTENSIONS = ("png", "svg", "pdf")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette: told apart with every common colour blindness."""

DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}
MARKERS = {"circle": "o", "square": "s", "diamond": "D"}
"""What tells networks apart that share a colour, by Bokeh's names and matplotlib's: more than six colours no reader
with a colour blindness could."""

INK, FAINT, FLOOR_COLOUR = "#222222", "#d9d9d9", "#8c8c8c"
POTENTIAL_MAP, ERROR_MAP = "RdBu_r", "PuOr_r"


@dataclass(frozen=True)
class Look:
    """Colour, line and marker of a network, by Bokeh's names."""

    colour: str
    dash: str
    marker: str

    @property
    def drawn(self) -> dict[str, Any]:
        """The same as arguments for matplotlib, without the marker."""
        return {"color": self.colour, "linestyle": DASHES[self.dash]}


def looks(models: Iterable[str]) -> dict[str, Look]:
    """How each network is drawn wherever it is drawn: six colours, then the same with another line and marker.

    Parameters
    ----------
    models : iterable of str
        All networks that are compared, in the order of the configuration.

    Examples
    --------
    >>> found = looks("abcdefg")
    >>> found["a"]
    Look(colour='#0072B2', dash='solid', marker='circle')
    >>> found["g"]
    Look(colour='#0072B2', dash='dashed', marker='square')
    """
    dashes, markers = tuple(DASHES), tuple(MARKERS)
    return {
        model: Look(COLOURS[number % 6], dashes[number // 6 % 3], markers[number // 6 % 3])
        for number, model in enumerate(models)
    }


_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Identifiers inside an SVG come from this salt: equal data give an equal file.
    "svg.hashsalt": "debye",
    "svg.fonttype": "path",
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw in the house's look, and leave matplotlib's settings as they were."""
    with matplotlib.rc_context(_STYLE):
        yield


def canvas(width: float, height: float) -> Figure:
    """Empty figure of this size in inches, whose parts are laid out without overlap."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.07))


def tidy(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Take away what carries nothing: two spines, all but a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", axis=grid, color=FAINT, linewidth=0.6)


def check_extension(path: str | Path) -> str:
    """Format of a figure from the name of its file.

    Raises
    ------
    ConfigError
        If the extension is none that can be drawn.

    Examples
    --------
    >>> check_extension("potential.PNG")
    'png'
    """
    extension = Path(path).suffix.lower().removeprefix(".")
    if extension not in EXTENSIONS:
        expected = ", ".join(f".{name}" for name in EXTENSIONS)
        raise ConfigError(
            explain(f"figure {path}", f"extension {extension!r}", expected, "rename the figure")
        )
    return extension


def save(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write a figure whole or not at all; the extension decides the format.

    Raises
    ------
    ConfigError
        If the extension is none that can be drawn.
    """
    extension = check_extension(path)
    with store.atomic(path) as temporary, style():
        figure.savefig(temporary, format=extension, dpi=dpi, metadata=_undated(extension))


def data_uri(figure: Figure, most: int | None = None) -> str:
    """Figure as a data URI for a page that asks for nothing.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is drawn.
    most : int, optional
        Characters that it should not exceed: a WebP, coarser where it must be, in place of an SVG.
    """
    with style():
        if most is None:
            return _uri(figure, "svg", 72)
        for dpi in (130, 110, 90, 70, 50):
            uri = _uri(figure, "webp", dpi)
            if len(uri) <= most:
                break
    return uri


def _uri(figure: Figure, extension: str, dpi: int) -> str:
    buffer = io.BytesIO()
    how = {"pil_kwargs": {"quality": 80}} if extension == "webp" else {"metadata": _undated(extension)}
    figure.savefig(buffer, format=extension, dpi=dpi, **how)
    kind = {"svg": "svg+xml", "webp": "webp"}[extension]
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _undated(extension: str) -> dict[str, None]:
    """Metadata without the date of drawing, so that equal data give an equal file."""
    return {} if extension == "png" else {"Date" if extension == "svg" else "CreationDate": None}
