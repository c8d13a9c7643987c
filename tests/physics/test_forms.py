"""Compiled integrals over cut simplices against the same formulas in plain numpy."""

import numpy as np
import pytest

import debye
from debye.physics import forms
from debye.physics.cut import find_cut
from debye.physics.elements import immersed_elements
from debye.physics.facets import find_facets
from debye.physics.quadrature import interface_quadrature, negative_share
from tests.physics.staircases import classes, pieces, side_quadrature


def cut_of(dim):
    return find_cut(debye.Grid(cells=12, half_width=8.0, dim=dim), debye.Ball((0.31, 0.2, -0.1)[:dim], 4.7))


@pytest.mark.parametrize("dim", [2, 3])
def test_energies_work_and_fluxes(dim):
    random = np.random.default_rng(dim)
    below, above = random.normal(size=(2, 30, dim + 1, dim))
    low, high = random.uniform(1, 2, (2, 30))
    energy = low[:, None, None] * (below @ below.transpose(0, 2, 1))
    energy += high[:, None, None] * (above @ above.transpose(0, 2, 1))
    np.testing.assert_allclose(forms.energies(below, above, low, high), energy, atol=1e-13)

    one, two = random.normal(size=(2, 30, dim))
    expected = low[:, None] * np.einsum("nvx,nx->nv", below, one)
    expected += high[:, None] * np.einsum("nvx,nx->nv", above, two)
    np.testing.assert_allclose(forms.work(below, above, one, two, low, high), expected, atol=1e-13)

    first, second = random.integers(0, 30, (2, 50))
    normal = random.normal(size=(50, dim))
    inner, outer = random.normal(size=(2, 50))
    expected = np.concatenate(
        [
            inner[:, None] * np.einsum("fvx,fx->fv", below[rows], normal)
            + outer[:, None] * np.einsum("fvx,fx->fv", above[rows], normal)
            for rows in (first, second)
        ],
        axis=1,
    )
    found = forms.fluxes(below, above, first, second, normal, inner, outer)
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_gathered_values_add_up():
    random = np.random.default_rng(0)
    nodes, values = random.integers(0, 9, (40, 3)), random.normal(size=(40, 3))
    total, expected = np.ones(9), np.ones(9)
    forms.gather(total, nodes, values)
    np.add.at(expected, nodes, values)
    np.testing.assert_allclose(total, expected, atol=1e-13)


@pytest.mark.parametrize("dim", [2, 3])
def test_jump_of_a_bubble_on_a_facet_is_the_stated_multiple_of_the_hinge(dim):
    cut = cut_of(dim)
    elements, facets = (
        immersed_elements(cut, debye.Medium(eps_solute=2.0, eps_solvent=80.0)),
        find_facets(cut),
    )
    random = np.random.default_rng(1)
    # Data of one smooth function, so that both sides of a facet agree where it meets the interface.
    jump = np.sin(elements.edge_points @ np.arange(1.0, dim + 1.0))
    if dim == 3:
        # Least squares through four points is not exact; data of an affine function are.
        jump = elements.edge_points @ np.arange(1.0, dim + 1.0)
    bubble = elements.bubble(jump, random.normal(size=len(cut.ell)))
    factor = forms.bubble_jumps(
        bubble.extension, bubble.slope, facets.level_first, facets.scale,
        facets.first, facets.second, facets.local_first, facets.local_second,
    )  # fmt: skip
    for f in range(0, len(facets.first), 5):
        on_facet = random.dirichlet(np.ones(dim), size=6)
        positive = on_facet @ facets.level_first[f] > 0
        values, hinge = [], None
        for rows, local in ((facets.first, facets.local_first), (facets.second, facets.local_second)):
            barycentric = np.zeros((6, dim + 1))
            barycentric[:, local[f]] = on_facet
            element = np.full(6, rows[f])
            values.append(elements.bubble_values(bubble, element, barycentric, positive))
            hinge = elements.hinge(element, barycentric, positive) if hinge is None else hinge
        np.testing.assert_allclose(values[0] - values[1], factor[f] * hinge, atol=1e-9)


