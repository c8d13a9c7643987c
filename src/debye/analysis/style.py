"""The look that every figure of the analysis shares, and how a figure becomes a file."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator
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

INK, FAINT, FLOOR_COLOUR = "#222222", "#d9d9d9", "#8c8c8c"
POTENTIAL_MAP, ERROR_MAP = "RdBu_r", "PuOr_r"

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
        Characters that it should not exceed: an SVG that does is replaced by a PNG, coarser where it must be.
    """
    with style():
        uri = _uri(figure, "svg", 72)
        for dpi in (130, 95, 70, 50):
            if most is None or len(uri) <= most:
                break
            uri = _uri(figure, "png", dpi)
    return uri


def _uri(figure: Figure, extension: str, dpi: int) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=extension, dpi=dpi, metadata=_undated(extension))
    kind = {"svg": "svg+xml", "png": "png"}[extension]
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _undated(extension: str) -> dict[str, None]:
    """Metadata without the date of drawing, so that equal data give an equal file."""
    return {} if extension == "png" else {"Date" if extension == "svg" else "CreationDate": None}
