"""Geometric multigrid: Galerkin's rule, symmetry, and the same answer as other solvers in no more iterations."""

import gc
import weakref
from itertools import product

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

import debye
from debye.parameters import Grid, Medium
from debye.physics import algebraic
from debye.physics.assembly import discretise
from debye.physics.cycle import prolong, restrict
from debye.physics.jacobian import Geometry, Jacobian
from debye.physics.multigrid import Hierarchy, make_levels

STAR = debye.Star((0.3, -0.4), 7.0, (0.2, 0.12, -0.05), (0.4, 2.0, 1.0))
BALL = debye.Ball((0.1, -0.2, 0.05), 3.0)
CASES = [
    (Grid(cells=32, half_width=12.0, dim=2), STAR),
    (Grid(cells=37, half_width=12.0, dim=2), STAR),
    (Grid(cells=12, half_width=6.0, dim=3), BALL),
    (Grid(cells=11, half_width=6.0, dim=3), BALL),
]
MEDIA = [Medium(eps_solute=a, eps_solvent=b, ions="linear") for a, b in ((2.0, 80.0), (1000.0, 1.0))]


def set_up(case, medium, penalty="auto"):
    discretisation = discretise(*case, medium, penalty)
    ions = np.where(discretisation.interior, discretisation.lumped, 0.0)
    return discretisation, ions


def matrix_of(apply, rows, columns):
    """Matrix of a linear map, column by column."""
    return np.stack([apply(np.eye(columns)[:, j]) for j in range(columns)], axis=1).reshape(rows, columns)