@pytest.mark.parametrize("k", [2, 3])
def test_share_of_a_simplex_on_the_negative_side(k):
    ell = np.random.default_rng(k).normal(size=(400, k + 1))
    ell = ell[(ell > 0).any(axis=1) & (ell < 0).any(axis=1)]
    points = side_quadrature(ell, "negative")
    np.testing.assert_allclose(negative_share(ell), np.bincount(points.element, points.weight), rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
def test_interface_quadrature_is_that_of_the_staircases(dim):
    random = np.random.default_rng(dim)
    ell, vertices = random.normal(size=(300, dim + 1)), random.normal(size=(300, dim + 1, dim))
    kept = (ell > 0).any(axis=1) & (ell < 0).any(axis=1)
    ell, vertices = ell[kept], vertices[kept]
    found = interface_quadrature(ell, vertices)
    area = np.zeros(len(ell))
    first = np.zeros((len(ell), dim + 1, dim + 1))
    for rows, points, p, q in classes(ell):
        for piece in pieces(p, q)["interface"]:
            corner = np.einsum("nkv,nvx->nkx", points[:, piece], vertices[rows])
            edges = corner[:, 1:] - corner[:, :1]
            size = np.sqrt(np.linalg.det(edges @ edges.transpose(0, 2, 1))) / (dim - 1)
            area[rows] += size
            # ∫ λ_v λ_w of a piece from its corners: |piece| (Σ_k c_k c_k + Σ_k c_k Σ_l c_l)/(d (d + 1)).
            c = points[:, piece]
            total = c.sum(axis=1)
            square = np.einsum("nkv,nkw->nvw", c, c) + total[:, :, None] * total[:, None, :]
            first[rows] += size[:, None, None] * square / (dim * (dim + 1))
    np.testing.assert_allclose(np.bincount(found.element, found.weight), area, rtol=1e-10)
    moments = np.zeros_like(first)
    np.add.at(
        moments,
        found.element,
        found.weight[:, None, None] * found.barycentric[:, :, None] * found.barycentric[:, None],
    )
    np.testing.assert_allclose(moments, first, atol=1e-12 * area.max())


@pytest.mark.parametrize("dim", [2, 3])
def test_extension_is_the_least_squares_one_along_the_piece(dim):
    cut = cut_of(dim)
    elements = immersed_elements(cut, debye.Medium())
    barycentric = cut.edge_points()
    given = np.isfinite(barycentric[:, :, 0])
    data = np.random.default_rng(0).normal(size=given.shape)
    found = np.einsum("nvk,nk->nv", elements.extend, data)
    area = np.bincount(*(lambda q: (q.element, q.weight))(interface_quadrature(cut.ell, cut.vertices)))
    checked = np.flatnonzero(area > 1e-3 * cut.grid.spacing ** (dim - 1))
    assert len(checked) > 0.8 * len(area)
    for row in checked:
        points = barycentric[row, given[row]] @ cut.vertices[row]
        # Minimum-norm least squares of slope and mean: the normal slope of data on a plane is 0.
        centred = points - points.mean(axis=0)
        slope = np.linalg.lstsq(centred, data[row, given[row]], rcond=1e-9)[0]
        expected = data[row, given[row]].mean() + (cut.vertices[row] - points.mean(axis=0)) @ slope
        np.testing.assert_allclose(found[row], expected, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(cut.middles(), np.nanmean(barycentric @ cut.vertices, axis=1), atol=1e-13)


@pytest.mark.parametrize("dim", [2, 3])
def test_points_and_weights_on_the_interface(dim):
    cut = cut_of(dim)
    elements = immersed_elements(cut, debye.Medium(eps_solute=2.0, eps_solvent=80.0))
    gamma = interface_quadrature(cut.ell, cut.vertices)
    points, normals, nodes, weights = forms.on_interface(
        gamma.element, gamma.barycentric, gamma.weight, cut.vertices, cut.normal, cut.nodes,
        elements.positive_part, elements.slope,
    )  # fmt: skip
    expected = np.einsum("mv,mvx->mx", gamma.barycentric, cut.vertices[gamma.element])
    np.testing.assert_allclose(points, expected, atol=1e-13)
    np.testing.assert_array_equal(normals, cut.normal[gamma.element])
    np.testing.assert_array_equal(nodes, cut.nodes[gamma.element])
    for side in (False, True):
        there = np.full(len(points), side)
        basis = elements.basis(gamma.element, gamma.barycentric, there)
        np.testing.assert_allclose(weights, gamma.weight[:, None] * basis, atol=1e-12)
