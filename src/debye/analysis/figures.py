"""Pictures of fields: potential, prediction and error of a sample, and the solution of one problem.

Signed fields are drawn on symmetric, colour-blind safe scales. Their limits are a quantile, because the
potential is infinite at a charge and would leave everything else white; the colour bar says which quantile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from debye import store
from debye.analysis.style import ERROR_MAP, INK, POTENTIAL_MAP, canvas, check_extension, save, style
from debye.errors import FormatError, explain
from debye.schema import AXES, grid_of

__all__ = ["check_extension", "draw_solution", "robust_limit", "sample_fields", "save"]

POTENTIAL_QUANTILE, ERROR_QUANTILE = 0.99, 0.995


def robust_limit(fields: list[NDArray[Any]], quantile: float) -> float:
    """Limit of a symmetric colour scale: a quantile of the finite |values| of all fields.

    Examples
    --------
    >>> robust_limit([np.array([1.0, -2.0, np.inf])], 1.0)
    2.0
    """
    values = np.concatenate([np.abs(field[np.isfinite(field)]).ravel() for field in fields])
    limit = float(np.quantile(values, quantile)) if values.size else 0.0
    # A field that vanishes has no scale of its own.
    return limit if limit > 0 else 1.0


def sample_fields(sample: xr.Dataset) -> Figure:
    """Draw potential and prediction on one colour scale, and the error on its own, side by side.

    Parameters
    ----------
    sample : xarray.Dataset
        One sample of a gallery, see `debye.analysis.gallery.gallery`: `potential`, `prediction`, `error` and
        `level_set` (x, y), `charge_position` (charge, axis), `charge_value` (charge).
    """
    potential, prediction, error = (sample[name].values for name in ("potential", "prediction", "error"))
    limit = robust_limit([potential, prediction], POTENTIAL_QUANTILE)
    error_limit = robust_limit([error], ERROR_QUANTILE)
    with style():
        figure = canvas(9.6, 3.15)
        panels = figure.subplots(1, 3, sharex=True, sharey=True)
        for axes, field, title in zip(
            panels[:2], (potential, prediction), ("label u", "prediction û"), strict=True
        ):
            image = _image(axes, field, sample, limit, POTENTIAL_MAP)
            axes.set_title(title, loc="left")
        bar = figure.colorbar(image, ax=list(panels[:2]), extend="both", pad=0.015, aspect=22, shrink=0.84)
        bar.set_label(f"u, û / (kT/e), limits: {100 * POTENTIAL_QUANTILE:g} % of |u|, |û|")
        image = _image(panels[2], error, sample, error_limit, ERROR_MAP)
        panels[2].set_title(f"error û − u, max |e| = {_largest(error):.2g}", loc="left")
        bar = figure.colorbar(image, ax=panels[2], extend="both", pad=0.03, aspect=22, shrink=0.84)
        bar.set_label(f"û − u / (kT/e), limits: {100 * ERROR_QUANTILE:g} % of |û − u|")
        for number, axes in enumerate(panels):
            _interface_and_charges(axes, sample)
            _lengths(axes, "x", "y" if number == 0 else "")
        return figure


def draw_solution(dataset: xr.Dataset, path: Path) -> None:
    """Draw the potential of one solution: in 2-D the plane, in 3-D the three planes through the middle.

    Parameters
    ----------
    dataset : xarray.Dataset
        In the documented format, with one sample.
    path : Path
        Figure to write, whole or not at all; `.png`, `.svg` or `.pdf` decides the format.

    Raises
    ------
    ConfigError
        If the extension is another.
    FormatError
        If the data set does not hold exactly one sample.
    """
    check_extension(path)
    if dataset.sizes["sample"] != 1:
        raise FormatError(
            explain("draw_solution", f"{dataset.sizes['sample']} samples", "one", "select a sample")
        )
    save(solution_figure(dataset), path)


def solution_figure(dataset: xr.Dataset) -> Figure:
    """Figure of `draw_solution`."""
    grid = grid_of(dataset)
    coulomb = store.coulomb_potential(dataset)
    potential = dataset["regular_potential"] + coulomb.where(dataset["level_set"] < 0, 0.0)
    fields = (
        dataset[["level_set", "charge_position", "charge_value"]].assign(potential=potential).isel(sample=0)
    )
    normals = [None] if grid.dim == 2 else list(AXES[::-1])
    limit = robust_limit([potential.values], POTENTIAL_QUANTILE)
    with style():
        figure = canvas(*((5.4, 4.5) if grid.dim == 2 else (11.0, 3.8)))
        panels = figure.subplots(1, len(normals), squeeze=False)[0]
        for axes, normal in zip(panels, normals, strict=True):
            plane = fields if normal is None else _plane(fields, normal)
            image = _image(axes, plane["potential"].values, plane, limit, POTENTIAL_MAP)
            _isolines(axes, plane, limit)
            _interface_and_charges(axes, plane)
            across, up = (name for name in AXES if name in plane["potential"].dims)
            _lengths(axes, across, up)
            if normal is not None:
                axes.set_title(f"plane {normal} = {float(plane[normal]):g} Å, charges projected", loc="left")
        bar = figure.colorbar(image, ax=list(panels), extend="both", pad=0.02, aspect=26)
        bar.set_label(f"potential u / (kT/e), limits: {100 * POTENTIAL_QUANTILE:g} % of |u|")
        return figure


def _plane(fields: xr.Dataset, normal: str) -> xr.Dataset:
    """Cut through the middle of an axis; charges keep their positions along the two that stay."""
    kept = [number for number, name in enumerate(AXES) if name != normal]
    return fields.isel({normal: fields.sizes[normal] // 2}).isel(axis=kept)


def _image(axes: Axes, field: NDArray[Any], sample: xr.Dataset, limit: float, colours: str) -> AxesImage:
    """Nodal values as an image, first axis across; a node is the middle of a pixel."""
    across, up = _coordinates(sample)
    half = 0.5 * (across[1] - across[0])
    extent = (across[0] - half, across[-1] + half, up[0] - half, up[-1] + half)
    shown = np.clip(np.nan_to_num(field.T, posinf=1e30, neginf=-1e30), -1e30, 1e30)
    return axes.imshow(
        shown, origin="lower", extent=extent, cmap=colours, vmin=-limit, vmax=limit, interpolation="none"
    )


def _coordinates(sample: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    across, up = (name for name in AXES if name in sample["level_set"].dims)
    return sample[across].values, sample[up].values


def _isolines(axes: Axes, plane: xr.Dataset, limit: float) -> None:
    """Isolines in steps of about three, so that the weak potential in the solvent shows as well."""
    values = np.nan_to_num(plane["potential"].values.T, posinf=10 * limit, neginf=-10 * limit)
    top = 10.0 ** np.floor(np.log10(limit))
    steps = [top * factor for factor in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0) if top * factor < limit]
    levels = [-step for step in reversed(steps)] + steps
    styles = ["dashed"] * len(steps) + ["solid"] * len(steps)
    lines = axes.contour(
        *_coordinates(plane), values, levels, colors="#444444", linewidths=0.5, linestyles=styles
    )
    axes.clabel(lines, fontsize=6, fmt="%g", inline_spacing=2)


def _interface_and_charges(axes: Axes, sample: xr.Dataset) -> None:
    """Draw the zero contour of the level set, and a disc with its sign at every charge."""
    level_set = sample["level_set"].values.T
    if level_set.min() < 0 < level_set.max():
        axes.contour(*_coordinates(sample), level_set, [0.0], colors=INK, linewidths=1.1)
    value, position = sample["charge_value"].values, sample["charge_position"].values
    for sign, colour, mark in ((1, "#B2182B", "$+$"), (-1, "#2166AC", "$-$")):
        x, y = position[np.sign(value) == sign].T[:2]
        axes.scatter(x, y, s=34, c="white", edgecolors=colour, linewidths=1.0, zorder=5)
        axes.scatter(x, y, s=16, c=colour, marker=mark, linewidths=0.2, zorder=6)


def _lengths(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(f"{across} / Å")
    if up:
        axes.set_ylabel(f"{up} / Å")
    axes.set_aspect("equal")


def _largest(error: NDArray[Any]) -> float:
    return float(np.abs(error[np.isfinite(error)]).max(initial=0.0))
