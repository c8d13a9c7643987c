"""Three dimensions through the public interface, against exact solutions of a ball."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.constants as codata
from click.testing import CliRunner
from scipy.special import eval_legendre, spherical_kn

import debye
from debye.cli import cli
from debye.physics import cut as cut_module
from debye.physics.charges import coulomb_potential
from debye.physics.exact import ball_regular_potential, born_energy, radial_potential
from tests.physics.rates import fitted_rate, relative_l2

# Off the lattice, so that no symmetry of the grid helps.
CENTER = np.array([0.22, 0.34, -0.11])
RADIUS = 6.0
PROBLEM = """
grid: {cells: 20, half_width: 9.0, dim: 3}
solute: {kind: ellipsoid, center: [0.2, 0.0, -0.3], semi_axes: [6.0, 4.0, 5.0], angle: 0.4}
charges: {positions: [[2.0, 1.0, 0.0], [-2.0, -1.0, 1.5]], values: [1.0, -0.5]}
medium: {eps_solute: 2.0, eps_solvent: 80.0, debye_length: 9.6}
"""


@pytest.fixture
def kirkwood(linear):
    """Make the problem of three off-centre charges in a ball, and its exact w."""
    charges = debye.PointCharges(
        CENTER + [[2.0, 1.0, 0.0], [-2.0, -1.0, 1.5], [0.5, 2.0, -1.0]], [1.0, -0.5, 0.8]
    )
    centred = debye.PointCharges(charges.positions - CENTER, charges.values)

    def exact(points):
        return ball_regular_potential(points - CENTER, RADIUS, centred, linear)

    def make(cells):
        grid = debye.Grid(cells=cells, half_width=9.0, dim=3)
        return debye.Problem(grid, debye.Ball(tuple(CENTER), RADIUS), charges, linear, exact)

    return make, exact


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM)
    return path


def test_born_ion_on_a_quarter_angstrom_grid_from_codata():
    medium = debye.Medium(eps_solute=1.0, eps_solvent=78.54, debye_length=float("inf"))
    grid = debye.Grid(cells=48, half_width=6.0, dim=3)
    assert grid.spacing == 0.25
    ion = debye.PointCharges([[0.0, 0.0, 0.0]], [1.0])
    solution = debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0, 0.0), 3.0), ion, medium))
    # N_A e²/(8πε0 a) (1/78.54 - 1), in kJ/mol, with nothing of Debye in it.
    volt = codata.e / (8 * np.pi * codata.epsilon_0 * 3e-10)
    expected = codata.N_A * codata.e * volt * (1 / 78.54 - 1) / 1000
    assert expected == pytest.approx(-228.61, abs=0.005)
    found = solution.reaction_energy * codata.R * medium.temperature / 1000
    assert found == pytest.approx(expected, rel=5e-3)
    assert born_energy(3.0, 1.0, medium) * codata.R * medium.temperature / 1000 == pytest.approx(expected)


def test_kirkwood_series_against_scipy(linear):
    charges = debye.PointCharges([[1.0, 2.0, -1.5]], [0.7])
    points = np.random.default_rng(2).uniform(-9.0, 9.0, (200, 3))
    r, rho = np.linalg.norm(points, axis=1), np.linalg.norm(charges.positions)
    cosine = points @ charges.positions[0] / (r * rho)
    strength = linear.coupling * 0.7 / (4 * np.pi * linear.eps_solute)
    expected = np.zeros(len(points))
    at = RADIUS / linear.debye_length
    for n in range(60):
        # Continuity of u and of ε ∂u/∂r at r = a, one mode at a time.
        coulomb = strength * rho**n / RADIUS ** (n + 1)
        slope = spherical_kn(n, at, derivative=True) / (linear.debye_length * spherical_kn(n, at))
        matrix = [[1.0, -1.0], [linear.eps_solute * n / RADIUS, -linear.eps_solvent * slope]]
        inner, outer = np.linalg.solve(matrix, [-coulomb, linear.eps_solute * (n + 1) / RADIUS * coulomb])
        decay = spherical_kn(n, np.maximum(r, RADIUS) / linear.debye_length) / spherical_kn(n, at)
        wave = eval_legendre(n, cosine)
        expected += np.where(r < RADIUS, inner * (np.minimum(r, RADIUS) / RADIUS) ** n, outer * decay) * wave
    np.testing.assert_allclose(ball_regular_potential(points, RADIUS, charges, linear), expected, rtol=1e-9)
    # A Debye length far beyond the ball is no ions at all: A_0 differs by C q/(4π ε⁺ λ_D).
    far, none = (
        ball_regular_potential(points, RADIUS, charges, debye.Medium(debye_length=length))
        for length in (1e6, float("inf"))
    )
    np.testing.assert_allclose(far, none, atol=2 * linear.coupling * 0.7 / (4 * np.pi * 80.0 * 1e6))


def test_kirkwood_charges_are_second_order_on_both_sides(kirkwood):
    make, exact = kirkwood
    cells = (12, 16, 24, 32, 48)
    errors, largest = {"solute": [], "solvent": []}, {"solute": [], "solvent": []}
    for number in cells:
        solution = debye.solve(make(number))
        expected = exact(solution.problem.grid.points()).reshape(solution.regular.shape)
        for name, side in (("solute", solution.level_set < 0), ("solvent", solution.level_set > 0)):
            gap = np.abs(solution.regular - expected)[side]
            errors[name].append(relative_l2(solution.regular[side], expected[side]))
            largest[name].append(gap.max() / np.abs(expected[side]).max())
    for name in errors:
        rate, table = fitted_rate(cells, errors[name])
        pointwise = fitted_rate(cells, largest[name])[1]
        assert rate >= 1.9, f"{name}: {table}\nlargest: {pointwise}"
    assert errors["solute"][-1] <= 4e-4
    assert errors["solvent"][-1] <= 2e-3
    assert largest["solute"][-1] <= 3e-3
    assert largest["solvent"][-1] <= 1.5e-2


def test_values_off_the_nodes_of_a_ball_are_second_order_on_both_sides(kirkwood):
    make, exact = kirkwood
    random = np.random.default_rng(1)
    direction = random.normal(size=(3000, 3))
    r = RADIUS + random.uniform(-1.5, 1.5, 3000)
    points = CENTER + direction * (r / np.linalg.norm(direction, axis=1))[:, None]
    inside = r < RADIUS
    # A flat piece lies up to h²/8R off the sphere: there the discrete and the true side differ.
    away = np.abs(r - RADIUS) > 0.05
    problem = make(16)
    u = exact(points) + np.where(inside, coulomb_potential(points, problem.charges, problem.medium), 0.0)
    cells = (16, 24, 32, 48)
    errors = {"solute": [], "solvent": []}
    for number in cells:
        found = debye.solve(make(number)).evaluate(points)
        for name, side in (("solute", inside & away), ("solvent", ~inside & away)):
            errors[name].append(relative_l2(found[side], u[side]))
    for name, values in errors.items():
        rate, table = fitted_rate(cells, values)
        assert rate >= 1.8, f"{name}: {table}"


def test_moving_the_surface_to_the_roots_helps_the_solute_and_does_not_harm_the_solvent(
    kirkwood, monkeypatch
):
    make, exact = kirkwood

    def sides():
        solution = debye.solve(make(24))
        expected, inside = exact(solution.problem.grid.points()), solution.level_set.ravel() < 0
        return [relative_l2(solution.nodal[side], expected[side]) for side in (inside, ~inside)]

    solute, solvent = sides()
    monkeypatch.setattr(cut_module, "_fitted", lambda grid, values, roots: values)
    plain_solute, plain_solvent = sides()
    assert solute < 0.6 * plain_solute
    assert solvent < 1.05 * plain_solvent


def test_radial_sinh_problem_in_3d_is_second_order_on_both_sides():
    medium = debye.Medium()
    u = radial_potential(4.0, 4.0, medium, 40.0, dim=3)
    at_interface = u(np.array([4.0]))[0]
    assert 4.0 < at_interface < 5.0
    strength = medium.coupling * 4.0 / (4 * np.pi * medium.eps_solute)
    cells = (16, 24, 32, 48)
    errors = {"solute": [], "solvent": []}
    for number in cells:
        grid = debye.Grid(cells=number, half_width=8.0, dim=3)
        problem = debye.Problem(
            grid, debye.Ball(tuple(CENTER), 4.0), debye.PointCharges([CENTER], [4.0]), medium,
            lambda points: u(np.linalg.norm(points - CENTER, axis=1)),
        )  # fmt: skip
        r = np.linalg.norm(grid.points() - CENTER, axis=1)
        exact = np.where(r < 4.0, at_interface - strength / 4.0, u(np.clip(r, 4.0, 40.0)))
        found = debye.solve(problem).nodal
        for name, side in (("solute", r < 4.0), ("solvent", r >= 4.0)):
            errors[name].append(relative_l2(found[side], exact[side]))
    for name, values in errors.items():
        rate, table = fitted_rate(cells, values)
        assert rate >= 1.8, f"{name}: {table}"


def test_cyclic_change_of_axes_turns_the_solution(problem_file):
    problem = debye.load_problem(problem_file)
    ellipsoid = debye.Ellipsoid((0.2, 0.0, -0.3), (6.0, 4.0, 5.0))
    turned = debye.Ellipsoid((-0.3, 0.2, 0.0), (5.0, 6.0, 4.0))
    charges = debye.PointCharges(np.roll(problem.charges.positions, 1, axis=1), problem.charges.values)
    one = debye.solve(replace(problem, solute=ellipsoid), rtol=1e-11)
    two = debye.solve(replace(problem, solute=turned, charges=charges), rtol=1e-11)
    # x of the turned problem is the old z.
    np.testing.assert_allclose(two.regular, np.transpose(one.regular, (2, 0, 1)), atol=1e-6)
    assert two.reaction_energy == pytest.approx(one.reaction_energy, rel=1e-7)
    # Every cube is cut alike after a point reflection, too.
    mirrored = debye.Ellipsoid((-0.2, 0.0, 0.3), (6.0, 4.0, 5.0))
    opposite = debye.PointCharges(-problem.charges.positions, problem.charges.values)
    three = debye.solve(replace(problem, solute=mirrored, charges=opposite), rtol=1e-11)
    np.testing.assert_allclose(three.regular, one.regular[::-1, ::-1, ::-1], atol=1e-6)


def test_charge_sets_share_a_geometry_and_superpose(problem_file, linear):
    problem = replace(debye.load_problem(problem_file), medium=linear)
    positions, values = problem.charges.positions, problem.charges.values
    sets = [debye.PointCharges(positions[[n]], values[[n]]) for n in (0, 1)]
    parts = list(debye.solve_many(problem, sets, rtol=1e-11))
    whole = debye.solve(problem, rtol=1e-11)
    np.testing.assert_allclose(parts[0].regular + parts[1].regular, whole.regular, atol=1e-6)


def test_evaluate_meets_the_nodes_and_the_potential_is_infinite_at_a_charge(problem_file):
    solution = debye.solve(debye.load_problem(problem_file))
    points = solution.problem.grid.points()
    potential = solution.potential.ravel()
    finite = np.isfinite(potential)
    np.testing.assert_allclose(solution.evaluate(points[finite]), potential[finite], rtol=1e-9, atol=1e-9)
    at_charges = solution.evaluate(solution.problem.charges.positions)
    assert at_charges.tolist() == [np.inf, -np.inf]


def test_solution_goes_to_a_file_and_a_figure_and_comes_back(problem_file, tmp_path):
    out, figure = tmp_path / "out.nc", tmp_path / "figure.png"
    result = CliRunner().invoke(cli, ["solve", str(problem_file), "-o", str(out), "--plot", str(figure)])
    assert result.exit_code == 0, result.output
    assert figure.read_bytes().startswith(b"\x89PNG")
    solution = debye.solve(debye.load_problem(problem_file))
    with debye.open_dataset(out, add=["potential"]) as dataset:
        assert dict(dataset["regular_potential"].sizes) == {"sample": 1, "x": 21, "y": 21, "z": 21}
        assert dataset["charge_value"].attrs["units"] == "e"
        regular, potential = dataset["regular_potential"].values[0], dataset["potential"].values[0]
        energy = float(dataset["reaction_energy"].values[0])
    np.testing.assert_allclose(regular, solution.regular, atol=1e-4)
    finite = np.isfinite(solution.potential)
    np.testing.assert_allclose(potential[finite], solution.potential[finite], atol=1e-4)
    assert energy == pytest.approx(solution.reaction_energy, rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (debye.Ball((0.0, 0.0, 0.0), 9.5), "outside the box"),
        (debye.Ball((0.0, 0.0), 5.0), "same dim"),
        # Poles of a thin lens pass between nodes.
        (debye.Ellipsoid((0.1, 0.2, 0.4), (6.0, 6.0, 0.3)), "no grid node|crossed twice|bends"),
    ],
)
def test_shapes_that_a_3d_grid_cannot_carry_are_refused(shape, words):
    grid = debye.Grid(cells=18, half_width=9.0, dim=3)
    with pytest.raises(debye.GeometryError, match=words):
        cut_module.find_cut(grid, shape)


@pytest.mark.parametrize("cells", [24, 48])
def test_an_interface_through_nodes_leaves_no_piece_without_an_area(cells):
    # Nodes lie on the sphere: in the tips that the nudge leaves, pieces of Γ have an area below round-off.
    medium = debye.Medium(ions="linear")
    charges = debye.PointCharges([[1.0, 0.5, 0.2]], [1.0])
    grid = debye.Grid(cells=cells, half_width=8.0, dim=3)
    problem = debye.Problem(grid, debye.Ball((0.0, 0.0, 0.0), 5.0), charges, medium)
    solution = debye.solve(problem)
    on = solution.interface()
    for values in (on.points, on.weights, on.potential_solute, on.potential_solvent, on.normal_flux):
        assert np.isfinite(values).all()
    assert on.weights.sum() == pytest.approx(4 * np.pi * 25, rel=0.02)
