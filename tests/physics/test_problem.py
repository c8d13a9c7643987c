import numpy as np
import pytest

import debye
from debye.physics.depth import distance_inside
from debye.physics.problem import load_problem

GOOD = """
grid: {cells: 32, half_width: 16.0, dim: 2}
solute: {kind: ball, center: [0.0, 0.0], radius: 8.0}
charges: {positions: [[3.0, 1.0], [-2.0, -4.0]], values: [0.1, -0.05]}
medium: {eps_solute: 2.0, eps_solvent: 80.0, debye_length: 9.6, temperature: 298.15, ions: nonlinear}
boundary: debye-huckel
"""


def load(tmp_path, text):
    path = tmp_path / "problem.yaml"
    path.write_text(text)
    return load_problem(path)


def test_file_and_python_give_the_same_problem(tmp_path):
    from_file = debye.solve(load(tmp_path, GOOD)).regular
    in_python = debye.solve(
        debye.Problem(
            grid=debye.Grid(cells=32, half_width=16.0, dim=2),
            solute=debye.Ball(center=(0.0, 0.0), radius=8.0),
            charges=debye.PointCharges(positions=[[3.0, 1.0], [-2.0, -4.0]], values=[0.1, -0.05]),
        )
    ).regular
    np.testing.assert_array_equal(from_file, in_python)


