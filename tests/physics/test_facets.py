"""The least penalty of a facet: sharp facet by facet, and enough for every shape, contrast and dimension."""

import numpy as np
import pytest
from scipy import sparse

import debye
from debye.families import ChargeSampling, StarFamily
from debye.parameters import Solver
from debye.physics import facets as facets_module
from debye.physics.assembly import discretise
from debye.physics.conditioning import spectrum
from debye.physics.cut import find_cut
from debye.physics.drawing import draw_shape
from debye.physics.facets import find_facets
from debye.seeds import generator
from tests.physics.staircases import side_quadrature

STARS = StarFamily(
    kind="star",
    radius=(5.5, 8.5),
    amplitude=(0.05, 0.3),
    modes=4,
    offset=(-1.0, 1.0),
    charges=ChargeSampling(count=(1, 1), magnitude=(0.1, 0.1), clearance=1.0),
)
CONTRASTS = [(1.0, 1000.0), (1000.0, 1.0)]


def star(number):
    return draw_shape(STARS, 2, generator("facets", number))


def medium(low, high):
    """Without ions: they only add to the matrix."""
    return debye.Medium(eps_solute=low, eps_solvent=high, debye_length=np.inf, ions="linear")


def inner(discretisation, matrix=None):
    """A matrix on the unknowns."""
    matrix = discretisation.stiffness if matrix is None else matrix
    nodes = discretisation.interior
    return sparse.csr_array(matrix[nodes][:, nodes])


def negative(cells, shape, contrast, penalty):
    grid = debye.Grid(cells=cells, half_width=16.0)
    return spectrum(inner(discretise(grid, shape, medium(*contrast), penalty)))["negative_eigenvalues"]


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_default_penalty_is_definite_on_200_random_stars(contrast):
    """And without a penalty it is not, on the same stars."""
    penalty = Solver().penalty
    cells = [48 if number % 5 == 0 else 32 for number in range(200)]
    found = [negative(n, star(number), contrast, penalty) for number, n in enumerate(cells)]
    assert not any(found)
    assert sum(negative(32, star(number), contrast, 0.0) > 0 for number in range(20)) >= 5


@pytest.mark.parametrize("contrast", [(1.0, 1e6), (1e6, 1.0)])
def test_auto_is_definite_where_a_small_constant_is_not(contrast):
    assert not any(negative(32, star(number), contrast, "auto") for number in range(20))
    assert any(negative(32, star(number), contrast, 0.1) for number in range(20))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_auto_is_definite_in_3d(contrast):
    grid = debye.Grid(cells=12, half_width=8.0, dim=3)
    ball = debye.Ball((0.3, 0.2, 0.1), 5.0)
    assert spectrum(inner(discretise(grid, ball, medium(*contrast), "auto")))["negative_eigenvalues"] == 0
    assert spectrum(inner(discretise(grid, ball, medium(*contrast), 0.0)))["negative_eigenvalues"] > 0


@pytest.mark.parametrize("variant", ["symmetric", "incomplete", "nonsymmetric"])
def test_the_promised_share_of_the_energy_stays(variant):
    """a(v, v) ≥ γ Σ_T ∫ ε|∇v|²: the matrix minus γ times the energy's has no negative eigenvalue."""
    grid = debye.Grid(cells=32, half_width=16.0)
    for number in range(5):
        auto = discretise(grid, star(number), medium(1000.0, 1.0), "auto", variant)
        nodes = auto.cut.nodes
        rows = np.repeat(nodes, 3, axis=1).ravel()
        columns = np.tile(nodes, (1, 3)).ravel()
        cut = sparse.coo_array((auto.energy.ravel(), (rows, columns)), shape=auto.stiffness.shape)
        energy = inner(auto, (auto.uncut + cut).tocsr())
        whole = inner(auto)
        kept = 0.5 * (whole + whole.T) - 0.999 * facets_module.COERCIVITY * energy
        assert spectrum(sparse.csr_array(kept))["negative_eigenvalues"] == 0


def mean_sigma():
    """Mean σ of auto on three stars at 2:80."""
    grid = debye.Grid(cells=32, half_width=16.0)
    sigma = []
    for number in range(3):
        auto, one = (discretise(grid, star(number), medium(2.0, 80.0), penalty) for penalty in ("auto", 1.0))
        sigma.append(auto.facet_basis[3] / one.facet_basis[3])
    return np.concatenate(sigma).mean()


def test_the_reserve_for_round_off_is_there_and_cheap(monkeypatch):
    """γ above zero; and the penalty that it costs beside γ = 0."""
    assert facets_module.COERCIVITY > 0.01
    ours = mean_sigma()
    monkeypatch.setattr(facets_module, "COERCIVITY", 0.0)
    assert 1.05 < ours / mean_sigma() < 1.5


