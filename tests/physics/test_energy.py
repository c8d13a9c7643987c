"""Energies: against the radial solution, against the work of charging, and in their order."""

import numpy as np
import pytest
from scipy.integrate import quad

import debye
from debye.physics.energy import coulomb_energy, ionic_energy
from debye.physics.exact import radial_potential


def test_ionic_energy_meets_the_radial_integral_at_second_order():
    medium = debye.Medium()
    u = radial_potential(8.0, 0.5, medium, 40.0)

    def density(r):
        value = float(u(np.array([r]))[0])
        # The box is a square: of the circles beyond 16 Å it holds the corners.
        angle = 2 * np.pi - 8 * np.arccos(min(16.0 / r, 1.0))
        return angle * r * (0.5 * value * np.sinh(value) - np.cosh(value) + 1.0)

    pieces = (quad(density, *ends, limit=200)[0] for ends in ((8.0, 16.0), (16.0, 16.0 * np.sqrt(2))))
    expected = medium.screening / medium.coupling * sum(pieces)
    cells, errors = (32, 64, 128, 256, 512), []
    for number in cells:
        problem = debye.Problem(
            debye.Grid(cells=number, half_width=16.0),
            debye.Ball((0.0, 0.0), 8.0),
            debye.PointCharges([[0.0, 0.0]], [0.5]),
            medium,
            lambda points: u(np.hypot(*points.T)),
        )
        errors.append(abs(debye.solve(problem).ionic_energy / expected - 1))
    # The error changes sign between the first grids: it is bounded by C h², a fitted rate would show the luck.
    assert (np.array(errors) <= 1.8e-3 * (128 / np.array(cells)) ** 2).all(), errors


def test_electrostatic_energy_is_the_work_of_charging(problem):
    # dE/ds = Σ q_i w(x_i; s) along charges s q: only the full energy, with the ions' part, has that derivative.
    positions, values = [[3.0, 1.0], [-2.0, -4.0]], np.array([0.5, 0.3])
    nodes, weights = np.polynomial.legendre.leggauss(8)

    def solved(share):
        charges = debye.PointCharges(positions, share * values)
        return debye.solve(problem(64, charges=charges, boundary="zero"), rtol=1e-11)

    work = 0.0
    for node, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        solution = solved(node)
        work += weight * 2.0 * solution.reaction_energy / node
        work += weight * 2.0 * coulomb_energy(solution.problem.charges, solution.problem.medium) / node
    full = solved(1.0)
    assert full.electrostatic_energy == pytest.approx(work, rel=1e-4)
    # Without the ions' part it is not even near.
    assert abs(full.ionic_energy) > 20 * abs(full.electrostatic_energy - work)


def test_ions_have_no_energy_of_their_own_where_they_are_linear_or_absent(problem, charges):
    for medium in (debye.Medium(ions="linear"), debye.Medium(debye_length=np.inf)):
        solution = debye.solve(problem(32, medium=medium))
        assert solution.ionic_energy == 0.0
        pairs = coulomb_energy(charges, medium)
        assert solution.electrostatic_energy == pytest.approx(pairs + solution.reaction_energy)


def test_density_keeps_its_digits_where_the_potential_is_small():
    medium, lumped = debye.Medium(), np.ones(4)
    u = np.array([0.0, 1e-4, 0.009999, 0.010001])
    expected = (u**4 / 24 + u**6 / 360).sum() / medium.coupling
    assert ionic_energy(medium, lumped, u) == pytest.approx(expected, rel=1e-6, abs=0.0)


def test_coulomb_energy_of_a_pair_is_the_textbooks():
    medium = debye.Medium(eps_solute=1.0)
    charges = debye.PointCharges([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 12.0, 0.0]], [1.0, -1.0, 0.5])
    bjerrum = medium.coupling / (4 * np.pi)
    assert coulomb_energy(charges, medium) == pytest.approx(bjerrum * (-1 / 5 + 0.5 / 12 - 0.5 / 13))
