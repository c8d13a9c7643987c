"""Who answers: the network at once, the solver when it is asked or when the network refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from debye.errors import ConfigError, explain
from debye.parameters import Grid, Medium
from debye.physics.problem import Problem
from debye.physics.solution import Solution
from debye.physics.solve import solve
from debye.serve.fields import Field
from debye.surrogate.certificate import Certificate
from debye.surrogate.prediction import Prediction
from debye.surrogate.surrogate import Surrogate

ERROR = "relative L2 error of u against the solver"


@dataclass(frozen=True)
class Answer:
    """A potential, who found it, and how good it says it is."""

    problem: Problem
    field: Field
    source: str
    """"network" or "solver"."""
    seconds: float
    facts: tuple[tuple[str, str], ...]
    """The certificate: name and value."""
    warnings: tuple[str, ...]
    """In words."""
    dataset: Callable[[], xr.Dataset]
    """The answer in the documented format."""


class Answers:
    """A network, ready to answer for the page.

    Parameters
    ----------
    model : Path, optional
        `checkpoint.safetensors` of a training; the package's own network if left out.

    Raises
    ------
    ConfigError
        If the network is not one for 2-D.
    """

    def __init__(self, model: Path | None = None) -> None:
        self.surrogate = Surrogate.load(model)
        if self.grid.dim != 2:
            raise ConfigError(explain("model", "a network for 3-D", "one for 2-D", "name another one"))

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.surrogate.name

    @property
    def grid(self) -> Grid:
        """Grid of the network, and so of the page."""
        return self.surrogate.grid

    @property
    def medium(self) -> Medium:
        """Medium that the network was trained in."""
        return self.surrogate.medium

    def predict(self, problem: Problem) -> Answer:
        """The network's answer; in another medium with a warning.

        Raises
        ------
        ConfigError
            If the network cannot be asked: for linear ions, or in a medium of another kind.
        """
        start = time.perf_counter()
        # A transfer to a GPU takes longer than one sample does.
        found = self.surrogate.predict(problem, "cpu", any_medium=True)
        seconds = time.perf_counter() - start
        field = _field(found)
        facts, warnings = certified(found.certificate) if found.certificate is not None else ((), ())
        return Answer(problem, field, "network", seconds, facts, warnings, found.to_dataset)

    def solve(self, problem: Problem) -> Answer:
        """The solver's answer, with its set-up.

        Raises
        ------
        SolveError
            If it did not converge.
        """
        start = time.perf_counter()
        found = solve(problem)
        seconds = time.perf_counter() - start
        field = _field(found)
        report = found.report
        facts = (
            ("verdict", report.outcome),
            ("relative residual", f"{report.relative_residual:.1e}"),
            ("Newton steps, CG iterations", f"{report.newton_steps}, {sum(report.cg_iterations)}"),
            ("reaction energy", f"{found.reaction_energy:.4g} kT/Å"),
        )
        return Answer(problem, field, "solver", seconds, facts, report.warnings, found.to_dataset)


def _field(found: Prediction | Solution) -> Field:
    problem = found.problem
    return Field(
        problem.grid, found.regular, found.level_set, problem.charges, problem.medium, found.evaluate
    )


def certified(certificate: Certificate) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """A certificate in words: facts, and what is out of the ordinary."""
    facts = [("relative residual", f"{certificate.relative_residual:.2g}")]
    if certificate.error_estimate is None or certificate.error_interval is None:
        facts.append((f"{ERROR}, not calibrated", f"{100 * certificate.uncalibrated:.2g} %"))
    else:
        low, high = (100 * end for end in certificate.error_interval)
        facts += [
            (f"{ERROR}, estimated", f"{100 * certificate.error_estimate:.2g} %"),
            (f"its interval, {100 * (certificate.nominal or 0):g} %", f"{low:.2g} to {high:.2g} %"),
        ]
    return tuple(facts), certificate.flags
