"""What a prediction says of itself: residual, error with an interval, and what is unusual about the problem.

The residual is that of the immersed discrete equation in which the network's labels were solved. It costs one stencil
sweep once the geometry is set up, and says little of the error: one of 10⁻³ may stand for an error of 10⁻³ or 10⁻².
Two cycles of the solver's multigrid on it tell nearly all of the error, for some 0.4 ms at 64² cells. What is estimated
is the distance to the solution of the discrete equation, ‖û - u_h‖/‖u_h‖ over the nodes at which u is finite: the
discretisation's own error, the label floor of docs/experiments.md, comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from debye.learning.shipped import MOST_SOLVENT
from debye.parameters import Grid
from debye.physics.charges import coulomb_potential
from debye.physics.problem import Problem
from debye.surrogate.calibration import Calibration
from debye.surrogate.flags import SLACK, Range, charge_features, flags_of, solvent_feature
from debye.surrogate.geometry import Geometry
from debye.threads import one_thread

Floats = NDArray[np.float64]

UNCALIBRATED: dict[str, Range] = {"solvent": (0.0, MOST_SOLVENT)}
"""All that is known to be out of the ordinary for a network without a calibration."""


@dataclass(frozen=True)
class Certificate:
    """What a prediction is worth.

    Attributes
    ----------
    relative_residual : float
        Of the discrete equation, relative to the norm of its data, as in `Report`: a solution has rtol.
    error_estimate : float or None
        Estimate of ‖û - u_h‖/‖u_h‖, u_h the solution of the discrete equation; None without a calibration.
    error_interval : tuple of float, or None
        Ends of the interval that holds this error in a share `nominal` of problems like those of the validation split.
        Of problems unlike them (`flags`) it may hold fewer.
    nominal : float or None
        That share.
    uncalibrated : float
        The estimate before calibration: two cycles of multigrid.
    flags : tuple of str
        What is out of the ordinary: inputs outside of the range of the training, a residual or an error above all on
        the validation split. Empty where nothing is.
    """

    relative_residual: float
    error_estimate: float | None
    error_interval: tuple[float, float] | None
    nominal: float | None
    uncalibrated: float
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for a person."""
        words = f"relative residual {self.relative_residual:.2g}"
        if self.error_estimate is None or self.error_interval is None or self.nominal is None:
            return f"{words}, error not calibrated (estimate {100 * self.uncalibrated:.3g} %)"
        low, high = self.error_interval
        promise = f"at {100 * self.nominal:g} %" if not self.flags else "but no promise: see its flags"
        return (
            f"{words}, relative error of u {100 * self.error_estimate:.3g} % "
            f"({100 * low:.3g} to {100 * high:.3g} % {promise})"
        )


@dataclass(frozen=True)
class Assessment:
    """What is computed of a prediction before any calibration."""

    relative_residual: float
    estimate: float
    features: dict[str, float]


def assess(geometry: Geometry, problem: Problem, w: Floats) -> Assessment:
    """Residual, estimate and features of a prediction.

    Parameters
    ----------
    geometry : Geometry
    problem : Problem
        Posed on the geometry's grid.
    w : ndarray, shape (nodes,)
        Predicted regular potential, kT/e.
    """
    level_set = geometry.cut.level_set
    with one_thread():
        load = geometry.discretisation.load(problem.charges)
        residual, error = geometry.system.assess(load, problem.boundary_values(geometry.edge), w)
    features = (
        charge_features(problem.charges.positions, problem.charges.values, geometry.level_set, geometry.grid)
        | geometry.features
        | solvent_feature(w, level_set)
    )
    return Assessment(residual, relative_error(error, w, problem, level_set), features)


def relative_error(error: Floats, w: Floats, problem: Problem, level_set: Floats) -> float:
    """‖e‖/‖û - e‖ over the nodes at which u is finite, arrays of shape (nodes,).

    û - e stands for the solution: a prediction that is far too large is not to be measured by its own size.
    """
    inside = level_set < 0
    u = w.copy()
    u[inside] += coulomb_potential(problem.grid.points()[inside], problem.charges, problem.medium)
    finite = np.isfinite(u)
    size = float(np.linalg.norm((u - error)[finite]))
    return float(np.linalg.norm(error[finite])) / max(size, 1e-300)


def certify(
    found: Assessment, calibration: Calibration | None, grid: Grid, differs: Mapping[str, str]
) -> Certificate:
    """Certificate from an assessment.

    Parameters
    ----------
    found : Assessment
    calibration : Calibration or None
    grid : Grid
        The network's.
    differs : mapping
        Key of the medium → what was found and what the network was trained for, in words.
    """
    flags = [f"medium: {name}: {words}" for name, words in differs.items()]
    flags += flags_of(found.features, UNCALIBRATED if calibration is None else calibration.ranges, grid)
    if calibration is not None:
        worse = "on the validation split: prediction is worse than any there"
        for name, value, most in (
            ("relative residual", found.relative_residual, calibration.residual_most),
            ("estimate of the error", found.estimate, calibration.estimate_most),
        ):
            # Written so that NaN is flagged; the same sample twice differs by round-off.
            if not value <= (1.0 + SLACK) * most:
                flags.append(f"{name}: {value:.2g}, at most {most:.2g} {worse}")
    if calibration is None or calibration.factors is None:
        few = "" if calibration is None else f" with more than {calibration.samples} samples"
        flags.append(f"not calibrated: run debye certify on the checkpoint{few}")
        return Certificate(found.relative_residual, None, None, None, found.estimate, tuple(flags))
    factors = calibration.factors
    error = factors.median * found.estimate
    interval = (factors.lower * found.estimate, factors.upper * found.estimate)
    if not math.isfinite(error):
        interval = (0.0, math.inf)
    return Certificate(
        found.relative_residual, error, interval, calibration.nominal, found.estimate, tuple(flags)
    )
