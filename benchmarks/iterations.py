"""Iterations of conjugate gradients under multigrid for every contrast, quoted in README and docs."""

import numpy as np

import debye

SHAPES = (debye.Star((0.3, -0.4), 6.5, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0)), debye.Ball((0.1, 0.2), 8.0))
CHARGES = debye.PointCharges([[3.0, 1.0], [-2.0, -3.0]], [0.1, -0.05])
CONTRASTS = ((1.0, 1.0), (2.0, 80.0), (80.0, 2.0), (1.0, 1000.0), (1000.0, 1.0))


def iterations(cells, solute, solvent):
    """Of every shape and Debye length, to the default relative residual."""
    for length in (1.0, 9.6, np.inf):
        medium = debye.Medium(eps_solute=solute, eps_solvent=solvent, debye_length=length, ions="linear")
        for shape in SHAPES:
            problem = debye.Problem(debye.Grid(cells=cells, half_width=16.0), shape, CHARGES, medium, "zero")
            yield debye.solve(problem).report.cg_iterations[0]


if __name__ == "__main__":
    grids = (64, 128, 256, 512)
    print(f"{'contrast':>10} " + " ".join(f"{f'N = {cells}':>10}" for cells in grids))
    for pair in CONTRASTS:
        found = [list(iterations(cells, *pair)) for cells in grids]
        row = " ".join(f"{f'{min(each)} to {max(each)}':>10}" for each in found)
        print(f"{pair[0]:g}:{pair[1]:g}".rjust(10), row, flush=True)