def test_medium_and_boundary_have_defaults(tmp_path):
    problem = load(tmp_path, "\n".join(GOOD.splitlines()[:4]))
    assert problem.medium == debye.Medium()
    assert problem.boundary == "debye-huckel"


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("[3.0, 1.0]", "[9.0, 1.0]", debye.ChargeError, "outside the solute"),
        ("[3.0, 1.0]", "[7.5, 0.0]", debye.ChargeError, "from the interface"),
        ("[3.0, 1.0]", "[.nan, 1.0]", debye.ChargeError, "finite"),
        ("[0.1, -0.05]", "[0.1, .nan]", debye.ChargeError, "finite"),
        ("[0.1, -0.05]", "[0.1]", debye.ChargeError, "one value for each position"),
        ("[3.0, 1.0]", "[3.0, 1.0, 2.0]", debye.ChargeError, "charges"),
        ("radius: 8.0", "radius: 17.0", debye.GeometryError, "outside the box"),
        ("radius: 8.0", "radius: 15.5", debye.GeometryError, "touches the boundary"),
        ("radius: 8.0", "radius: .nan", debye.GeometryError, "finite"),
        ("radius: 8.0", "radius: big", debye.GeometryError, "radius.*one number"),
        ("radius: 8.0", 'radius: "8"', debye.GeometryError, "radius.*one number"),
        ("radius: 8.0", "radius: [8, 8]", debye.GeometryError, "radius.*one number"),
        ("kind: ball", "kind: [ball]", debye.ConfigError, "kind"),
        ("grid:", "1: 2\ngrid:", debye.ConfigError, "key"),
        ("grid:", "boundary: zero\nboundary: zero\ngrid:", debye.ConfigError, "boundary.*twice"),
        ("debye_length: 9.6", "debye_length: 1.0e+300", debye.ConfigError, "debye_length"),
        ("eps_solute: 2.0", "eps_solute: 1.0e+16", debye.ConfigError, "ratio"),
        ("values: [0.1, -0.05]", "values: []", debye.ChargeError, "values.*none"),
        ("radius: 8.0", "radius: 8.0, colour: red", debye.ConfigError, "solute.colour.*unknown key"),
        (", radius: 8.0", "", debye.ConfigError, "solute.radius.*add the key"),
        ("kind: ball", "kind: cube", debye.ConfigError, "one of ball, ellipsoid, star, molecule"),
        ("eps_solute: 2.0", "eps_solute: -2.0", debye.ConfigError, "eps_solute.*-2.0.*greater than 0"),
        ("eps_solute: 2.0", "eps_solute: .nan", debye.ConfigError, "eps_solute.*nan"),
        ("debye_length: 9.6", "debye_length: .nan", debye.ConfigError, "debye_length.*nan"),
        ("temperature:", "temprature:", debye.ConfigError, "temprature: unknown key"),
        ("boundary: debye-huckel", "boundary: periodic", debye.ConfigError, "boundary"),
        ("cells: 32", "cells: 2", debye.ConfigError, "grid.*cells"),
        ("grid:", "grids:", debye.ConfigError, "grids: unknown key.*|grid: missing"),
    ],
)
def test_bad_input_is_named(tmp_path, old, new, error, words):
    assert old in GOOD
    with pytest.raises(error, match=words):
        debye.solve(load(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize("text", ["- a\n- b\n", "grid: [1, {", "\x00"])
def test_files_that_are_no_mapping_are_refused(tmp_path, text):
    with pytest.raises(debye.ConfigError, match=r"problem\.yaml"):
        load(tmp_path, text)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(debye.ConfigError, match="No such file"):
        load_problem(tmp_path / "nowhere.yaml")


def test_shape_that_is_not_resolved_is_refused():
    grid = debye.Grid(cells=32, half_width=16.0)
    problem = debye.Problem(grid, debye.Ball((0.0, 0.0), 1.2), debye.PointCharges([[0.0, 0.0]], [0.1]))
    assert debye.solve(problem).report.converged
    star = debye.Star((0.0, 0.0), 4.0, (0.0,) * 9 + (0.35,), (0.0,) * 10)
    with pytest.raises(debye.GeometryError, match=r"bends|crossed twice"):
        debye.solve(debye.Problem(grid, star, debye.PointCharges([[0.0, 0.0]], [0.1])))


class Own:
    """A user's shape: a ball by a function that is no distance, or whatever the test gives."""

    def __init__(self, function=None, bounds=None, dim=2):
        self.bounds = (np.full(dim, -8.0), np.full(dim, 8.0)) if bounds is None else bounds
        self.function = function or (lambda points: 3.0 * (np.linalg.norm(points, axis=1) - 8.0))

    def __call__(self, points):
        return self.function(points)


@pytest.mark.parametrize("dim", [2, 3])
def test_own_shape_and_own_boundary_work(dim):
    grid = debye.Grid(cells=32 if dim == 2 else 24, half_width=16.0, dim=dim)
    charges = debye.PointCharges([[3.0, 1.0, 0.5][:dim]], [0.1])
    ball = debye.solve(debye.Problem(grid, debye.Ball((0.0,) * dim, 8.0), charges, boundary="zero"))
    zero = debye.Problem(grid, Own(dim=dim), charges, boundary=lambda points: np.zeros(len(points)))
    own = debye.solve(zero)
    np.testing.assert_allclose(own.regular, ball.regular, atol=1e-4 * np.abs(ball.regular).max())
    for place, words in (([7.4, 0.0, 0.0], "from the interface"), ([8.4, 0.0, 0.0], "outside the solute")):
        with pytest.raises(debye.ChargeError, match=words):
            debye.Problem(grid, Own(dim=dim), debye.PointCharges([place[:dim]], [0.1]))
    centre = debye.PointCharges([[0.0] * dim], [0.1])
    thin = Own(lambda points: np.abs(np.linalg.norm(points, axis=1) - 6.3) - 0.25, dim=dim)
    with pytest.raises(debye.GeometryError, match="crossed twice"):
        debye.solve(debye.Problem(grid, Union(thin, debye.Ball((0.0,) * dim, 4.0)), centre))


class Union(Own):
    def __init__(self, one, two):
        super().__init__(lambda points: np.minimum(one(points), two(points)), one.bounds)


@pytest.mark.parametrize(
    ("shape", "error", "words"),
    [
        (lambda points: points[:, 0], debye.ConfigError, "callable with `bounds`"),
        (Own(bounds="ab"), debye.GeometryError, "low and a high corner"),
        (Own(bounds=([8.0, 8.0], [-8.0, -8.0])), debye.GeometryError, "low and a high corner"),
        (Own(bounds=([-8.0, np.nan], [8.0, 8.0])), debye.GeometryError, "low and a high corner"),
        (Own(bounds=([-2.0, -2.0], [4.0, 4.0])), debye.GeometryError, "hold the whole shape"),
        (Own(dim=3), debye.GeometryError, "same dim"),
        (debye.Ball((0.0, 0.0, 0.0), 8.0), debye.GeometryError, "same dim"),
        (debye.Molecule([[0.0, 0.0, 0.0]], [8.0]), debye.GeometryError, "same dim"),
        (Own(lambda points: -1.0), debye.GeometryError, "a finite number for each"),
        (Own(lambda points: points), debye.GeometryError, "a finite number for each"),
        (Own(lambda points: points[:, 0] < 8), debye.GeometryError, "a finite number for each"),
        (Own(lambda points: np.full(len(points), np.nan)), debye.GeometryError, "a finite number for each"),
        (Own(lambda points: None), debye.GeometryError, "a finite number for each"),
    ],
)
def test_what_is_no_shape_is_refused(shape, error, words):
    with pytest.raises(error, match=words):
        debye.solve(
            debye.Problem(
                debye.Grid(cells=32, half_width=16.0), shape, debye.PointCharges([[1.0, 0.0]], [0.1])
            )
        )


def test_boundary_callable_of_the_wrong_shape_is_refused():
    charges = debye.PointCharges([[3.0, 1.0]], [0.1])
    grid = debye.Grid(cells=32, half_width=16.0)
    for bad in (
        lambda points: 0.0,
        lambda points: np.full(len(points), np.nan),
        lambda points: np.full(len(points), 1j),
        lambda points: "zero",
        np.zeros(4),
    ):
        with pytest.raises(debye.ConfigError, match="boundary"):
            debye.solve(debye.Problem(grid, debye.Ball((0.0, 0.0), 8.0), charges, boundary=bad))


@pytest.mark.parametrize(("name", "value"), [("grid", (32, 16.0)), ("charges", [[0, 0]]), ("medium", {})])
def test_parts_of_another_kind_are_named(problem, name, value):
    with pytest.raises(debye.ConfigError, match=f"{name}: found {type(value).__name__}, expected a debye"):
        problem(32, **{name: value})


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize(
    "scale", [lambda d: np.exp(d) - 1.0, np.tanh, lambda d: np.sign(d) * np.abs(d) ** 0.5]
)
def test_depth_is_that_of_the_distance_whatever_the_level_set(dim, scale):
    class Shape:
        bounds = (np.full(dim, -8.0), np.full(dim, 8.0))

        def __call__(self, points):
            return scale(np.linalg.norm(points, axis=1) - 8.0)

    radii = np.array([9.0, 7.9, 7.5, 6.9, 1.1, 0.0])
    found = distance_inside(Shape(), radii[:, None] * np.eye(dim)[0], 0.5)
    assert found[0] < 0
    np.testing.assert_allclose(found[1:4], 8.0 - radii[1:4], rtol=0.02)
    np.testing.assert_allclose(found[4:], 2.0)


def test_solution_fields_and_dataset(problem, charges):
    from debye import schema
    from debye.physics.charges import coulomb_potential

    solution = debye.solve(problem(32))
    inside = solution.level_set < 0
    coulomb = coulomb_potential(solution.problem.grid.points(), charges, solution.problem.medium).reshape(
        33, 33
    )
    # The charge at (3, 1) sits on a node of this grid.
    assert solution.potential[19, 17] == np.inf
    held = np.isfinite(solution.potential)
    np.testing.assert_allclose(
        (solution.potential - solution.regular)[held], np.where(inside, coulomb, 0.0)[held]
    )
    dataset = solution.to_dataset()
    schema.validate(dataset)
    assert dataset["geometry"].item() == "ball"
    assert schema.parameter_names(dataset) == {"ball": ["center_x", "center_y", "radius"]}
    np.testing.assert_allclose(dataset["regular_potential"][0], solution.regular, rtol=1e-6)
    assert dataset["reaction_energy"].item() == solution.reaction_energy


def test_evaluate_refuses_points_outside_the_box(problem):
    solution = debye.solve(problem(32))
    for bad in ([[17.0, 0.0]], [[np.nan, 0.0]], [[1.0, 2.0, 3.0]]):
        with pytest.raises(debye.ConfigError, match="points"):
            solution.evaluate(bad)
    np.testing.assert_allclose(
        solution.evaluate(solution.problem.grid.points()), solution.potential.ravel(), rtol=1e-9
    )


def test_charges_do_not_freeze_the_callers_array_and_must_not_coincide():
    positions, values = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.1, 0.2])
    charges = debye.PointCharges(positions, values)
    positions[0], values[0] = 5.0, 5.0
    assert charges.positions[0].tolist() == [1.0, 0.0]
    assert charges.values[0] == 0.1
    with pytest.raises(debye.ChargeError, match="two at"):
        debye.PointCharges([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [0.1, 0.1, -0.1])


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_depth_of_a_charge_does_not_depend_on_the_scale_of_the_level_set(scale):
    class Own:
        bounds = (np.array([-8.0, -8.0]), np.array([8.0, 8.0]))

        def __call__(self, points):
            return scale * (np.hypot(*points.T) - 8.0)

    grid = debye.Grid(cells=32, half_width=16.0)
    for place in ([3.2, 0.0], [0.0, 0.0], [6.9, 0.0]):
        debye.Problem(grid, Own(), debye.PointCharges([place], [0.1]))
    with pytest.raises(debye.ChargeError, match="from the interface"):
        debye.Problem(grid, Own(), debye.PointCharges([[7.2, 0.0]], [0.1]))


def test_tolerance_of_the_solver_counts(problem):
    from debye.parameters import Solver

    tight = debye.solve(problem(32), solver=Solver(rtol=1e-12)).report
    assert tight.relative_residual <= 1e-12
    assert debye.solve(problem(32), rtol=1e-4, solver=Solver(rtol=1e-12)).report.relative_residual > 1e-12
