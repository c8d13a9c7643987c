"""Errors of the solver against exact solutions, quoted in README and docs.

`python benchmarks/accuracy.py` prints the tables, with `--figure FILE` it draws them too.
"""

import argparse
import textwrap
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
    """Print a table of errors with the fitted rates below; return it."""
    print(f"\n{title}\n{'N':>5} " + " ".join(f"{name:>22}" for name in columns))
    for row, number in enumerate(cells):
        print(f"{number:5d} " + " ".join(f"{values[row]:22.2e}" for values in columns.values()))
    print(" rate " + " ".join(f"{rate(cells, values):22.2f}" for values in columns.values()), flush=True)
    return title, cells, columns


def disc(cells=(32, 64, 128, 256, 512)):
    """Three off-centre charges in a disc, linear ions, ε 2/80."""
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -4.0], [0.5, 5.0]], [0.1, -0.05, 0.08])

    def exact(points):
        return disc_regular_potential(points, 8.0, charges, medium)

    columns = {name: [] for name in ("w", "w in the solvent", "flux through Γ", "reaction energy")}
    energy = 0.5 * charges.values @ exact(charges.positions)
    for number in cells:
        grid = debye.Grid(cells=number, half_width=16.0)
        found = debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, medium, exact))
        expected, outside = exact(grid.points()), found.level_set.ravel() > 0
        columns["w"].append(relative_l2(found.nodal, expected))
        columns["w in the solvent"].append(relative_l2(found.nodal[outside], expected[outside]))
        on = found.interface()
        normal, step = on.points / np.linalg.norm(on.points, axis=1)[:, None], 1e-3
        u = [exact(normal * (8.0 + 1e-9 + k * step)) for k in range(5)]
        flux = 80.0 * (-25 / 12 * u[0] + 4 * u[1] - 3 * u[2] + 4 / 3 * u[3] - 1 / 4 * u[4]) / step
        weight = np.sqrt(on.weights)
        columns["flux through Γ"].append(relative_l2(weight * on.normal_flux, weight * flux))
        columns["reaction energy"].append(abs(found.reaction_energy / energy - 1))
    return show("disc, three off-centre charges, linear ions", cells, columns)


def others(cells=(32, 64, 128, 256)):
    """Ellipse and star, against Richardson's extrapolation from the last two grids."""
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -2.0]], [0.1, -0.05])
    shapes = {
        "ellipse": debye.Ellipsoid((0.4, -0.3), (9.0, 5.5), 0.5),
        "star": debye.Star((0.3, -0.4), 7.0, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0)),
    }
    columns = {}
    for name, shape in shapes.items():
        found = {}
        for number in (*cells, 2 * cells[-1]):
            grid = debye.Grid(cells=number, half_width=16.0)
            problem = debye.Problem(grid, shape, charges, debye.Medium(ions="linear"))
            found[number] = debye.solve(problem)
        last, finer = found[cells[-1]], found[2 * cells[-1]].regular[::2, ::2]
        reference, solvent = last.regular + (finer - last.regular) * 4 / 3, last.level_set > 0
        whole, outside = columns[f"{name}: w"], columns[f"{name}: solvent"] = [], []
        for number in cells:
            nested = (slice(None, None, cells[-1] // number),) * 2
            whole.append(relative_l2(found[number].regular, reference[nested]))
            there = solvent[nested]
            outside.append(relative_l2(found[number].regular[there], reference[nested][there]))
    return show("ellipse and star, linear ions, against Richardson", cells, columns)


def ball(cells=(8, 12, 16, 24, 32)):
    """Three off-centre charges in a ball, linear ions, ε 2/80; with and without the fit to the edge roots."""
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[2.0, 1.0, 0.0], [-2.0, -1.0, 1.5], [0.5, 2.0, -1.0]], [1.0, -0.5, 0.8])

    def exact(points):
        return ball_regular_potential(points, 6.0, charges, medium)

    columns = {}
    for name in ("fitted", "interpolated"):
        fit = mock.patch("debye.physics.cut._fitted", lambda grid, values, roots: values)
        with fit if name == "interpolated" else mock.MagicMock():
            whole, solvent = columns[f"{name}: w"], columns[f"{name}: solvent"] = [], []
            for number in cells:
                grid = debye.Grid(cells=number, half_width=9.0, dim=3)
                shape = debye.Ball((0.0, 0.0, 0.0), 6.0)
                found = debye.solve(debye.Problem(grid, shape, charges, medium, exact))
                expected, outside = exact(grid.points()), found.level_set.ravel() > 0
                whole.append(relative_l2(found.nodal, expected))
                solvent.append(relative_l2(found.nodal[outside], expected[outside]))
    return show("ball, three off-centre charges, linear ions, relative L2", cells, columns)


