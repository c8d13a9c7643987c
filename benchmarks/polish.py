"""What a prediction saves the solver that goes on from it.

    python benchmarks/polish.py DATASET [--samples N] [--device cpu]

DATASET is a data set on the grid of the package's network, such as a test split of workflow/scenarios/experiments.yaml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import debye
from debye.surrogate.samples import Labelled


def main() -> None:
    """Print counts and times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    surrogate = debye.Surrogate.load()
    labelled = Labelled(arguments.dataset, surrogate)
    chosen = np.linspace(0, len(labelled) - 1, arguments.samples).round().astype(int)
    problems = [labelled.problem(int(number)) for number in chosen]
    found = [surrogate.predict(one, arguments.device).polish(compare=True) for one in problems]
    for words, reports in (
        ("cold", [one.cold for one in found]),
        ("from the prediction", [one.solution.report for one in found]),
    ):
        steps = np.mean([report.newton_steps for report in reports])
        iterations = np.mean([sum(report.cg_iterations) for report in reports])
        taken = 1e3 * np.median([report.seconds["iterate"] for report in reports])
        print(f"{words}: {steps:.2f} Newton steps, {iterations:.1f} CG iterations, median {taken:.2f} ms")


if __name__ == "__main__":
    main()