def test_claims_halve_the_penalty_of_equal_shares(monkeypatch):
    ours = mean_sigma()
    monkeypatch.setattr(facets_module, "PASSES", 0)
    assert ours < 0.6 * mean_sigma()


def patches(facets, energy, *functionals):
    """Matrices (f, d+2, d+2) of both simplices and functionals (f, d+2) on the d + 2 nodes around each facet."""
    count, dim = facets.local_first.shape
    places = []
    for local, apex in ((facets.local_first, dim), (facets.local_second, dim + 1)):
        place = np.full((count, dim + 1), apex)
        np.put_along_axis(place, local, np.broadcast_to(np.arange(dim), local.shape), axis=1)
        places.append((place[:, :, None] == np.arange(dim + 2)).astype(float))
    energies = [
        np.swapaxes(place, 1, 2) @ energy[rows] @ place
        for rows, place in zip((facets.first, facets.second), places, strict=True)
    ]
    both = [
        np.einsum("fv,fvm->fm", one[:, : dim + 1], places[0])
        + np.einsum("fv,fvm->fm", one[:, dim + 1 :], places[1])
        for one in functionals
    ]
    return energies, both


def shares(facets, claim):
    """Shares of their energies that the two simplices of each facet give it, each (f,)."""
    total = np.bincount(np.concatenate([facets.first, facets.second]), np.concatenate([claim, claim]))
    return [(1 - facets_module.COERCIVITY) * claim / total[rows] for rows in (facets.first, facets.second)]


@pytest.mark.parametrize("contrast", [(2.0, 80.0), *CONTRASTS])
@pytest.mark.parametrize("dim", [2, 3])
def test_bound_is_sharp_on_each_facet(contrast, dim, monkeypatch):
    """Brute force: the patch's form has no negative eigenvalue at τ, and one at 0.98 τ."""
    monkeypatch.setattr(facets_module, "PASSES", 0)
    grid = debye.Grid(cells=24 if dim == 2 else 8, half_width=16.0, dim=dim)
    shape = star(1) if dim == 2 else debye.Ball((0.3, 0.2, 0.1), 8.0)
    auto = discretise(grid, shape, medium(*contrast), "auto")
    facets = auto.facets
    _, jump, flux, tau = auto.facet_basis
    energies, both = patches(facets, auto.energy, jump, flux)
    needed = np.flatnonzero(tau > 1e-3 * tau.max())
    assert len(needed) > 5
    share = shares(facets, np.ones(len(tau)))
    for row in needed:
        energy = share[0][row] * energies[0][row] + share[1][row] * energies[1][row]
        j, q = both[0][row], both[1][row]
        smallest = [
            np.linalg.eigvalsh((energy - np.outer(j, q) - np.outer(q, j) + t * np.outer(j, j))[1:, 1:])[0]
            for t in (tau[row], 0.98 * tau[row])
        ]
        scale = np.abs(energy).max()
        assert smallest[0] > -1e-9 * scale
        assert smallest[1] < 0


@pytest.mark.parametrize(
    ("contrast", "variant"),
    [
        ((2.0, 80.0), "symmetric"),
        *((contrast, variant) for contrast in CONTRASTS for variant in ("symmetric", "incomplete")),
    ],
)
@pytest.mark.parametrize("dim", [2, 3])
def test_condensed_penalty_is_that_of_the_whole_patches(contrast, dim, variant):
    """The formula of the module's first lines with a linear solve on the d + 1 free nodes of each patch."""
    grid = debye.Grid(cells=24 if dim == 2 else 10, half_width=16.0, dim=dim)
    shape = star(2) if dim == 2 else debye.Ball((0.3, 0.2, 0.1), 8.0)
    auto, one = (discretise(grid, shape, medium(*contrast), sigma, variant) for sigma in ("auto", 1.0))
    facets = auto.facets
    _, jump, flux, tau = auto.facet_basis
    theta = {"symmetric": -1.0, "incomplete": 0.0}[variant]
    energies, (j, q) = patches(facets, auto.energy, jump, 0.5 * (1 - theta) * flux)
    claim = np.ones(len(tau))
    for _ in range(facets_module.PASSES + 1):
        share = shares(facets, claim)
        patch = sum(part[:, None, None] * energy for part, energy in zip(share, energies, strict=True))
        functionals = np.stack([j, q], axis=2)[:, 1:]
        gram = np.swapaxes(functionals, 1, 2) @ np.linalg.solve(patch[:, 1:, 1:], functionals)
        expected = np.maximum(gram[:, 1, 1] - (1 - gram[:, 0, 1]) ** 2 / gram[:, 0, 0], 0.0)
        claim = np.sqrt(claim * np.sqrt(expected / one.facet_basis[3] + facets_module.SPARE))
    np.testing.assert_allclose(tau, expected, rtol=1e-7, atol=1e-9 * expected.max())
    assert tau.any()


