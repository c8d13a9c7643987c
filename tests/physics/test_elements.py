import numpy as np
import pytest

import debye
from debye.physics.assembly import discretise
from debye.physics.cut import find_cut
from debye.physics.elements import immersed_elements

MEDIA = [debye.Medium(eps_solute=a, eps_solvent=b) for a, b in ((2, 80), (80, 2), (1, 1000), (3, 3))]
SHAPES = [debye.Star((0.2, 0.1), 5.0, (0.1, 0.08), (0.3, 1.0)), debye.Ball((0.2, 0.1, -0.3), 5.0)]


def elements_of(shape, medium):
    grid = debye.Grid(cells=16, half_width=9.0, dim=len(shape.center))
    return immersed_elements(find_cut(grid, shape), medium)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("medium", MEDIA)
def test_basis_is_nodal_continuous_and_keeps_the_flux(shape, medium):
    elements = elements_of(shape, medium)
    cut = elements.cut
    count, corners = cut.ell.shape
    rows = np.repeat(np.arange(count), corners)
    vertices = np.tile(np.eye(corners), (count, 1))
    at_vertices = elements.basis(rows, vertices, (cut.ell > 0).ravel())
    np.testing.assert_allclose(at_vertices, vertices, atol=1e-10)

    points = cut.edge_points()
    given = np.isfinite(points[:, :, 0])
    element = np.nonzero(given)[0]
    sides = [elements.basis(element, points[given], np.full(len(element), side)) for side in (False, True)]
    np.testing.assert_allclose(sides[0], sides[1], atol=1e-9)

    flux = [
        np.einsum("nvx,nx->nv", gradient, cut.normal)
        for gradient in (elements.gradient_negative, elements.gradient_positive)
    ]
    np.testing.assert_allclose(
        medium.eps_solute * flux[0], medium.eps_solvent * flux[1], atol=1e-8 * medium.eps_solvent
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("medium", MEDIA)
def test_any_piecewise_affine_function_is_its_interpolant_plus_the_bubble_of_its_jumps(shape, medium):
    elements = elements_of(shape, medium)
    cut = elements.cut
    count, corners, _ = cut.vertices.shape
    random = np.random.default_rng(0)
    low = random.normal(size=(count, corners))
    high = low + random.normal(size=(count, corners))
    gradients = [np.einsum("nv,nvx->nx", values, cut.gradients) for values in (low, high)]
    slopes = [(gradient * cut.normal).sum(axis=1) for gradient in gradients]
    points = cut.edge_points()
    given = np.isfinite(points[:, :, 0])
    jump = np.where(given, np.einsum("nkv,nv->nk", np.nan_to_num(points), high - low), 0.0)
    bubble = elements.bubble(jump, medium.eps_solvent * slopes[1] - medium.eps_solute * slopes[0])

    nodal = np.where(cut.ell > 0, high, low)
    element = np.repeat(np.arange(count), 8)
    places = random.dirichlet(np.ones(corners), size=len(element))
    positive = (places * cut.ell[element]).sum(axis=1) > 0
    found = (elements.basis(element, places, positive) * nodal[element]).sum(axis=1)
    found += elements.bubble_values(bubble, element, places, positive)
    exact = (places * np.where(positive[:, None], high[element], low[element])).sum(axis=1)
    scale = 1.0 + np.abs(np.concatenate([low, high])).max()
    np.testing.assert_allclose(
        found, exact, atol=1e-7 * scale * max(medium.eps_solvent / medium.eps_solute, 1)
    )

    for side, gradient in (("negative", gradients[0]), ("positive", gradients[1])):
        basis = getattr(elements, f"gradient_{side}")
        total = np.einsum("nv,nvx->nx", nodal, basis) + getattr(bubble, f"gradient_{side}")
        np.testing.assert_allclose(total, gradient, atol=1e-6 * scale * 80)


@pytest.mark.parametrize("shape", SHAPES)
def test_matrix_is_symmetric_and_has_the_constants_in_its_kernel(shape):
    grid = debye.Grid(cells=16, half_width=9.0, dim=len(shape.center))
    matrix = discretise(grid, shape, MEDIA[0], 1.0).stiffness
    assert abs(matrix - matrix.T).max() < 1e-10
    assert np.abs(matrix @ np.ones(matrix.shape[0])).max() < 1e-9


def test_jump_of_the_basis_on_a_facet_is_the_stated_multiple_of_the_hinge():
    discretisation = discretise(debye.Grid(cells=16, half_width=9.0), SHAPES[0], MEDIA[0], 1.0)
    elements, facets, cut = discretisation.elements, discretisation.facets, discretisation.cut
    for f in range(len(facets.first)):
        share = np.linspace(0.05, 0.95, 7)
        edge = np.stack([1 - share, share], axis=1)
        values = []
        for row, local in (
            (facets.first[f], facets.local_first[f]),
            (facets.second[f], facets.local_second[f]),
        ):
            barycentric = np.zeros((7, 3))
            barycentric[:, local] = edge
            positive = edge @ facets.level_first[f] > 0
            values.append(elements.hinge(np.full(7, row), barycentric, positive))
            ends = cut.nodes[row][local]
            assert (ends == cut.nodes[facets.first[f]][facets.local_first[f]]).all()
        np.testing.assert_allclose(values[1], facets.scale[f] * values[0], atol=1e-9)
