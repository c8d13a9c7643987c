"""Newton's method on the equation with sinh: from zero, for any charge, without overflow."""

import numpy as np
import pytest

import debye
from debye.config import Config
from debye.parameters import load_yaml
from debye.physics.algebra import System
from debye.physics.drawing import draw_shape
from debye.physics.exact import radial_potential
from debye.physics.ions import LARGEST_EXPONENT, node_equation, sinh
from debye.physics.sampling import draw_charges
from debye.physics.solve import prepare
from tests.physics.rates import fitted_rate, relative_l2
from tests.workflow.workplace import ROOT

CENTER = np.array([0.3, -0.2])


def radial(cells, charge, medium, boundary, rtol=1e-8, **options):
    """A charge in the middle of a disc that lies nowhere special on the grid."""
    grid = debye.Grid(cells=cells, half_width=16.0)
    shape, charges = debye.Ball(tuple(CENTER), 8.0), debye.PointCharges([CENTER], [charge])
    return debye.solve(debye.Problem(grid, shape, charges, medium, boundary), rtol, **options)


@pytest.mark.parametrize(
    ("charge", "at_interface", "bound", "order"),
    [(0.00896, 0.1, 2e-5, 1.9), (0.0917, 1.0, 2e-5, 1.9), (0.834, 5.0, 4e-4, 1.8), (8.97, 10.0, 8e-3, 1.4)],
)
def test_radial_reference_is_met(charge, at_interface, bound, order):
    medium = debye.Medium()
    u = radial_potential(8.0, charge, medium, 40.0)
    assert u(np.array([8.0]))[0] == pytest.approx(at_interface, rel=1e-2)
    strength = medium.coupling * charge / (2 * np.pi * medium.eps_solute)

    def distance(points):
        return np.hypot(*(points - CENTER).T)

    cells = (32, 64, 128, 256)
    errors, outside = [], []
    for number in cells:
        solution = radial(number, charge, medium, lambda points: u(distance(points)))
        r = distance(solution.problem.grid.points())
        # Inside u = G + const, continuous at the interface.
        constant = u(np.array([8.0]))[0] + strength * np.log(8.0)
        exact = np.where(r < 8.0, constant, u(np.maximum(r, 8.0)))
        errors.append(relative_l2(solution.nodal, exact))
        outside.append(relative_l2(solution.nodal[r > 8.0], exact[r > 8.0]))
        assert solution.report.newton_steps <= 15
    # At u = 10 the boundary layer is 0.08 Å thick, and the finest grid here has h = 0.125 Å.
    rate, table = fitted_rate(cells, outside)
    assert rate >= order, table
    assert outside[-1] <= bound, table
    assert errors[-1] <= 2e-5
    # The finest one is not spoilt by stopping early: what Newton leaves is smooth, and large for its residual.
    tight = radial(256, charge, medium, lambda points: u(distance(points)), rtol=1e-12)
    assert relative_l2(solution.nodal, tight.nodal) < 1e-7


def test_newton_ends_quadratically():
    solution = radial(128, 0.5, debye.Medium(), "debye-huckel", rtol=1e-12)
    residuals = np.array(solution.report.residuals[1:])
    steps = residuals[residuals > 1e-13]
    # The last step above round-off, from a residual that linear convergence would not square.
    assert 1e-9 < steps[-2] < 1e-3, steps
    assert steps[-1] < 1e-3 * steps[-2], steps


