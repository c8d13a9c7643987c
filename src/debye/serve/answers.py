"""Who answers: the network at once, the solver when it is asked or when the network refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from debye.errors import ConfigError, explain
from debye.learning import checkpoint
from debye.learning.batch import Batch
from debye.learning.predict import regular_potential
from debye.learning.shipped import MOST_SOLVENT, predict_problem, shipped
from debye.parameters import Grid, Medium
from debye.physics.assembly import discretise
from debye.physics.problem import Problem
from debye.physics.solve import solve
from debye.physics.unsolved import unsolved
from debye.serve.fields import Field


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
        self.file = model or shipped()
        self.record, self.network = checkpoint.load(self.file)
        if self.record.grid.dim != 2:
            raise ConfigError(explain("model", "a network for 3-D", "one for 2-D", "name another one"))

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.record.name

    @property
    def grid(self) -> Grid:
        """Grid of the network, and so of the page."""
        return self.record.grid

    @property
    def medium(self) -> Medium:
        """Medium that the network was trained in."""
        return self.record.medium

    def predict(self, problem: Problem) -> Answer:
        """The network's answer."""
        start = time.perf_counter()
        level = discretise(problem.grid, problem.solute, problem.medium, "auto").cut.level_set
        level = level.reshape(1, *problem.grid.shape)
        fields = [np.zeros_like(level), level, problem.charges.positions[None], problem.charges.values[None]]
        batch = Batch(*(torch.from_numpy(np.array(one)) for one in fields))
        encoding = replace(self.record.encoding(), medium=problem.medium)
        regular, _ = regular_potential(batch, self.network, encoding)
        field = Field(problem.grid, regular[0], level[0], problem.charges, problem.medium)
        seconds = time.perf_counter() - start
        data = lambda: predict_problem(self.file, unsolved(problem), problem.boundary, "cpu", True)  # noqa: E731
        return Answer(problem, field, "network", seconds, (), (), data)

    def solve(self, problem: Problem) -> Answer:
        """The solver's answer."""
        start = time.perf_counter()
        solution = solve(problem)
        seconds = time.perf_counter() - start
        field = Field(problem.grid, solution.regular, solution.level_set, problem.charges, problem.medium)
        report = solution.report
        facts = (
            ("relative residual", f"{report.relative_residual:.1e}"),
            ("Newton steps", str(report.newton_steps)),
            ("reaction energy", f"{solution.reaction_energy:.4g} kT/Å"),
        )
        return Answer(problem, field, "solver", seconds, facts, report.warnings, solution.to_dataset)
