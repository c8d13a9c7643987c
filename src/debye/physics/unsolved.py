"""A problem in the documented format, without a solution: what a network is asked about."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from debye import schema
from debye.physics.assembly import discretise
from debye.physics.problem import Problem
from debye.physics.solution import shape_parameters
from debye.provenance import code_digest


def unsolved(problem: Problem) -> xr.Dataset:
    """Shape and charges of a problem as a data set of one sample whose regular potential is zero.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    xarray.Dataset
        Passes `debye.schema.validate`; diagnostics say that nothing was solved: no step, relative residual 1.

    Raises
    ------
    GeometryError
        If the grid does not resolve the shape, or it leaves the box: a network sees no more of it than the solver does.
    """
    # The solver's own set-up looks whether the grid resolves the shape.
    level_set = discretise(problem.grid, problem.solute, problem.medium, "auto").cut.level_set
    parameters = shape_parameters(problem.solute)
    geometry = type(problem.solute).__name__.lower() if parameters else "custom"
    count, medium = len(problem.charges), problem.medium
    content = {
        name: [getattr(medium, name)]
        for name in ("eps_solute", "eps_solvent", "debye_length", "temperature", "ions")
    } | {
        "regular_potential": np.zeros((1, *problem.grid.shape)),
        "level_set": level_set.reshape(1, *problem.grid.shape),
        "charge_position": problem.charges.positions[None],
        "charge_value": problem.charges.values[None],
        "charge_count": [count],
        "geometry": [geometry],
        "geometry_parameter": [list(parameters.values())],
        "relative_residual": [1.0],
        "seed": [0],
        "index": [0],
    }
    configuration = {
        "grid": problem.grid.model_dump(mode="json"),
        "medium": medium.model_dump(mode="json"),
        "boundary": problem.boundary if isinstance(problem.boundary, str) else "callable",
    }
    attributes = schema.root_attributes(
        "Debye problem, not solved",
        json.dumps(configuration),
        code_digest("physics"),
        {geometry: list(parameters)},
    )
    return schema.build(content, problem.grid, attributes)
