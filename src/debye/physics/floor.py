"""The label floor: a subset of a data set solved again on a finer grid, so that the labels' own error is known.

The immersed solver is second order, so the difference to a grid r times finer is the label's error up to its r²-th
part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import schema
from debye.errors import FormatError, explain
from debye.frozen import Equation, FloorSlice
from debye.parameters import Grid
from debye.physics.charges import PointCharges
from debye.physics.problem import SHAPES, Problem
from debye.physics.shapes import Shape
from debye.physics.solve import solve
from debye.progress import track
from debye.store import open_dataset, write


def make_floor(part: FloorSlice, dataset: Path, out: Path) -> None:
    """Solve samples spread evenly over a data set on the finer grid and write both potentials.

    The file has `regular_potential` (the label), `reference_potential` (the finer grid's, at the same nodes) and
    `level_set`, each (sample, x, y[, z]), and the samples' identities.

    Raises
    ------
    FormatError
        If the data set has another grid or medium than the configuration's, or its shapes are not Debye's own.
    """
    labels = open_dataset(dataset)
    equation = part.equation
    for what, found, expected in (
        ("grid", schema.grid_of(labels), equation.grid),
        ("medium", schema.medium_of(labels, str(dataset)), equation.medium),
    ):
        if found != expected:
            raise FormatError(explain(f"{dataset}: {what}", found, str(expected), "run the workflow again"))
    chosen = np.unique(np.linspace(0, labels.sizes["sample"] - 1, part.floor.samples).round().astype(int))
    subset = (
        labels[["regular_potential", "level_set", "geometry", "seed", "index"]].isel(sample=chosen).load()
    )
    described = labels.drop_vars(["regular_potential", "level_set"]).isel(sample=chosen).load()
    labels.close()
    references = track(_references(part, described), len(chosen), "label floor")
    reference = np.stack(list(references)).astype(np.float32)
    subset["reference_potential"] = subset["regular_potential"].copy(data=reference)
    subset = schema.describe(subset)
    subset["reference_potential"].attrs = {
        "units": "1",
        "long_name": f"regular potential w of a grid {part.floor.refine} times finer, in kT/e",
    }
    attributes = schema.root_attributes("Debye label floor", part.model_dump_json(), part.code, {})
    subset.attrs = {**attributes, "refine": part.floor.refine}
    write(subset, out)


def _references(part: FloorSlice, described: xr.Dataset) -> Iterator[np.ndarray]:
    equation, refine = part.equation, part.floor.refine
    grid = equation.grid.refined(refine)
    every = (slice(None, None, refine),) * grid.dim
    for number in range(described.sizes["sample"]):
        problem = problem_of(described, number, equation, grid)
        yield solve(problem, equation.solver.rtol, solver=equation.solver).regular[every]


def problem_of(described: xr.Dataset, number: int, equation: Equation, grid: Grid) -> Problem:
    """Problem behind a sample of a data set, on any grid.

    Parameters
    ----------
    described : xarray.Dataset
        Samples in the format; their fields are not needed.
    number : int
        Which of them.
    equation : Equation
        Medium and boundary.
    grid : Grid
    """
    row = described.isel(sample=number)
    count = int(row["charge_count"])
    charges = PointCharges(row["charge_position"].values[:count], row["charge_value"].values[:count])
    names = schema.parameter_names(described)[str(row["geometry"].values)]
    shape = rebuild_shape(dict(zip(names, row["geometry_parameter"].values.tolist(), strict=False)))
    return Problem(grid, shape, charges, equation.medium, equation.boundary)


def rebuild_shape(parameters: dict[str, float]) -> Shape:
    """Make one of Debye's shapes from its flat parameters, the reverse of `solution.shape_parameters`.

    Parameters that are NaN are padding: a data set names as many as the family's largest molecule has.

    Raises
    ------
    FormatError
        If there are none: a data set keeps no user's own shapes.

    Examples
    --------
    >>> rebuild_shape({"center_x": 0.0, "center_y": 1.0, "radius": 2.0})
    Ball(center=(0.0, 1.0), radius=2.0)
    """
    grouped: dict[str, list[float]] = {}
    for name, value in parameters.items():
        if math.isnan(value):
            continue
        several = re.match("(center|centers|semi_axes|amplitudes|phases|radii)_", name)
        grouped.setdefault(several[1] if several else name, []).append(value)
    if not grouped:
        raise FormatError(
            explain(
                "geometry", "a shape of the user's own", "one of Debye's shapes", "give the problem itself"
            )
        )
    single = ("radius", "angle", "probe_radius")
    keys: dict[str, Any] = {name: values[0] if name in single else values for name, values in grouped.items()}
    if "centers" in keys:
        keys["centers"] = np.reshape(keys["centers"], (len(keys["radii"]), -1)).tolist()
    distinctive = {"amplitudes": "star", "semi_axes": "ellipsoid", "radii": "molecule"}
    kind = next((shape for name, shape in distinctive.items() if name in keys), "ball")
    shape: Shape = SHAPES[kind](**keys)
    return shape
