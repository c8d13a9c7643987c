"""What a prediction, its certificate and its polish cost, and what the prediction saves the solver.

    python benchmarks/surrogate.py DATASET [--samples N] [--device cpu]

DATASET is a data set on the grid of the package's network, such as a test split of workflow/scenarios/experiments.yaml.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import debye
from debye.surrogate.samples import Labelled
from debye.surrogate.surrogate import AT_ONCE


def seconds(call: Callable[[], object], times: int = 3) -> float:
    """Least of several wall times."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print a table of times and one of counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--samples", type=int, default=2 * AT_ONCE)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    surrogate = debye.Surrogate.load()
    labelled = Labelled(arguments.dataset, surrogate)
    chosen = np.linspace(0, len(labelled) - 1, arguments.samples).round().astype(int)
    problems = [labelled.problem(int(number)) for number in chosen]
    first = problems[0]
    sets = [
        replace(first, charges=debye.PointCharges(first.charges.positions, factor * first.charges.values))
        for factor in np.linspace(0.5, 1.0, arguments.samples)
    ]
    for words, asked in (("shapes of their own", problems), ("one shape", sets)):
        for certify in (False, True):
            taken = seconds(
                lambda asked=asked, certify=certify: surrogate.predict(
                    asked, arguments.device, certify=certify
                )
            )
            print(
                f"{words}, {'with' if certify else 'without'} certificate: {1e3 * taken / len(asked):.2f} ms a problem"
            )
        taken = seconds(lambda asked=asked: solve_all(asked))
        print(f"{words}, solved: {1e3 * taken / len(asked):.2f} ms a problem")
    found = [surrogate.predict(one, arguments.device).polish(compare=True) for one in problems]
    for words, reports in (
        ("cold", [one.cold for one in found]),
        ("from the prediction", [one.solution.report for one in found]),
    ):
        steps = np.mean([report.newton_steps for report in reports])
        iterations = np.mean([sum(report.cg_iterations) for report in reports])
        taken = 1e3 * np.median([report.seconds["iterate"] for report in reports])
        print(f"{words}: {steps:.2f} Newton steps, {iterations:.1f} CG iterations, median {taken:.2f} ms")


def solve_all(problems: list[debye.Problem]) -> None:
    """Solve problems, those of one solute with its set-up shared."""
    if all(one.solute is problems[0].solute for one in problems):
        for _ in debye.solve_many(problems[0], [one.charges for one in problems]):
            pass
        return
    for one in problems:
        debye.solve(one)


if __name__ == "__main__":
    main()
