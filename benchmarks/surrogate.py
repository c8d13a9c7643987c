"""One substitution beside a solve: the package's network and the solver on the same problems, from problem to w.

    OMP_NUM_THREADS=1 python benchmarks/surrogate.py [--device cuda] [--model CHECKPOINT] [--problems 1000]

Two ways to have many problems: each with a shape of its own, and all on one shape, where both the solver and the
surrogate set the shape up once. Times are end to end, from `Problem` objects in memory to w at the nodes in memory;
errors are relative L2 errors of u against the solver at 1e-10. The solver runs on one thread of the CPU, with its
default tolerance and with one so loose that it is as wrong as the network, which is the fair rival.
Writes benchmarks/results/surrogate_DEVICE.json and .md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import RESULTS, write

import debye
from debye.families import StarFamily
from debye.learning.device import choose_device, described
from debye.physics.drawing import draw_shape
from debye.physics.sampling import draw_charges
from debye.seeds import generator

FAMILY = StarFamily(
    kind="star",
    radius=(5.5, 8.5),
    amplitude=(0.05, 0.3),
    modes=4,
    offset=(-1.0, 1.0),
    charges={"count": (1, 6), "magnitude": (0.02, 0.1), "clearance": 1.2},
)
"""Of the training's families the most varied one, at its own place in the box."""

LOOSE = 1e-3
"""Relative residual of the rival that stops as soon as the network's accuracy is reached."""

LATENCIES = 30


def problems(surrogate: debye.Surrogate, count: int, one_shape: bool) -> list[debye.Problem]:
    """Problems that the grid carries, seed by seed."""
    made: list[debye.Problem] = []
    shape, number = None, 0
    while len(made) < count:
        random = generator("benchmark", "surrogate", number)
        number += 1
        try:
            if shape is None or not one_shape:
                shape = draw_shape(FAMILY, 2, random)
                # The solver's own check, so that what is timed below never fails.
                debye.solve(debye.Problem(surrogate.grid, shape, _far(shape), surrogate.medium))
            charges, _ = draw_charges(shape, FAMILY, surrogate.grid, random)
        except debye.DebyeError:
            shape = None
            continue
        made.append(debye.Problem(surrogate.grid, shape, charges, surrogate.medium))
    return made


def _far(shape) -> debye.PointCharges:
    return debye.PointCharges(positions=[list(shape.center)], values=[0.01])


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what came out."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def error(found, wanted) -> float:
    """Relative L2 error of u at the nodes that hold no charge."""
    u = wanted.potential
    known = np.isfinite(u)
    return float(np.linalg.norm((found.regular - wanted.regular)[known]) / np.linalg.norm(u[known]))


def solver_row(name: str, many: list[debye.Problem], one_shape: bool, rtol: float, exact: list) -> dict:
    """Solve all; on one shape with the set-up shared."""
    if one_shape:
        seconds, found = timed(
            lambda: list(debye.solve_many(many[0], [problem.charges for problem in many], rtol))
        )
    else:
        seconds, found = timed(lambda: [debye.solve(problem, rtol) for problem in many])
    return row(name, len(many), seconds, found, exact)


def row(name: str, count: int, seconds: float, found: list, exact: list) -> dict:
    """One line of the table."""
    errors = [error(one, wanted) for one, wanted in zip(found, exact, strict=False)]
    return {
        "method": name,
        "problems": count,
        "per_second": count / seconds,
        "median_error": statistics.median(errors),
        "error_95": float(np.quantile(errors, 0.95)),
    }


def latency(surrogate: debye.Surrogate, many: list[debye.Problem], device: str) -> dict:
    """Median seconds of one problem with a new shape."""
    ways = {
        "surrogate, no certificate": lambda one: surrogate.predict(one, device=device, certify=False),
        "surrogate with certificate": lambda one: surrogate.predict(one, device=device),
        "solver, 1e-8": lambda one: debye.solve(one, 1e-8),
        f"solver, {LOOSE:g}": lambda one: debye.solve(one, LOOSE),
    }
    found = {}
    for name, way in ways.items():
        for one in many[:3]:
            way(one)
        found[name] = statistics.median(
            timed(lambda one=one, way=way: way(one))[0] for one in many[3:LATENCIES]
        )
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--name", help="of the files written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    surrogate = debye.Surrogate.load(options.model)
    where = described(choose_device(options.device))
    kind = choose_device(options.device).type
    result: dict = {
        "device": where,
        "model": str(options.model or "the package's"),
        "latency": {},
        "throughput": {},
    }
    for one_shape in (False, True):
        many = problems(surrogate, options.problems, one_shape)
        judged = min(100, len(many))
        exact = (
            list(debye.solve_many(many[0], [one.charges for one in many[:judged]], 1e-10))
            if one_shape
            else [debye.solve(one, 1e-10) for one in many[:judged]]
        )
        if not one_shape:
            result["latency"] = latency(surrogate, many, options.device)
        for warm in (many[:64], many):
            surrogate.predict(warm, device=options.device, certify=False)
        rows = []
        for name, certify in (("surrogate, no certificate", False), ("surrogate with certificate", True)):
            seconds, found = timed(
                lambda certify=certify, many=many: surrogate.predict(
                    many, device=options.device, certify=certify
                )
            )
            rows.append(row(name, len(many), seconds, found, exact))
        for rtol in (1e-8, LOOSE):
            rows.append(solver_row(f"solver, {rtol:g}", many, one_shape, rtol, exact))
        result["throughput"]["one shape" if one_shape else "each its own shape"] = rows
    name = options.name or f"surrogate_{kind}"
    write(name, result)
    text = as_markdown(result)
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


def as_markdown(result: dict) -> str:
    """Tables for people."""
    lines = [
        f"Network on: {result['device']}; solver: one thread.",
        "",
        "| one problem, a new shape | ms |",
        "|---|---|",
    ]
    lines += [f"| {name} | {1e3 * seconds:.1f} |" for name, seconds in result["latency"].items()]
    for case, rows in result["throughput"].items():
        base = next(one["per_second"] for one in rows if one["method"] == "solver, 1e-08")
        lines += [
            "",
            f"| {rows[0]['problems']} problems, {case} | problems/s | times the solver's | error of u, median | 95 % |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {one['method']} | {one['per_second']:.0f} | {one['per_second'] / base:.2g} | "
            f"{one['median_error']:.1e} | {one['error_95']:.1e} |"
            for one in rows
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
