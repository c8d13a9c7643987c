import numpy as np
import pytest

import debye
from debye.physics.charges import coulomb_gradient, coulomb_potential, debye_huckel_potential

CASES = [(2, 9.6), (3, 9.6), (2, float("inf")), (3, float("inf"))]


def charge_and_points(dim):
    charge = debye.PointCharges([np.full(dim, 0.3)], [0.7])
    directions = np.random.default_rng(0).normal(size=(20, dim))
    return charge, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def radial_slope(potential, charge, directions, r, medium):
    step = 1e-5 * r
    ends = [potential(charge.positions + (r + s) * directions, charge, medium) for s in (-step, step)]
    return (ends[1] - ends[0]) / (2 * step)


@pytest.mark.parametrize(("dim", "length"), CASES)
def test_flux_out_of_a_small_sphere_is_the_charge(dim, length):
    # -ε ∮ ∂u/∂n = C q, the definition of the point source; the circle (sphere) has measure 2πr (4πr²).
    medium = debye.Medium(debye_length=length)
    charge, directions = charge_and_points(dim)
    r = 1e-3
    measure = 2 * np.pi * r if dim == 2 else 4 * np.pi * r**2
    for potential, eps in (
        (coulomb_potential, medium.eps_solute),
        (debye_huckel_potential, medium.eps_solvent),
    ):
        flux = -eps * measure * radial_slope(potential, charge, directions, r, medium)
        np.testing.assert_allclose(flux, medium.coupling * 0.7, rtol=1e-4)


@pytest.mark.parametrize(("dim", "length"), CASES)
def test_debye_huckel_potential_solves_the_linear_equation_of_the_solvent(dim, length):
    medium = debye.Medium(debye_length=length)
    charge, directions = charge_and_points(dim)
    points, step = charge.positions + 5.0 * directions, 1e-3
    centre = debye_huckel_potential(points, charge, medium)
    laplacian = sum(
        debye_huckel_potential(points + sign * step * axis, charge, medium) - centre
        for axis in np.eye(dim)
        for sign in (-1, 1)
    )
    np.testing.assert_allclose(laplacian / step**2, centre / length**2, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dim", [2, 3])
def test_gradient_is_the_derivative_and_potentials_superpose(dim):
    random = np.random.default_rng(1)
    charges = debye.PointCharges(random.normal(size=(3, dim)), random.normal(size=3))
    points, medium, step = 4 + random.normal(size=(10, dim)), debye.Medium(), 1e-5
    differences = [
        (
            coulomb_potential(points + step * e, charges, medium)
            - coulomb_potential(points - step * e, charges, medium)
        )
        / (2 * step)
        for e in np.eye(dim)
    ]
    np.testing.assert_allclose(
        coulomb_gradient(points, charges, medium), np.stack(differences, axis=1), rtol=1e-6
    )
    for potential in (coulomb_potential, debye_huckel_potential):
        single = [
            potential(points, debye.PointCharges([x], [q]), medium)
            for x, q in zip(charges.positions, charges.values, strict=True)
        ]
        np.testing.assert_allclose(potential(points, charges, medium), np.sum(single, axis=0))


def test_potential_is_infinite_at_a_charge_with_its_sign_and_not_at_a_zero_charge():
    charges = debye.PointCharges([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1.0, -1.0, 0.0])
    found = coulomb_potential(charges.positions, charges, debye.Medium())
    assert found[0] == np.inf
    assert found[1] == -np.inf
    assert np.isfinite(found[2])
