"""Fourth order at the nodes: exactness of the rows, order of the error, and a way back where it is not to be had."""

from pathlib import Path

import numpy as np
import pytest

import debye
import debye.physics.correction as correction_module
from debye.parameters import Solver
from debye.physics.charges import coulomb_potential
from debye.physics.exact import disc_regular_potential, radial_potential
from debye.physics.fit import DEGREE, REACH, WINDOW, window_rows
from debye.physics.solve import prepare

FOUR = Solver(order=4, rtol=1e-10)
CHARGES = debye.PointCharges([[3.0, 1.1], [-2.0, -3.0], [0.5, 3.0]], [0.1, -0.05, 0.08])
STAR = debye.Star((0.3, -0.4), 7.0, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0))
REFERENCES = Path(__file__).parents[2] / "benchmarks" / "results" / "solver_reference.npz"


def disc(cells, **medium):
    """Problem with a known solution, and its nodal values."""
    filled = debye.Medium(**({"ions": "linear"} | medium))

    def exact(points):
        return disc_regular_potential(points, 8.0, CHARGES, filled)

    grid = debye.Grid(cells=cells, half_width=16.0)
    problem = debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), CHARGES, filled, exact)
    return problem, exact(grid.points()).reshape(grid.shape)


def errors(solution, expected):
    """Relative L2 errors of w in the solute and in the solvent."""
    gap, inside = solution.regular - expected, solution.level_set < 0
    return np.array(
        [np.linalg.norm(gap[side]) / np.linalg.norm(expected[side]) for side in (inside, ~inside)]
    )


def straight_interface(angle, offset, ratio):
    """Rows for a straight interface through the middle of a grid of 13 x 13 nodes; coordinates along and across it."""
    n, ring = 13, np.array([6 * 13 + 6, 6 * 13 + 7, 7 * 13 + 6])
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    x, y = i - 6.0, j - 6.0
    inside = (x * across[0] + y * across[1] < offset).ravel()
    t = np.arange(-5.0, 5.0, 0.37)
    roots = np.array([6.0, 6.0]) + t[:, None] * along + offset * across
    cell = np.floor(roots).astype(int) @ [n - 1, 1]
    roots = roots[np.argsort(cell, kind="stable")]
    first = np.searchsorted(np.sort(cell), np.arange((n - 1) ** 2 + 1))
    rows = window_rows(n, inside, ring, first, roots, ratio)
    where = np.arange(-REACH, REACH + 1)
    window = (where[:, None] * n + where).ravel() + ring[:, None]
    places = [(x * along[0] + y * along[1]).ravel(), (x * across[0] + y * across[1] - offset).ravel()]
    return rows, window, inside, *places


@pytest.mark.parametrize("ratio", [1 / 40, 1.0, 40.0, 1000.0])
@pytest.mark.parametrize(("angle", "offset"), [(0.0, 0.3), (0.4, 0.1), (2.2, -0.4), (-1.3, 0.0123)])
def test_rows_are_exact_for_all_pairs_of_harmonic_polynomials(angle, offset, ratio):
    (weight, _, misfit), window, inside, along, across = straight_interface(angle, offset, ratio)
    assert misfit.max() < 1e-6
    z = along + 1j * across
    for power in range(DEGREE + 1):
        odd = (z**power).imag * np.where(inside, 1.0, ratio) / max(1.0, ratio)
        for pair in ((z**power).real, odd):
            residual = (weight * pair[window]).sum(axis=1)
            assert np.abs(residual).max() < 1e-6 * max(1.0, np.abs(pair[window]).max())


def test_rows_are_exact_with_a_quadratic_ionic_term():
    (weight, source, _), window, inside, x, y = straight_interface(0.4, 0.1, 1 / 40)
    # Each u has value and normal derivative 0 on y = 0 and this Laplacian.
    cases = [
        (y**2 / 2, np.ones_like(x)), (x * y**2 / 2, x), (y**3 / 6, y), (y**4 / 12, y**2), (x * y**3 / 6, x * y),
        (x**2 * y**2 / 2 - y**4 / 12, x**2),
    ]  # fmt: skip
    for u, g in cases:
        u, g = np.where(inside, 0.0, u), np.where(inside, 0.0, g)
        residual = (weight * u[window] + source * g[window]).sum(axis=1)
        assert np.abs(residual).max() < 1e-6
        # The ionic term counts: without it the row is wrong.
    assert np.abs((weight * np.where(inside, 0.0, y**2)[window]).sum(axis=1)).max() > 1e-2
    assert source.shape == (3, WINDOW)
    assert (source[inside[window]] == 0.0).all()


def test_error_falls_with_the_fourth_power_of_h_on_both_sides():
    cells, found = np.array([32, 48, 64, 96]), []
    for count in cells:
        problem, expected = disc(int(count))
        solution = debye.solve(problem, solver=FOUR)
        assert solution.report.order == 4
        assert solution.report.warnings == ()
        found.append(errors(solution, expected))
    order = -np.polyfit(np.log(cells), np.log(found), 1)[0]
    assert (order > 3.5).all(), order
    assert (found[-1] < [1e-7, 2e-6]).all(), found[-1]


