"""What a solve costs on this machine: one with a shape of its own, and a further charge set on a shape that is set up.

One thread, as in the workflow's shards. `debye.learning.cost` measures the networks that are compared with it.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from debye import schema
from debye.errors import FormatError, explain
from debye.frozen import SolverCostSlice
from debye.physics.charges import PointCharges
from debye.physics.floor import problem_of
from debye.physics.solve import prepare
from debye.provenance import now, processor, source
from debye.store import open_dataset, write_text

SHAPES, REPEATS = 8, 3
"""Shapes that are set up, and further charge sets that are solved on each."""


def write_solver_cost(part: SolverCostSlice, dataset: Path, out: Path) -> None:
    """Measure what the solver needs for samples of a data set and write it as JSON, see `measure`.

    Raises
    ------
    FormatError
        If the data set has another grid or medium than the configuration's, or its shapes are not Debye's own.
    """
    write_text(out, json.dumps(measure(part, dataset), indent=1, ensure_ascii=False) + "\n")


def measure(part: SolverCostSlice, dataset: Path) -> dict[str, Any]:
    """Cost of the solver on samples spread evenly over a data set.

    Returns
    -------
    dict
        `cold_seconds`, median of a solve with the set-up of its shape; `warm_seconds`, median of a further charge
        set on the same shape; `shapes`, how many were set up; `device`, `threads`.
    """
    with open_dataset(dataset) as labels:
        found = (schema.grid_of(labels), schema.medium_of(labels, str(dataset)))
        expected = (part.equation.grid, part.equation.medium)
        if found != expected:
            raise FormatError(
                explain(f"{dataset}: grid and medium", found, str(expected), "run the workflow again")
            )
        chosen = np.unique(np.linspace(0, labels.sizes["sample"] - 1, SHAPES).round().astype(int))
        described = labels.drop_vars(["regular_potential", "level_set"]).isel(sample=chosen).load()
    problems = [
        problem_of(described, number, part.equation, part.equation.grid) for number in range(len(chosen))
    ]
    # The first solve of a process loads compiled code, or compiles it.
    prepare(problems[0], part.equation.solver).solve(problems[0].charges)
    cold, warm = [], []
    for problem in problems:
        begun = time.perf_counter()
        prepared = prepare(problem, part.equation.solver)
        prepared.solve(problem.charges)
        cold.append(time.perf_counter() - begun)
        for repeat in range(REPEATS):
            charges = PointCharges(problem.charges.positions, np.roll(problem.charges.values, repeat + 1))
            begun = time.perf_counter()
            prepared.solve(charges)
            warm.append(time.perf_counter() - begun)
    return {
        "source": source(),
        "date": now(),
        "device": processor(),
        "threads": 1,
        "shapes": len(problems),
        "cold_seconds": statistics.median(cold),
        "warm_seconds": statistics.median(warm),
    }