@pytest.mark.parametrize("cells", [32, 64, 128])
@pytest.mark.parametrize(
    ("charge", "length"), [(8.97, 9.6), (400.0, 9.6), (1e6, 9.6), (30.0, 1e4), (-3e3, 1e3), (1e3, 1e8)]
)
def test_newton_ends_from_zero_for_any_potential_at_the_interface(cells, charge, length):
    medium = debye.Medium(debye_length=length)
    with np.errstate(over="raise", invalid="raise"):
        solution = radial(cells, charge, medium, "zero")
    assert solution.report.converged
    assert solution.report.newton_steps <= 25
    # The verdict holds in the solvent too, whose u of 20 is invisible beside a w of 1e9 in the solute.
    tight = radial(cells, charge, medium, "zero", rtol=1e-13, check=False)
    solvent = solution.level_set > 0
    assert relative_l2(solution.regular[solvent], tight.regular[solvent]) < 2e-7
    # The multigrid hierarchy follows the matrix: a fixed one would need hundreds of iterations a step.
    assert max(solution.report.cg_iterations) <= 30
    assert np.isfinite(solution.nodal).all()
    assert solution.report.warnings


def test_a_potential_of_25_at_a_resolved_interface():
    # Pure water: at λ_D of a micrometre the layer is wide enough for the grid although sinh 25 = 3.6e10.
    medium = debye.Medium(debye_length=2e5)
    solution = radial(128, 0.9, medium, lambda points: 21.0 + 0.0 * points[:, 0])
    at = np.abs(solution.interface().potential_solvent)
    assert 24.0 < at.max() < 28.0
    assert solution.report.newton_steps <= 25


@pytest.mark.parametrize("family", ["disc", "ellipse", "star"])
def test_five_hundred_random_problems_at_four_times_the_charge(family):
    config = Config(**load_yaml(ROOT / "config.yaml"))
    part, grid = config.families[family], config.grid
    random = np.random.default_rng([4, len(family)])
    steps, largest = [], 0.0
    while len(steps) < 168:
        # Four problems share a shape, to be done sooner.
        shape = draw_shape(part, 2, random)
        drawn = [draw_charges(shape, part, grid, random)[0] for _ in range(4)]
        strong = [debye.PointCharges(charges.positions, 4.0 * charges.values) for charges in drawn]
        problem = debye.Problem(grid, shape, strong[0], config.medium)
        for solution in debye.solve_many(problem, strong):
            steps.append(solution.report.newton_steps)
            largest = max(largest, float(np.abs(solution.interface().potential_solvent).max()))
    assert max(steps) <= 12
    assert largest > 7.0


def test_the_curve_starts_along_the_step_and_solves_a_node_alone(problem):
    system = prepare(problem(32))._system
    assert isinstance(system, System)
    random = np.random.default_rng(0)
    w = random.normal(size=len(system.lumped)) * 4.0
    step = random.normal(size=len(w)) * 4.0
    # Beyond the largest exponent too, where sinh goes on as its tangent.
    w[::7] *= 40.0
    small = (system._moved(w, 1e-6 * step) - w) / 1e-6
    np.testing.assert_allclose(small, step, rtol=1e-4, atol=1e-4)
    # Signs and order are kept: growth is held back, and only growth.
    moved = system._moved(w, step)
    assert (np.abs(moved) <= np.abs(w + step) + 1e-12).all()
    assert (np.sign(moved) == np.sign(w + step)).all()
    held = (system.lumped > 0) & (np.abs(w + step) > np.abs(w)) & (np.abs(w + step) > 4.0)
    held &= np.abs(w + step) < 0.9 * LARGEST_EXPONENT
    assert held.any()
    assert (np.abs(moved[held]) < np.abs((w + step)[held])).all()


def test_node_equation_is_solved_for_any_size():
    balance = np.array([1e-6, 1.0, 1e6, 1e-6, 3.0, 1e12, 1e30])
    tau = np.array([1e90, -5.0, 1e3, 1e-12, 0.0, -1e20, 1e60])
    u = node_equation(balance, tau)
    np.testing.assert_allclose(balance * u + sinh(u)[1], tau, rtol=1e-11, atol=1e-24)
    assert np.abs(u).max() > LARGEST_EXPONENT


def test_without_ions_the_equation_is_linear_whatever_the_law(problem):
    report = debye.solve(problem(32, medium=debye.Medium(debye_length=np.inf))).report
    assert report.newton_steps == 1
