"""Predictions in the documented format: as data sets of problems, and added to those of samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from debye import schema
from debye.errors import ConfigError, explain
from debye.physics.caveats import layer_cells, warnings_of
from debye.physics.solution import shape_parameters
from debye.provenance import code_digest

if TYPE_CHECKING:
    from debye.physics.solution import Solution
    from debye.surrogate.certificate import Certificate
    from debye.surrogate.prediction import Prediction

CERTIFIED: dict[str, dict[str, str]] = {
    "relative_residual": {
        "units": "1",
        "long_name": "relative residual of the discrete equation at the prediction",
    },
    "error_estimate": {
        "units": "1",
        "long_name": "relative L2 error of u against the discrete solution, estimated; NaN if not calibrated",
    },
    "error_lower": {"units": "1", "long_name": "lower end of the interval of the error"},
    "error_upper": {"units": "1", "long_name": "upper end of the interval of the error"},
    "flags": {
        "long_name": "what is out of the ordinary, with what was found and the range; empty where nothing is"
    },
}
"""Variables of a certificate, each of one value a sample, and their attributes."""


def certified(certificates: Sequence[Certificate]) -> dict[str, Any]:
    """Values of the variables of `CERTIFIED`, by name, each of shape (samples,)."""
    nothing = (np.nan, np.nan)
    intervals = [nothing if one.error_interval is None else one.error_interval for one in certificates]
    return {
        "relative_residual": np.array([one.relative_residual for one in certificates]),
        "error_estimate": np.array(
            [np.nan if one.error_estimate is None else one.error_estimate for one in certificates]
        ),
        "error_lower": np.array([low for low, _ in intervals]),
        "error_upper": np.array([high for _, high in intervals]),
        "flags": np.array(["; ".join(one.flags) for one in certificates], dtype=object),
    }


def dataset_of(predictions: Sequence[Prediction], polished: Sequence[Solution] = ()) -> xr.Dataset:
    """Predictions on one grid as a data set, one sample each, in their order.

    Parameters
    ----------
    predictions : sequence of Prediction
    polished : sequence of Solution
        What the solver made of each of them, which is then what the data set holds: its fields and diagnostics, and
        nothing of the certificates, which are of the predictions.

    Raises
    ------
    ConfigError
        If there are none, or several grids or networks, or only some have a certificate.
    """
    if not predictions:
        raise ConfigError(explain("predictions", "none", "at least one", "predict something"))
    first = predictions[0].problem
    for prediction in predictions:
        for what, found, expected in (
            ("grids", prediction.problem.grid, first.grid),
            ("networks", prediction.network["model"], predictions[0].network["model"]),
            ("certificates", prediction.certificate is not None, predictions[0].certificate is not None),
        ):
            if found != expected:
                raise ConfigError(
                    explain(
                        "predictions",
                        f"{what} {expected} and {found}",
                        "the same of all in a file",
                        "write a file for each",
                    )
                )
    configuration = {
        "grid": first.grid.model_dump(mode="json"),
        "boundary": first.boundary if isinstance(first.boundary, str) else "callable",
    }
    if all(one.problem.medium == first.medium for one in predictions):
        configuration["medium"] = first.medium.model_dump(mode="json")
    content, parameters = _content(predictions)
    network = predictions[0].network
    if polished:
        content |= _solved(polished)
    attributes = schema.root_attributes(
        f"{'Polished prediction' if polished else 'Prediction'} of the network {network['model']}",
        json.dumps(configuration),
        code_digest("surrogate"),
        parameters,
    )
    built = schema.build(content, first.grid, attributes)
    built.attrs |= network
    differs = dict.fromkeys(name for one in predictions for name in one.mapping.differs)
    if differs:
        built.attrs["medium_differs"] = ", ".join(differs)
    certificates = [one.certificate for one in predictions if one.certificate is not None]
    if len(certificates) == len(predictions) and not polished:
        for name, values in certified(certificates).items():
            built[name] = ("sample", values)
            built[name].attrs = CERTIFIED[name]
        nominals = {one.nominal for one in certificates} - {None}
        if nominals:
            built.attrs["certificate_nominal"] = nominals.pop()
    return built


def _content(predictions: Sequence[Prediction]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Arrays of the samples, and the names of the parameters of each kind of shape."""
    problems = [one.problem for one in predictions]
    most = max(len(problem.charges) for problem in problems)
    position = np.full((len(problems), most, problems[0].grid.dim), np.nan)
    value = np.zeros((len(problems), most))
    names: dict[str, list[str]] = {}
    rows, kinds = [], []
    for number, problem in enumerate(problems):
        count = len(problem.charges)
        position[number, :count] = problem.charges.positions
        value[number, :count] = problem.charges.values
        parameters = shape_parameters(problem.solute)
        kinds.append(type(problem.solute).__name__.lower() if parameters else "custom")
        rows.append(list(parameters.values()))
        # A molecule of more atoms, or a star of more modes, has the names of a smaller one among its own.
        if len(parameters) >= len(names.get(kinds[-1], [])):
            names[kinds[-1]] = list(parameters)
    width = max(map(len, rows))
    posed = [one._posed for one in predictions]
    layers = [layer_cells(one.discretisation, one.nodal) for one in posed]
    boundaries = [
        one.problem.boundary_values(made.geometry.edge) for one, made in zip(posed, predictions, strict=True)
    ]
    content = {
        name: [getattr(problem.medium, name) for problem in problems]
        for name in ("eps_solute", "eps_solvent", "debye_length", "temperature", "ions")
    } | {
        "regular_potential": np.stack([one.regular for one in predictions]),
        "level_set": np.stack([one.level_set for one in predictions]),
        "charge_position": position,
        "charge_value": value,
        "charge_count": [len(problem.charges) for problem in problems],
        "geometry": kinds,
        "geometry_parameter": np.array([row + [np.nan] * (width - len(row)) for row in rows]),
        "reaction_energy": [one.reaction_energy for one in predictions],
        "ionic_energy": [one.ionic_energy for one in predictions],
        "relative_residual": np.ones(len(problems)),
        "layer_cells": layers,
        "warnings": [
            "; ".join(warnings_of(one.problem, layer, boundary))
            for one, layer, boundary in zip(posed, layers, boundaries, strict=True)
        ],
        "solve_seconds": [one.seconds for one in predictions],
        "seed": np.zeros(len(problems), dtype=int),
        "index": np.arange(len(problems)),
    }
    return content, names


def _solved(polished: Sequence[Solution]) -> dict[str, Any]:
    """What a solve replaces of `_content`."""
    reports = [one.report for one in polished]
    return {
        "regular_potential": np.stack([one.regular for one in polished]),
        "level_set": np.stack([one.level_set for one in polished]),
        "reaction_energy": [one.reaction_energy for one in polished],
        "ionic_energy": [one.ionic_energy for one in polished],
        "newton_steps": [report.newton_steps for report in reports],
        "cg_iterations": [sum(report.cg_iterations) for report in reports],
        "relative_residual": [report.relative_residual for report in reports],
        "layer_cells": [report.layer_cells for report in reports],
        "warnings": ["; ".join(report.warnings) for report in reports],
        "solve_seconds": [sum(report.seconds.values()) for report in reports],
    }
