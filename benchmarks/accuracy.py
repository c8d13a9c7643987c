"""Errors of the solver against exact solutions, quoted in README and docs: `python benchmarks/accuracy.py`."""

from unittest import mock

import numpy as np

import debye
from debye.physics.exact import ball_regular_potential, disc_regular_potential, radial_potential


def relative_l2(found, expected):
    """Relative L2 norm over the nodes."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def rate(cells, errors):
    """Slope of log error against log h."""
    return -np.polyfit(np.log(cells), np.log(errors), 1)[0]


def show(title, cells, columns):
    """Print a table of errors with the fitted rates below."""
    print(f"\n{title}\n{'N':>5} " + " ".join(f"{name:>22}" for name in columns))
    for row, number in enumerate(cells):
        print(f"{number:5d} " + " ".join(f"{values[row]:22.2e}" for values in columns.values()))
    print(" rate " + " ".join(f"{rate(cells, values):22.2f}" for values in columns.values()))


def disc(cells=(32, 64, 128, 256, 512)):
    """Three off-centre charges in a disc, linear ions, ε 2/80."""
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -4.0], [0.5, 5.0]], [0.1, -0.05, 0.08])

    def exact(points):
        return disc_regular_potential(points, 8.0, charges, medium)

    columns = {"w, relative L2": [], "solvent, relative L2": []}
    for number in cells:
        grid = debye.Grid(cells=number, half_width=16.0)
        found = debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, medium, exact))
        expected, outside = exact(grid.points()), found.level_set.ravel() > 0
        columns["w, relative L2"].append(relative_l2(found.nodal, expected))
        columns["solvent, relative L2"].append(relative_l2(found.nodal[outside], expected[outside]))
    show("disc, three off-centre charges, linear ions", cells, columns)


def ball(cells=(8, 12, 16, 24, 32)):
    """Three off-centre charges in a ball, linear ions, ε 2/80; with and without the fit to the edge roots."""
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[2.0, 1.0, 0.0], [-2.0, -1.0, 1.5], [0.5, 2.0, -1.0]], [1.0, -0.5, 0.8])

    def exact(points):
        return ball_regular_potential(points, 6.0, charges, medium)

    columns = {}
    for name in ("fitted", "interpolated"):
        fit = mock.patch("debye.physics.cut._fitted", lambda grid, values, roots, typical: values)
        with fit if name == "interpolated" else mock.MagicMock():
            whole, solvent = columns[f"{name}: w"], columns[f"{name}: solvent"] = [], []
            for number in cells:
                grid = debye.Grid(cells=number, half_width=9.0, dim=3)
                shape = debye.Ball((0.0, 0.0, 0.0), 6.0)
                found = debye.solve(debye.Problem(grid, shape, charges, medium, exact))
                expected, outside = exact(grid.points()), found.level_set.ravel() > 0
                whole.append(relative_l2(found.nodal, expected))
                solvent.append(relative_l2(found.nodal[outside], expected[outside]))
    show("ball, three off-centre charges, linear ions, relative L2", cells, columns)


def radial(cells=(32, 64, 128, 256)):
    """One charge at the centre of a disc, sinh ions, ε 2/80."""
    columns = {}
    for charge in (0.01, 0.1, 0.5):
        u = radial_potential(8.0, charge, debye.Medium(), 40.0)
        edge = float(u(np.array([8.0]))[0])
        medium = debye.Medium()
        strength = medium.coupling * charge / (2 * np.pi * medium.eps_solute)
        errors = columns[f"u at interface {edge:.2f}"] = []
        for number in cells:
            grid = debye.Grid(cells=number, half_width=16.0)
            charges = debye.PointCharges([[0.0, 0.0]], [charge])

            def boundary(points, u=u):
                return u(np.hypot(*points.T))

            found = debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, medium, boundary))
            r = np.hypot(*grid.points().T)
            exact = np.where(r < 8.0, edge + strength * np.log(8.0), u(np.maximum(r, 8.0)))
            errors.append(relative_l2(found.nodal, exact))
    show("disc, one central charge, sinh ions, relative L2 of w", cells, columns)


if __name__ == "__main__":
    disc()
    ball()
    radial()
