"""Iterations for every contrast and every Debye length; definiteness is tested in test_facets.py."""

import math

import pytest

import debye

STAR = debye.Star((0.3, -0.4), 6.5, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0))
CHARGES = debye.PointCharges([[3.0, 1.0], [-2.0, -3.0]], [0.1, -0.05])


@pytest.mark.parametrize("cells", [64, 128, 512])
@pytest.mark.parametrize(
    ("solute", "solvent", "most"),
    [(1.0, 1.0, 10), (2.0, 80.0, 25), (80.0, 2.0, 25), (1.0, 1000.0, 40), (1000.0, 1.0, 40)],
)
def test_iterations_hardly_grow_with_the_grid_or_the_contrast(cells, solute, solvent, most):
    for length in (1.0, 9.6, math.inf) if cells < 512 else (math.inf,):
        medium = debye.Medium(eps_solute=solute, eps_solvent=solvent, debye_length=length, ions="linear")
        for shape in (STAR, debye.Ball((0.1, 0.2), 8.0)):
            grid = debye.Grid(cells=cells, half_width=16.0)
            report = debye.solve(debye.Problem(grid, shape, CHARGES, medium, "zero")).report
            assert report.cg_iterations[0] <= most
            assert report.relative_residual <= 1e-8
