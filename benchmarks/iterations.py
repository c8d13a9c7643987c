"""Iterations of conjugate gradients under geometric and algebraic multigrid for every contrast, quoted in docs.

`python benchmarks/iterations.py` takes five minutes; `--cells 16 32 48 --dim 3` shows 3-D.
"""

import argparse

import numpy as np

import debye
from debye.parameters import Solver

SHAPES = {
    2: (debye.Star((0.3, -0.4), 6.5, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0)), debye.Ball((0.1, 0.2), 8.0)),
    3: (debye.Ellipsoid((0.1, -0.2, 0.3), (10.0, 6.0, 7.0), 0.4), debye.Ball((0.1, 0.2, -0.1), 8.0)),
}
CHARGES = debye.PointCharges([[3.0, 1.0], [-2.0, -3.0]], [0.1, -0.05])
CONTRASTS = ((1.0, 1.0), (2.0, 80.0), (80.0, 2.0), (1.0, 1000.0), (1000.0, 1.0))


def iterations(kind, dim, cells, solute, solvent):
    """Of every shape and Debye length, to the default relative residual."""
    charges = debye.PointCharges(np.pad(CHARGES.positions, [(0, 0), (0, dim - 2)]), CHARGES.values)
    for length in (1.0, 9.6, np.inf):
        medium = debye.Medium(eps_solute=solute, eps_solvent=solvent, debye_length=length, ions="linear")
        for shape in SHAPES[dim]:
            grid = debye.Grid(cells=cells, half_width=16.0, dim=dim)
            problem = debye.Problem(grid, shape, charges, medium, "zero")
            yield debye.solve(problem, solver=Solver(multigrid=kind)).report.cg_iterations[0]


def main():
    """Print a table for each kind of multigrid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=2, choices=(2, 3))
    parser.add_argument("--cells", type=int, nargs="+", default=(64, 128, 256, 512))
    given = parser.parse_args()
    for kind in ("geometric", "algebraic"):
        print(f"\n{kind} multigrid, {given.dim}-D")
        print(f"{'contrast':>10} " + " ".join(f"{f'N = {cells}':>10}" for cells in given.cells))
        for pair in CONTRASTS:
            found = [list(iterations(kind, given.dim, cells, *pair)) for cells in given.cells]
            row = " ".join(f"{f'{min(each)} to {max(each)}':>10}" for each in found)
            print(f"{pair[0]:g}:{pair[1]:g}".rjust(10), row, flush=True)


if __name__ == "__main__":
    main()
