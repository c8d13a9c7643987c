"""Where the time of a cold sample goes, phase by phase: `python benchmarks/phases.py`, quoted in docs/performance.md.

Medians of several rounds, in milliseconds and in DST solves (one sine-transform Poisson solve on the same grid).
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.fft

import debye
from debye.parameters import Solver
from debye.physics.assembly import Discretisation
from debye.physics.cut import find_cut
from debye.physics.elements import immersed_elements
from debye.physics.facets import find_facets
from debye.physics.multigrid import Hierarchy, make_levels
from debye.physics.resolve import nodal_level_set

LINEAR = debye.Medium(ions="linear")
FLAT = debye.PointCharges([[3.0, 1.0], [-2.0, -2.0]], [0.1, -0.05])
DEEP = debye.PointCharges([[3.0, 1.0, 0.0], [-2.0, -2.0, 1.0]], [1.0, -0.5])


def problems(dim, cells):
    """A star in 2-D, a ball in 3-D; a fresh shape each time, so that nothing is reused."""
    grid = debye.Grid(cells=cells, half_width=16.0, dim=dim)
    if dim == 2:
        star = debye.Star((0.3, -0.4), 7.0, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0))
        return debye.Problem(grid, star, FLAT, LINEAR)
    return debye.Problem(grid, debye.Ball((0.3, -0.4, 0.1), 7.0), DEEP, LINEAR)


def dst(dim, cells):
    """Seconds of one sine-transform Poisson solve."""
    right = np.random.default_rng(0).normal(size=(cells - 1,) * dim)
    wave = 4 * np.sin(0.5 * np.pi * np.arange(1, cells) / cells) ** 2
    symbol = sum(np.expand_dims(wave, tuple(set(range(dim)) - {axis})) for axis in range(dim))
    start = time.perf_counter()
    scipy.fft.idstn(scipy.fft.dstn(right, type=1) / symbol, type=1)
    return time.perf_counter() - start


def phases(dim, cells):
    """Seconds of each phase of one sample, and of the whole, which is another sample."""
    problem = problems(dim, cells)
    grid, shape, medium = problem.grid, problem.solute, problem.medium
    clock = [time.perf_counter()]

    def lap():
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    found = {}
    nodal_level_set(grid, shape)
    found["level set at the nodes"] = lap()
    cut = find_cut(grid, shape)
    # find_cut begins with the level set.
    found["cut simplices, roots, checks"] = max(lap() - found["level set at the nodes"], 0.0)
    elements = immersed_elements(cut, medium)
    found["immersed elements"] = lap()
    discretisation = Discretisation(grid, medium, Solver().penalty, elements, find_facets(cut))
    _ = discretisation.facet_basis, discretisation.energy
    found["facets, penalty"] = lap()
    ions = np.where(discretisation.interior, discretisation.lumped, 0.0)
    found["operator"] = lap()
    hierarchy = Hierarchy(make_levels(discretisation), ions)
    found["multigrid set-up"] = lap()
    load = discretisation.load(problem.charges)
    boundary = problem.boundary_values(grid.points()[~discretisation.interior])
    found["loads, boundary values"] = lap()
    edge = np.zeros(ions.size)
    edge[~discretisation.interior] = boundary
    right = np.where(discretisation.interior, load.right_hand_side, 0.0) - discretisation.operator @ edge
    hierarchy.solve(right, 1e-8, 500)
    found["conjugate gradients"] = lap()
    again = problems(dim, cells)
    lap()
    _ = debye.solve(again).potential
    found["whole sample"] = lap()
    return found


def main():
    """Print a table for each grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    columns = {}
    for dim, cells in ((2, 128), (2, 512), (3, 32), (3, 64)):
        phases(dim, cells)
        rounds = [(phases(dim, cells), dst(dim, cells)) for _ in range(given.rounds)]
        unit = statistics.median(each[1] for each in rounds)
        columns[f"{cells}{'²' if dim == 2 else '³'}"] = (
            unit,
            {name: statistics.median(each[0][name] for each in rounds) for name in rounds[0][0]},
        )
    print("| phase | " + " | ".join(f"{name}: ms (DST)" for name in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values()))[1]:
        cells = (f"{1e3 * times[name]:.2f} ({times[name] / unit:.1f})" for unit, times in columns.values())
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("| one DST solve | " + " | ".join(f"{1e3 * unit:.2f}" for unit, _ in columns.values()) + " |")


if __name__ == "__main__":
    main()