def radial(cells=(32, 64, 128, 256, 512)):
    """One charge in the middle of a disc that lies nowhere special on the grid, sinh ions, ε 2/80."""
    columns, medium, centre = {}, debye.Medium(), np.array([0.3, -0.2])
    for charge in (0.00896, 0.0917, 0.834, 8.97):
        u = radial_potential(8.0, charge, medium, 40.0)
        edge = float(u(np.array([8.0]))[0])
        errors = columns[f"u = {edge:.3g} on Γ"] = []
        for number in cells:
            grid = debye.Grid(cells=number, half_width=16.0)
            charges = debye.PointCharges([centre], [charge])

            def exact(points, u=u):
                return u(np.maximum(np.hypot(*(points - centre).T), 8.0))

            found = debye.solve(debye.Problem(grid, debye.Ball(tuple(centre), 8.0), charges, medium, exact))
            outside = found.level_set.ravel() > 0
            errors.append(relative_l2(found.nodal[outside], exact(grid.points()[outside])))
    return show("disc, one central charge, sinh ions, relative L2 in the solvent", cells, columns)


def box(half_widths=(12.0, 16.0, 24.0, 32.0, 48.0)):
    """What the box's Debye-Hückel values cost: a disc of 8 Å with a charge in its middle, at h = 0.25 Å.

    Errors of u in the solvent within 4 Å of Γ, and of the reaction energy, against the unbounded solvent.
    """
    print(
        "\nbox with Debye-Hückel values, disc of 8 Å, h = 0.25 Å; ions, charge: error near Γ, of the energy"
    )
    cases = (("linear", 0.05), ("nonlinear", 0.05), ("nonlinear", 0.5))
    print(f"{'half width':>10} " + " ".join(f"{ions + f' {charge:g}':>24}" for ions, charge in cases))
    for width in half_widths:
        row = []
        for ions, charge in cases:
            medium, charges = debye.Medium(ions=ions), debye.PointCharges([[0.0, 0.0]], [charge])
            grid = debye.Grid(cells=round(8 * width), half_width=width)
            found = debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, medium))
            if ions == "linear":
                exact = disc_regular_potential(grid.points(), 8.0, charges, medium)
                edge = disc_regular_potential(np.array([[8.0, 0.0]]), 8.0, charges, medium)[0]
            else:
                u = radial_potential(8.0, charge, medium, 100.0)
                exact, edge = u(np.maximum(np.hypot(*grid.points().T), 8.0)), float(u(np.array([8.0]))[0])
            strength = medium.coupling * charge / (2 * np.pi * medium.eps_solute)
            energy = 0.5 * charge * (edge + strength * np.log(8.0))
            near = (found.level_set.ravel() > 0) & (found.level_set.ravel() < 4.0)
            error = relative_l2(found.nodal[near], exact[near])
            row.append(f"{error:.1e}, {abs(found.reaction_energy / energy - 1):.1e}")
        print(f"{width:10g} " + " ".join(f"{cell:>24}" for cell in row), flush=True)


def draw(tables, path):
    """Errors against N, one panel a table, with a line of second order."""
    from debye.analysis.style import COLOURS, canvas, save, style, tidy

    with style():
        figure = canvas(3.0 * len(tables), 4.3)
        for number, (title, cells, columns) in enumerate(tables, start=1):
            axes = figure.add_subplot(1, len(tables), number)
            for colour, (name, values) in zip(COLOURS, columns.items(), strict=False):
                axes.loglog(cells, values, "o-", color=colour, label=name, markersize=3.5, linewidth=1.2)
            # A line of order 2 just below the first column's last error.
            last = 0.6 * next(iter(columns.values()))[-1]
            axes.loglog(
                cells, last * (cells[-1] / np.array(cells)) ** 2, ":", color="#777777", label="order 2"
            )
            axes.set_xticks(cells, labels=[str(cell) for cell in cells])
            axes.minorticks_off()
            axes.set(xlabel="N, cells an axis", title=textwrap.fill(title, 34))
            axes.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.2))
            tidy(axes)
        figure.axes[0].set_ylabel("relative error")
        save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", help="PNG, PDF or SVG file to draw")
    arguments = parser.parse_args()
    made = [disc(), others(), ball(), radial()]
    box()
    if arguments.figure:
        draw(made, arguments.figure)
