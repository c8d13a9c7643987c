"""What must hold for every discrete solution, whatever its accuracy."""

import numpy as np
import pytest

import debye

STAR = debye.Star((0.3, -0.4), 6.5, (0.12, 0.08, -0.05), (0.4, 2.0, 1.0))
SETS = [
    debye.PointCharges([[3.0, 1.0]], [0.1]),
    debye.PointCharges([[-2.0, -3.0], [0.5, 3.0]], [-0.07, 0.04]),
]


def both(sets):
    return debye.PointCharges(
        np.concatenate([s.positions for s in sets]), np.concatenate([s.values for s in sets])
    )


def test_superposition_holds_for_linear_ions_and_fails_for_sinh(problem):
    for ions, holds in (("linear", True), ("nonlinear", False)):
        medium = debye.Medium(ions=ions)
        one, two, sum_ = (
            debye.solve(problem(32, solute=STAR, charges=charges, medium=medium), rtol=1e-12).regular
            for charges in (*SETS, both(SETS))
        )
        gap = np.abs(one + two - sum_).max() / np.abs(sum_).max()
        assert (gap < 1e-9) == holds


@pytest.mark.parametrize("ions", ["linear", "nonlinear"])
def test_opposite_charges_have_the_opposite_potential(problem, ions):
    medium = debye.Medium(ions=ions)
    minus = debye.PointCharges(SETS[1].positions, -SETS[1].values)
    one, two = (
        debye.solve(problem(32, charges=c, medium=medium), rtol=1e-12).regular for c in (SETS[1], minus)
    )
    np.testing.assert_allclose(one, -two, atol=1e-8 * np.abs(one).max())


def test_reciprocity(problem):
    # q1 w2(x1) = q2 w1(x2): on the box w = 0 for both, so the discrete Green's function is symmetric up to its
    # own error, which falls at second order.
    medium = debye.Medium(ions="linear")
    first, second = debye.PointCharges([[3.0, 1.0]], [0.1]), debye.PointCharges([[-2.0, -3.0]], [-0.07])
    gaps = []
    for cells in (32, 128):
        w1, w2 = (
            debye.solve(problem(cells, solute=STAR, charges=c, medium=medium, boundary="zero"), rtol=1e-12)
            for c in (first, second)
        )
        one = first.values[0] * w2.regular_at(first.positions)[0][0]
        two = second.values[0] * w1.regular_at(second.positions)[0][0]
        gaps.append(abs(one - two) / abs(one))
    assert gaps[1] < 2e-5
    assert gaps[1] < gaps[0] / 4


def test_no_contrast_and_no_ions_leave_the_boundary_terms_alone(problem):
    # ε⁻ = ε⁺ without ions: u = G everywhere, so w = 0 inside and G outside.
    from debye.physics.charges import coulomb_potential

    medium = debye.Medium(eps_solute=5.0, eps_solvent=5.0, debye_length=float("inf"))
    errors = []
    for cells in (32, 64, 128):
        solution = debye.solve(problem(cells, solute=STAR, charges=SETS[0], medium=medium), rtol=1e-12)
        inside = solution.level_set < 0
        coulomb = coulomb_potential(solution.problem.grid.points(), SETS[0], medium).reshape(inside.shape)
        errors.append(
            np.abs(solution.regular - np.where(inside, 0.0, coulomb)).max() / np.abs(coulomb[~inside]).max()
        )
    assert errors[2] < 5e-4
    assert errors[2] < errors[0] / 8


def test_grid_symmetries_carry_solutions_into_solutions(problem):
    # The Kuhn triangulation is its own image under x ↔ y and under x → -x of both axes together.
    for matrix, moved in (
        (np.array([[0, 1], [1, 0]]), lambda field: field.T),
        (-np.eye(2), lambda field: field[::-1, ::-1]),
    ):
        ellipse = debye.Ellipsoid((1.0, 0.5), (6.5, 4.5), 0.5)
        angle = np.pi / 2 - 0.5 if matrix[0, 0] == 0 else 0.5
        image = debye.Ellipsoid(tuple(matrix @ ellipse.center), (6.5, 4.5), angle)
        charges = debye.PointCharges([[2.0, 0.5], [0.0, 2.0]], [0.1, -0.05])
        turned = debye.PointCharges(charges.positions @ matrix.T, charges.values)
        one = debye.solve(problem(32, solute=ellipse, charges=charges), rtol=1e-12).regular
        two = debye.solve(problem(32, solute=image, charges=turned), rtol=1e-12).regular
        np.testing.assert_allclose(moved(one), two, atol=1e-7 * np.abs(one).max())


def test_energy_is_quadratic_in_the_charges_for_linear_ions(problem):
    medium = debye.Medium(ions="linear")
    charges = SETS[1]
    double = debye.PointCharges(charges.positions, 2 * charges.values)
    one, four = (
        debye.solve(problem(32, charges=c, medium=medium), rtol=1e-12).reaction_energy
        for c in (charges, double)
    )
    assert four == pytest.approx(4 * one, rel=1e-9)
    assert one < 0


def test_many_charge_sets_on_one_geometry_are_solved_as_each_alone(problem):
    many = list(debye.solve_many(problem(32, solute=STAR, charges=SETS[0]), SETS))
    for solution, charges in zip(many, SETS, strict=True):
        alone = debye.solve(problem(32, solute=STAR, charges=charges))
        np.testing.assert_array_equal(solution.regular, alone.regular)
    assert many[1].report.seconds["geometry"] == 0.0