@pytest.mark.parametrize("dim", [2, 3])
def test_facets_are_those_that_two_cut_simplices_share_and_the_interface_crosses(dim):
    grid = debye.Grid(cells=12, half_width=8.0, dim=dim)
    cut = find_cut(grid, debye.Ball((0.31, 0.2, -0.1)[:dim], 4.7))
    facets = find_facets(cut)
    sides = {}
    for row, nodes in enumerate(cut.nodes.tolist()):
        for dropped in range(dim + 1):
            facet = tuple(sorted(nodes[:dropped] + nodes[dropped + 1 :]))
            if len(set((cut.level_set[list(facet)] > 0).tolist())) == 2:
                sides.setdefault(facet, []).append(row)
    assert all(len(rows) == 2 for rows in sides.values())
    found = {}
    for f in range(len(facets.first)):
        nodes = cut.nodes[facets.first[f]][facets.local_first[f]]
        assert (nodes == cut.nodes[facets.second[f]][facets.local_second[f]]).all()
        found[tuple(sorted(nodes.tolist()))] = [facets.first[f], facets.second[f]]
    assert len(found) == len(facets.first)
    assert found == sides


@pytest.mark.parametrize("dim", [2, 3])
def test_integrals_of_the_hinge_are_those_of_a_quadrature_and_normals_leave_the_first_simplex(dim):
    grid = debye.Grid(cells=12, half_width=8.0, dim=dim)
    cut = find_cut(grid, debye.Ball((0.31, 0.2, -0.1)[:dim], 4.7))
    facets = find_facets(cut)
    level = facets.level_first
    corners = cut.vertices[facets.first[:, None], facets.local_first]
    edges = corners[:, 1:] - corners[:, :1]
    area = np.sqrt(np.linalg.det(edges @ np.swapaxes(edges, 1, 2))) / (dim - 1)
    both = np.zeros(len(area))
    for side, found in (("negative", facets.hinge_negative), ("positive", facets.hinge_positive)):
        points = side_quadrature(level, side)
        values = (points.barycentric * level[points.element]).sum(axis=1)
        hinge = np.maximum(values, 0) - (points.barycentric * np.maximum(level, 0)[points.element]).sum(
            axis=1
        )
        expected = np.bincount(points.element, points.weight * hinge)
        np.testing.assert_allclose(found, area * expected, atol=1e-13)
        both += np.bincount(points.element, points.weight * hinge**2)
    np.testing.assert_allclose(facets.hinge_square, area * both, atol=1e-13)
    np.testing.assert_allclose(
        (facets.normal[:, None] * edges.transpose(1, 0, 2)[0][:, None]).sum(axis=2), 0, atol=1e-12
    )
    outward = corners.mean(axis=1) - cut.vertices[facets.first].mean(axis=1)
    assert ((outward * facets.normal).sum(axis=1) > 0).all()
    np.testing.assert_allclose((facets.normal**2).sum(axis=1), 1.0)
    other = cut.ell[facets.second[:, None], facets.local_second]
    np.testing.assert_allclose(other, facets.scale[:, None] * level, atol=1e-9)


def test_equal_permittivities_need_no_penalty():
    grid = debye.Grid(cells=32, half_width=16.0)
    assert not discretise(grid, star(0), medium(7.0, 7.0), "auto").facet_basis[3].any()


def test_nonsymmetric_form_needs_no_penalty_and_the_incomplete_less_than_the_symmetric():
    grid = debye.Grid(cells=32, half_width=16.0)
    total = [
        discretise(grid, star(0), medium(1000.0, 1.0), "auto", variant).facet_basis[3].sum()
        for variant in ("symmetric", "incomplete", "nonsymmetric")
    ]
    assert total[0] > 4 * total[1] > 0
    assert total[2] == 0


def test_constant_that_is_enough_everywhere(monkeypatch):
    """The bound of docs/penalty.md: with γ = 0 and equal shares no facet asks for more than 3/√2."""
    monkeypatch.setattr(facets_module, "COERCIVITY", 0.0)
    monkeypatch.setattr(facets_module, "PASSES", 0)
    most = 0.0
    for number in range(40):
        grid = debye.Grid(cells=32 + 8 * (number % 5), half_width=16.0)
        for contrast in ((1.0, 1e6), (1e6, 1.0)):
            auto, one = (discretise(grid, star(number), medium(*contrast), p) for p in ("auto", 1.0))
            most = max(most, (auto.facet_basis[3] / one.facet_basis[3]).max())
    assert 1.0 < most < 3 / np.sqrt(2)