def transfer(dim, cells):
    """Prolongation and restriction between all nodes of two levels, as the cycle does them."""
    fine, coarse = (cells + 1) ** dim, ((cells + 1) // 2 + 1) ** dim
    inner = np.zeros(((cells + 1) // 2 + 1,) * dim, dtype=bool)
    inner[(slice(1, -1),) * dim] = True

    def up(x):
        result = np.zeros(fine)
        prolong(np.where(inner.ravel(), x, 0.0), result, dim, cells + 1, np.zeros(cells + 1))
        return result

    def down(x):
        result = np.zeros(coarse)
        restrict(x, result, dim, cells + 1)
        return result

    return up, down, fine, coarse


@pytest.mark.parametrize(("dim", "cells"), [(2, 8), (2, 9), (2, 7), (3, 4), (3, 5)])
def test_restriction_is_the_transpose_of_prolongation(dim, cells):
    up, down, fine, coarse = transfer(dim, cells)
    interior = np.zeros((cells + 1,) * dim, dtype=bool)
    interior[(slice(1, -1),) * dim] = True
    # Residuals are zero on the box.
    lowered = matrix_of(lambda x: down(np.where(interior.ravel(), x, 0.0)), coarse, fine)
    np.testing.assert_array_equal(matrix_of(up, fine, coarse).T, lowered)


@pytest.mark.parametrize(("dim", "cells"), [(2, 16), (3, 8)])
def test_prolongation_reproduces_linear_functions(dim, cells):
    up, _, _, _ = transfer(dim, cells)
    axes = np.indices((cells + 1,) * dim)
    fine = 1.0 + axes[0] + 2.0 * axes[-1]
    coarse = fine[(slice(None, None, 2),) * dim]
    found = up(coarse.ravel()).reshape(fine.shape)
    # Two cells from the box, where no value of zero is mixed in.
    deep = (slice(2, -2),) * dim
    np.testing.assert_allclose(found[deep], fine[deep], rtol=1e-14)


def level_matrix(levels, level):
    """Matrix of one level on all its nodes, from the arrays that the cycle takes."""
    n, dim = levels.cells[level] + 1, levels.dim
    first, last = levels.first[level], levels.first[level + 1]
    scale, diagonal = levels.scale[first:last], levels.stiffness[first:last]
    matrix = sparse.lil_array((n**dim, n**dim))
    inner = np.zeros((n,) * dim, dtype=bool)
    inner[(slice(1, -1),) * dim] = True
    own = range(levels.first_special[level], levels.first_special[level + 1])
    special = levels.special
    rows = {int(special.nodes[s]): slice(special.start[s], special.start[s + 1]) for s in own}
    for i in np.flatnonzero(inner):
        matrix[i, i] = diagonal[i]
        if int(i) in rows:
            for j, entry in zip(special.columns[rows[int(i)]], special.entries[rows[int(i)]], strict=True):
                matrix[i, j] += entry
        else:
            for step in product((-1, 0, 1), repeat=dim):
                if any(step):
                    j = i + int(np.array(step) @ n ** np.arange(dim - 1, -1, -1))
                    matrix[i, j] += scale[i] * levels.stencil[level][sum(map(abs, step)) - 1]
    return matrix.tocsr()[inner.ravel()][:, inner.ravel()]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("medium", MEDIA)
def test_coarse_matrices_are_galerkins(case, medium):
    discretisation, _ = set_up(case, medium)
    levels = make_levels(discretisation)
    cut, dim = discretisation.cut, case[0].dim
    size, corners = cut.level_set.size, cut.nodes.shape[1]
    rows, columns = np.repeat(cut.nodes, corners, axis=1).ravel(), np.tile(cut.nodes, (1, corners)).ravel()
    conforming = discretisation.uncut + sparse.coo_array(
        (discretisation.energy.ravel(), (rows, columns)), shape=(size, size)
    )
    inner = discretisation.interior
    matrix = conforming.tocsr()[inner][:, inner].toarray()
    assert levels.cells[-1] == 2
    for level in range(1, len(levels.cells)):
        cells = int(levels.cells[level - 1])
        up, _, fine, coarse = transfer(dim, cells)
        keep = [np.zeros((n,) * dim, dtype=bool) for n in (cells + 1, (cells + 1) // 2 + 1)]
        for mask in keep:
            mask[(slice(1, -1),) * dim] = True
        prolongation = matrix_of(up, fine, coarse)[keep[0].ravel()][:, keep[1].ravel()]
        matrix = prolongation.T @ matrix @ prolongation
        found = level_matrix(levels, level).toarray()
        np.testing.assert_allclose(found, matrix, rtol=0, atol=1e-12 * np.abs(matrix).max())


@pytest.mark.parametrize("case", CASES)
def test_cycle_is_symmetric_and_positive_definite(case):
    discretisation, ions = set_up(case, MEDIA[1])
    hierarchy = Hierarchy(make_levels(discretisation), ions)
    random = np.random.default_rng(5)
    vectors = random.normal(size=(6, ions.size)) * discretisation.interior
    images = [hierarchy.cycle(vector) for vector in vectors]
    gram = vectors @ np.array(images).T
    np.testing.assert_allclose(gram, gram.T, rtol=0, atol=1e-13 * np.abs(gram).max())
    assert np.linalg.eigvalsh(gram).min() > 0
    assert not np.array(images)[:, ~discretisation.interior].any()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("penalty", ["auto", 3.0])
def test_answer_is_that_of_a_direct_solver(case, medium, penalty):
    discretisation, ions = set_up(case, medium, penalty)
    inner = discretisation.interior
    right = np.random.default_rng(1).normal(size=ions.size) * inner
    matrix = discretisation.stiffness[inner][:, inner] + sparse.diags_array(ions[inner])
    expected = spsolve(matrix.tocsc(), right[inner])
    for kind in ("geometric", "algebraic", "auto"):
        x, _, outcome = Jacobian(Geometry(discretisation, kind), ions).solve(right, 1e-12, 200)
        assert outcome == "converged"
        np.testing.assert_allclose(x[inner], expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        assert not x[~inner].any()


@pytest.mark.parametrize("eps", [(2.0, 80.0), (80.0, 2.0), (1.0, 1000.0), (1000.0, 1.0)])
@pytest.mark.parametrize("debye_length", [0.8, 9.6, float("inf")])
@pytest.mark.parametrize(
    ("grid", "shape"),
    [
        (Grid(cells=96, half_width=12.0, dim=2), STAR),
        (Grid(cells=24, half_width=6.0, dim=3), BALL),
        (Grid(cells=24, half_width=8.0, dim=3), debye.Molecule([[-1.5, 0, 0], [1.5, 0.2, 0]], [2.2, 1.9])),
    ],
)
def test_no_more_iterations_than_algebraic_multigrid(grid, shape, eps, debye_length):
    medium = Medium(eps_solute=eps[0], eps_solvent=eps[1], debye_length=debye_length, ions="linear")
    discretisation, ions = set_up((grid, shape), medium)
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    counts = {
        kind: Jacobian(Geometry(discretisation, kind), ions).solve(right, 1e-8, 300)[1]
        for kind in ("geometric", "algebraic")
    }
    # The algebraic kind is at its best on a constant coefficient; there a few iterations more do not count.
    assert counts["geometric"] <= max(1.1 * counts["algebraic"], 14), counts


def test_iterations_do_not_grow_with_the_grid():
    counts = []
    for cells in (32, 64, 128, 256):
        discretisation, ions = set_up((Grid(cells=cells, half_width=12.0, dim=2), STAR), MEDIA[0])
        right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
        counts.append(Hierarchy(make_levels(discretisation), ions).solve(right, 1e-8, 100)[1])
    assert max(counts) <= min(counts) + 2, counts


def test_verdicts():
    discretisation, ions = set_up(CASES[0], MEDIA[0])
    levels = make_levels(discretisation)
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    hierarchy = Hierarchy(levels, ions)
    assert hierarchy.solve(right, 1e-8, 3)[1:] == (3, "iteration limit")
    assert hierarchy.solve(0.0 * right, 1e-8, 3)[1:] == (0, "converged")
    assert hierarchy.solve(right * np.nan, 1e-8, 3)[2] == "not finite"
    assert hierarchy.solve(right * 1e200, 1e-8, 30)[2] == "not finite"
    shifted = ions - 3.0 * np.abs(discretisation.operator.diagonal).max() * discretisation.interior
    assert Hierarchy(levels, shifted).solve(right, 1e-8, 50)[2] == "not definite"


def test_auto_goes_to_algebraic_multigrid_and_stays_there(monkeypatch):
    discretisation, ions = set_up(CASES[0], MEDIA[0])
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    calls = []
    honest = algebraic.Hierarchy.solve

    def counted(self, *arguments):
        calls.append("algebraic")
        return honest(self, *arguments)

    tried = []
    geometric = Hierarchy.solve

    def noted(self, *arguments):
        tried.append("geometric")
        return geometric(self, *arguments)

    monkeypatch.setattr("debye.physics.jacobian.PATIENCE", 2)
    monkeypatch.setattr(algebraic.Hierarchy, "solve", counted)
    monkeypatch.setattr(Hierarchy, "solve", noted)
    shared = Jacobian(Geometry(discretisation, "auto"), ions)
    first = shared.alone()
    x, count, outcome = first.solve(right, 1e-10, 100)
    assert (outcome, len(calls), len(tried)) == ("converged", 1, 1)
    assert count > 2
    following = first.next(1.5 * ions)
    following.solve(right, 1e-10, 100)
    assert (len(calls), len(tried)) == (2, 1)
    # Another charge set on the geometry starts afresh: its result must not depend on this one.
    again, count_again, _ = shared.alone().solve(right, 1e-10, 100)
    assert count_again == count
    np.testing.assert_array_equal(again, x)
    # A geometric solve that is asked for does not go elsewhere.
    assert (
        Jacobian(Geometry(discretisation, "geometric"), ions).solve(right, 1e-10, 3)[2] == "iteration limit"
    )
    assert len(calls) == 3
    # The limit is one for both kinds together.
    assert shared.alone().solve(right, 1e-10, 4)[1:] == (4, "iteration limit")


def test_auto_does_not_overrule_a_matrix_that_is_not_definite():
    discretisation, ions = set_up(CASES[0], MEDIA[0])
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    shifted = ions - 0.6 * np.abs(discretisation.operator.diagonal) * discretisation.interior
    assert Jacobian(Geometry(discretisation, "auto"), shifted).solve(right, 1e-8, 50)[2] == "not definite"


def test_a_cycle_that_is_not_definite_is_told_though_the_matrix_is():
    """With a wrong sign in the smoother alone the curvature stays positive, and the direction is the wrong one."""
    discretisation, ions = set_up(CASES[0], MEDIA[0])
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    hierarchy = Hierarchy(make_levels(discretisation), ions)
    hierarchy._inverse *= -1.0
    assert hierarchy.solve(right, 1e-8, 50)[1:] == (0, "not definite")


def test_newton_keeps_one_hierarchy_at_a_time():
    discretisation, ions = set_up(CASES[0], MEDIA[0])
    right = np.random.default_rng(2).normal(size=ions.size) * discretisation.interior
    for kind in ("geometric", "algebraic"):
        steps, step = [], Jacobian(Geometry(discretisation, kind), ions)
        for number in range(5):
            step.solve(right, 1e-6, 100)
            steps.append(weakref.ref(step))
            step = step.next((2.0 + number) * ions)
        gc.collect()
        assert not any(reference() for reference in steps)


def test_linear_equation_at_high_contrast_is_right_in_the_solvent_too():
    problem = debye.Problem(
        Grid(cells=48, half_width=12.0),
        STAR,
        debye.PointCharges([[1.0, 2.0], [-3.0, 0.5]], [0.2, -0.1]),
        Medium(eps_solute=1.0, eps_solvent=1e6, ions="linear"),
    )
    loose, tight = debye.solve(problem, 1e-8), debye.solve(problem, 1e-13)
    solvent = tight.level_set > 0
    gap = np.linalg.norm((loose.regular - tight.regular)[solvent])
    assert gap <= 1e-5 * np.linalg.norm(tight.regular[solvent])


def test_solutions_do_not_depend_on_the_multigrid():
    problem = debye.Problem(
        Grid(cells=64, half_width=16.0), STAR, debye.PointCharges([[1.0, 2.0], [-3.0, 0.5]], [2.0, -1.0])
    )
    found = {
        kind: debye.solve(problem, 1e-11, solver=debye.parameters.Solver(multigrid=kind)).regular
        for kind in ("auto", "algebraic")
    }
    np.testing.assert_allclose(
        found["auto"], found["algebraic"], rtol=0, atol=1e-8 * np.abs(found["auto"]).max()
    )
