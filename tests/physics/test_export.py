import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

import debye


@pytest.mark.parametrize("dim", [2, 3])
def test_a_direct_solver_of_the_exported_equation_finds_the_same_solution(dim):
    problem = debye.Problem(
        debye.Grid(cells=16, half_width=16.0, dim=dim),
        debye.Ball((0.2, -0.3, 0.1)[:dim], 8.0),
        debye.PointCharges([[3.0, 1.0, -1.0][:dim]], [0.1]),
        debye.Medium(ions="linear"),
    )
    equation = debye.assemble(problem)
    x = spsolve(equation.matrix.tocsc(), equation.right_hand_side)
    found, solution = equation.to_grid(x), debye.solve(problem, rtol=1e-12)
    np.testing.assert_allclose(found, solution.regular, atol=1e-9 * np.abs(found).max())
    assert np.linalg.norm(equation.residual(x)) < 1e-10 * np.linalg.norm(equation.right_hand_side)
    assert abs(equation.matrix - equation.matrix.T).max() < 1e-12 * abs(equation.matrix).max()
    assert equation.matrix.format == "csr"
    # The maps name each node once, and the boundary is the box.
    assert sorted([*equation.nodes, *equation.boundary_nodes]) == list(range(17**dim))
    places = problem.grid.points()[equation.boundary_nodes]
    assert (np.abs(places).max(axis=1) == 16.0).all()
    assert len(equation.boundary_nodes) == 17**dim - 15**dim


def test_the_solution_has_no_residual_in_the_exported_equation_with_sinh(problem):
    strong = problem(32, charges=debye.PointCharges([[3.0, 1.0]], [0.6]))
    equation, solution = debye.assemble(strong), debye.solve(strong, rtol=1e-11)
    x = solution.nodal[equation.nodes]
    scale = np.linalg.norm(equation.right_hand_side)
    assert np.linalg.norm(equation.residual(x)) < 2e-11 * scale
    # The ions count: the linear equation is another one.
    assert np.linalg.norm(equation.matrix @ x - equation.right_hand_side) > 1e-4 * scale


def test_variants_differ_and_converge_to_the_same(problem, linear):
    gaps = []
    for cells in (32, 128):
        one = problem(cells, medium=linear)
        found = {}
        for variant in ("symmetric", "incomplete", "nonsymmetric"):
            equation = debye.assemble(one, penalty=1.0, variant=variant)
            found[variant] = spsolve(equation.matrix.tocsc(), equation.right_hand_side)
            odd = abs(equation.matrix - equation.matrix.T).max()
            assert (odd < 1e-9 * abs(equation.matrix).max()) == (variant == "symmetric")
        size = np.linalg.norm(found["symmetric"])
        gaps.append(np.linalg.norm(found["nonsymmetric"] - found["symmetric"]) / size)
    assert 0.0 < gaps[1] < gaps[0] / 8


def test_unknown_variant_and_penalty_are_refused(problem):
    with pytest.raises(debye.ConfigError, match="variant"):
        debye.assemble(problem(32), variant="skew")
    for penalty in (-1.0, "much", True, 1e300):
        with pytest.raises(debye.ConfigError, match=r"penalty: found .*, expected auto or"):
            debye.assemble(problem(32), penalty=penalty)
    with pytest.raises(debye.ConfigError, match="unknowns"):
        debye.assemble(problem(32)).to_grid(np.zeros(1))