def test_fourth_order_with_sinh():
    medium, found, cells = debye.Medium(), [], np.array([32, 48, 64, 96])
    charges = debye.PointCharges([[0.3, -0.2]], [0.2])
    u = radial_potential(8.0, 0.2, medium, 40.0)
    rim = coulomb_potential(np.array([[8.3, -0.2]]), charges, medium)

    def exact(points):
        r = np.hypot(*(points - [0.3, -0.2]).T)
        return u(np.maximum(r, 8.0)) - rim * (r < 8.0)

    for count in cells:
        grid = debye.Grid(cells=int(count), half_width=16.0)
        problem = debye.Problem(grid, debye.Ball((0.3, -0.2), 8.0), charges, medium, exact)
        solution = debye.solve(problem, solver=FOUR)
        assert solution.report.order == 4
        found.append(errors(solution, exact(grid.points()).reshape(grid.shape)))
    order = -np.polyfit(np.log(cells), np.log(found), 1)[0]
    assert (order > 3.5).all(), order


@pytest.mark.parametrize(("ions", "values", "name", "most"), [
    ("linear", (0.1, -0.05), "star", 1e-4), ("nonlinear", (0.2, -0.1), "star sinh", 2e-4),
])  # fmt: skip
def test_star_agrees_with_fitted_elements_of_high_order(ions, values, name, most):
    with np.load(REFERENCES) as file:
        expected = file[name].astype(float).reshape(65, 65)
    charges = debye.PointCharges([[3.0, 1.0], [-2.0, -2.0]], values)
    problem = debye.Problem(debye.Grid(cells=64, half_width=16.0), STAR, charges, debye.Medium(ions=ions))
    solution = debye.solve(problem, solver=FOUR)
    found, second = errors(solution, expected), errors(debye.solve(problem), expected)
    assert (found < most).all()
    # What was changed is the error of the second order.
    np.testing.assert_allclose(solution.report.correction, second, rtol=0.15)


@pytest.mark.parametrize("medium", [
    {"eps_solute": 80.0, "eps_solvent": 2.0}, {"eps_solute": 1.0, "eps_solvent": 1000.0},
    {"eps_solute": 1000.0, "eps_solvent": 1.0}, {"debye_length": np.inf}, {"debye_length": 1.0},
    {"eps_solute": 4.0, "eps_solvent": 4.0},
])  # fmt: skip
def test_media_of_all_kinds_gain_by_it(medium):
    problem, expected = disc(96, **medium)
    solution = debye.solve(problem, solver=FOUR)
    assert solution.report.order == 4
    assert (errors(solution, expected) < 0.15 * errors(debye.solve(problem), expected)).all()


def test_one_medium_without_ions_has_no_reaction_field():
    problem, expected = disc(48, eps_solute=4.0, eps_solvent=4.0, debye_length=np.inf)
    solution = debye.solve(problem, solver=FOUR)
    assert solution.report.order == 4
    inside = solution.level_set < 0
    assert np.abs(solution.regular[inside]).max() < 1e-4 * np.abs(expected[~inside]).max()


def test_linear_ions_superpose_and_charge_sets_share_the_rows(monkeypatch):
    made = []
    rows = correction_module.window_rows
    monkeypatch.setattr(correction_module, "window_rows", lambda *given: made.append(1) or rows(*given))
    medium = debye.Medium(ions="linear")
    grid = debye.Grid(cells=64, half_width=16.0)
    parts = [
        debye.PointCharges([place], [value]) for place, value in (([3.0, 1.0], 0.1), ([-2.0, -3.0], -0.3))
    ]
    both = debye.PointCharges([[3.0, 1.0], [-2.0, -3.0]], [0.1, -0.3])
    problem = debye.Problem(grid, STAR, both, medium)
    first, second, whole = debye.solve_many(problem, [*parts, both], solver=FOUR)
    assert made == [1]
    assert [one.report.order for one in (first, second, whole)] == [4, 4, 4]
    scale = np.abs(whole.regular).max()
    np.testing.assert_allclose(first.regular + second.regular, whole.regular, atol=1e-7 * scale)
    np.testing.assert_array_equal(debye.solve(problem, solver=FOUR).regular, whole.regular)


def test_a_bend_that_the_windows_do_not_carry_keeps_the_second_order():
    """The curve follows this star to 7e-4 cells, but the error would be six times that of the second order."""
    center, radius = (0.5551756911442185, -0.3155438873576347), 6.212957204771381
    amplitudes = (-0.08836570942191174, -0.11212376561470386, 0.05369254724290559, 0.0825114950102308)
    phases = (2.6773797034932, 4.7164394105863225, 3.493621782325957, 4.8723926058674705)
    star = debye.Star(center, radius, amplitudes, phases)
    problem = debye.Problem(
        debye.Grid(cells=128, half_width=16.0), star, debye.PointCharges([[0.5, 0.5]], [0.1])
    )
    solution = debye.solve(problem, solver=FOUR)
    assert solution.report.order == 2
    assert "bends" in solution.report.warnings[-1]


def test_two_solutes_apart():
    pair = debye.Molecule(centers=[[-7.0, 0.0], [7.0, 0.0]], radii=[4.0, 4.0], probe_radius=0.0)
    charges = debye.PointCharges([[-7.0, 0.5], [7.0, -0.5]], [0.1, 0.2])
    solutions = [
        debye.solve(debye.Problem(debye.Grid(cells=cells, half_width=16.0), pair, charges), solver=FOUR)
        for cells in (64, 128, 256)
    ]
    assert [solution.report.order for solution in solutions] == [4, 4, 4]
    coarse, middle, fine = (one.regular[::n, ::n] for one, n in zip(solutions, (1, 2, 4), strict=True))
    assert np.linalg.norm(middle - fine) < np.linalg.norm(coarse - middle) / 8.0


@pytest.mark.parametrize("cells", [64, 128])
@pytest.mark.parametrize("probe", [0.0, 1.4])
def test_corners_and_kinks_keep_the_second_order_and_say_so(cells, probe):
    molecule = debye.Molecule([[-3.0, 0.3], [2.0, -0.4]], [4.0, 3.6], probe)
    charges = debye.PointCharges([[-2.0, 0.3]], [0.1])
    problem = debye.Problem(debye.Grid(cells=cells, half_width=16.0), molecule, charges)
    plain, asked = debye.solve(problem), debye.solve(problem, solver=Solver(order=4))
    assert asked.report.order == 2
    assert asked.report.correction is None
    assert "corner" in asked.report.warnings[-1]
    np.testing.assert_array_equal(asked.nodal, plain.nodal)


@pytest.mark.parametrize(("clearance", "order"), [(2.9, 2), (4.1, 4)])
def test_a_charge_in_a_window_keeps_the_second_order(clearance, order):
    place = 8.0 - 0.5 * clearance
    charges = debye.PointCharges([[place * np.cos(0.7), place * np.sin(0.7)]], [0.1])
    medium = debye.Medium(ions="linear")

    def exact(points):
        return disc_regular_potential(points, 8.0, charges, medium)

    grid = debye.Grid(cells=64, half_width=16.0)
    problem = debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, medium, exact)
    solution = debye.solve(problem, solver=FOUR)
    assert solution.report.order == order
    assert ("charge" in " ".join(solution.report.warnings)) == (order == 2)
    expected = exact(grid.points()).reshape(grid.shape)
    ratio = errors(solution, expected) / errors(debye.solve(problem), expected)
    assert (ratio < (1.0 + 1e-6 if order == 2 else 0.5)).all()


@pytest.mark.parametrize(("name", "value", "word"), [
    ("MOST_NEWTON", 0, "converge"), ("LARGEST_CHANGE", 1e-6, "change"), ("LARGEST_CONTRAST", 10.0, "factor"),
    ("FEWEST_LAYER_CELLS", 50.0, "layer"),
])  # fmt: skip
def test_every_verdict_falls_back_with_a_warning(monkeypatch, name, value, word):
    monkeypatch.setattr(correction_module, name, value)
    problem, _ = disc(32)
    solution = debye.solve(problem, solver=Solver(order=4))
    assert solution.report.order == 2
    assert word in solution.report.warnings[-1]
    np.testing.assert_array_equal(solution.nodal, debye.solve(problem).nodal)


def test_a_charge_on_a_node_of_a_window_keeps_the_second_order():
    """G is infinite there, and an infinite residual must not count as small."""
    charges = debye.PointCharges([[-2.0, -4.0]], [0.1])
    grid = debye.Grid(cells=32, half_width=16.0)
    problem = debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges)
    solution = debye.solve(problem, solver=FOUR)
    assert solution.report.order == 2
    assert "charge" in solution.report.warnings[-1]
    infinite = prepare(problem, FOUR)._correction._newton(solution.nodal, np.full(33**2, np.inf))
    assert infinite[1]


def test_hopeless_numbers_end_with_a_verdict():
    problem, _ = disc(32, ions="nonlinear")
    prepared = prepare(problem, Solver(order=4))
    plain = prepared.solve(CHARGES)
    outcome = prepared._correction.correct(np.where(np.isnan(plain.nodal), 0.0, np.nan), CHARGES)
    assert outcome.change is None
    assert outcome.reason


def test_no_charge_at_all_is_solved_exactly():
    grid = debye.Grid(cells=64, half_width=16.0)
    nothing = debye.PointCharges([[1.0, 0.0]], [0.0])
    solution = debye.solve(debye.Problem(grid, STAR, nothing), solver=FOUR)
    assert solution.report.order == 4
    assert (solution.regular == 0.0).all()


def test_three_dimensions_are_refused():
    grid = debye.Grid(cells=16, half_width=8.0, dim=3)
    charges = debye.PointCharges([[0.0, 0.0, 0.0]], [1.0])
    with pytest.raises(debye.ConfigError, match="order 2"):
        debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0, 0.0), 4.0), charges), solver=FOUR)
