"""The penalty study's computation, the variants of the form, and the solver's default as its recommendation."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from scipy import sparse

import debye
from debye.analysis.penalty import findings, merged
from debye.config import PenaltyStudy
from debye.errors import GeometryError
from debye.families import BallFamily, ChargeSampling, StarFamily
from debye.frozen import PenaltyReportSlice, PenaltySlice
from debye.parameters import Solver
from debye.physics import penalty as penalty_module
from debye.physics.algebraic import build_hierarchy
from debye.physics.assembly import discretise
from debye.physics.conditioning import MOST_PLAIN, RTOL, iterate, spectrum, symmetric_part
from debye.physics.exact import disc_regular_potential
from debye.physics.penalty import errors, make_sweep, reference
from debye.provenance import code_digest
from tests.physics.rates import fitted_rate

VARIANTS = ("symmetric", "incomplete", "nonsymmetric")


def study_of(**changes):
    family = StarFamily(
        kind="star",
        radius=(5.5, 8.0),
        amplitude=(0.1, 0.3),
        modes=4,
        offset=(-1.0, 1.0),
        charges=ChargeSampling(count=(1, 3), magnitude=(0.02, 0.1), clearance=1.5),
    )
    settings = {
        "cells": (32,),
        "geometries": (2,),
        "contrasts": ((2.0, 80.0), (1000.0, 1.0)),
        "values": (0.0, 0.25, 1.0, 2.0, 10.0, "auto"),
    }
    parts = {
        "code": code_digest("physics"),
        "root_seed": "test",
        "geometry": "star",
        "family": family,
        "half_width": 16.0,
        "dim": 2,
        "debye_length": 9.6,
        "temperature": 298.15,
        "max_draws": 20,
        "study": PenaltyStudy(**(settings | changes.pop("study", {}))),
    }
    return PenaltySlice(**(parts | changes))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("penalty") / "star.nc"
    make_sweep(study_of(), path)
    return merged(PenaltyReportSlice(code=code_digest("analysis"), families=("star",)), [path])


def test_solver_default_is_what_the_study_recommends(study):
    """Fails where another penalty is as surely definite at a smaller product of error and iterations."""
    found = findings(study)
    assert found["recommended"] == str(Solver().penalty)
    assert found["smallest_proved_constant"] is not None


def test_study_measures_what_its_theory_says(study):
    symmetric = study.sel(variant="symmetric")
    negative = symmetric["negative_eigenvalues"]
    assert (negative.sel(penalty=["2", "10", "auto"]) == 0).all()
    assert (negative.sel(penalty="0", contrast="1000:1") > 0).any()
    # No constant that the bound calls enough is indefinite.
    for label in ("0.25", "1", "2", "10"):
        enough = study["sufficient_penalty"] <= float(label)
        assert not (negative.sel(penalty=label).where(enough) > 0).any()
    error = symmetric["error_all"]
    assert (error.sel(penalty="10") > 1.5 * error.sel(penalty="auto")).all()
    count = symmetric["multigrid_iterations"]
    assert (count.sel(penalty="10") > 1.3 * count.sel(penalty="auto")).all()
    assert (
        symmetric["eigenvalue_largest"].sel(penalty="10")
        > 3 * symmetric["eigenvalue_largest"].sel(penalty="auto")
    ).all()
    # The smooth modes do not feel the penalty.
    smallest = symmetric["eigenvalue_smallest"]
    np.testing.assert_allclose(smallest.sel(penalty="10"), smallest.sel(penalty="auto"), rtol=0.05)
    plain = symmetric["plain_iterations"].sel(penalty="auto")
    assert ((plain > count.sel(penalty="auto")) & (plain < MOST_PLAIN)).all()


def test_failed_solve_is_recorded_as_no_number(study):
    symmetric = study.sel(variant="symmetric")
    # No penalty, no definite matrix: conjugate gradients break down.
    indefinite = symmetric["negative_eigenvalues"] > 0
    assert symmetric["multigrid_iterations"].where(indefinite).isnull().all()
    assert symmetric["multigrid_iterations"].where(~indefinite, 0.0).notnull().all()


def test_a_second_run_gives_the_same_figures(study, tmp_path):
    part = study_of(
        study={"contrasts": ((1000.0, 1.0),), "values": (0.25, "auto"), "variants": ("symmetric",)}
    )
    make_sweep(part, tmp_path / "again.nc")
    with xr.open_dataset(tmp_path / "again.nc") as again:
        for name in set(again.data_vars) - {"setup_seconds", "solve_seconds"}:
            kept = {dim: again[dim].values for dim in again[name].dims}
            np.testing.assert_array_equal(again[name], study[name].sel(kept), err_msg=name)


def test_finer_grids_have_fewer_solutes_and_the_symmetric_form_alone(tmp_path):
    part = study_of(study={"cells": (16, 32), "geometries": (2, 1), "values": (1.0, "auto")},
                    family=study_of().family.model_copy(update={"amplitude": (0.05, 0.1)}))  # fmt: skip
    make_sweep(part, tmp_path / "two.nc")
    with xr.open_dataset(tmp_path / "two.nc") as dataset:
        tried = dataset["negative_eigenvalues"].notnull().isel(family=0, contrast=0, penalty=1)
        assert tried.sel(cells=16).all()
        assert tried.sel(cells=32, geometry=0).values.tolist() == [True, False, False]
        assert not tried.sel(cells=32, geometry=1).any()
        # One reference for both grids, and second order against it.
        error = dataset["error_all"].sel(variant="symmetric", geometry=0, penalty="auto", contrast="2:80")
        assert (error.sel(cells=16) > 2.5 * error.sel(cells=32)).all()


def test_family_that_no_grid_resolves_is_refused(tmp_path):
    family = study_of().family.model_copy(update={"radius": (0.3, 0.4), "charges": study_of().family.charges})
    with pytest.raises(GeometryError, match="penalty study, family star"):
        make_sweep(study_of(family=family, max_draws=2), tmp_path / "none.nc")
    assert not (tmp_path / "none.nc").exists()


def test_draw_that_the_reference_cannot_resolve_is_drawn_anew(monkeypatch):
    """And a shape whose reference is a series has no finer grid to fit."""
    grids = [debye.Grid(cells=32, half_width=16.0)]
    seen = []

    def refuses(grid, shape):
        seen.append(grid.cells)
        if grid.cells > 32 and len(seen) == 2:
            raise GeometryError("not on this grid")

    monkeypatch.setattr(penalty_module, "find_cut", refuses)
    shape, _ = penalty_module._draw(study_of(), 0, grids)
    assert seen == [32, 128, 32, 128]
    monkeypatch.setattr(penalty_module, "find_cut", lambda grid, shape: None)
    first, _ = penalty_module._draw(study_of(), 0, grids)
    assert first != shape
    seen[:] = [0, 0]
    monkeypatch.setattr(penalty_module, "find_cut", refuses)
    disc = BallFamily(kind="ball", radius=(5.0, 8.0), charges=study_of().family.charges)
    penalty_module._draw(study_of(family=disc), 0, grids)
    assert seen[2:] == [32]


def test_reference_is_much_nearer_the_truth_than_what_it_judges(linear):
    """The truth: ten times finer, with the same values on the box."""
    star = debye.Star((0.3, -0.4), 6.5, (0.12, 0.08), (0.4, 2.0))
    charges = debye.PointCharges([[2.0, 1.0], [-1.5, -2.0]], [0.1, -0.05])
    grid = debye.Grid(cells=32, half_width=16.0)

    def solved(factor):
        problem = debye.Problem(grid.refined(factor), star, charges, linear)
        return debye.solve(problem, check=False).regular[::factor, ::factor].ravel()

    truth = solved(10)
    error = [np.linalg.norm(w - truth) for w in (reference(star, charges, linear, [grid])[0], solved(1))]
    assert error[0] < error[1] / 8


def test_near_the_interface_is_within_two_cells():
    grid = debye.Grid(cells=8, half_width=4.0)
    cut = SimpleNamespace(level_set=np.array([-3.0, -1.9, 0.5, 1.9, 2.1, 5.0]))
    exact = np.ones(6)
    for node, near in enumerate([False, True, True, True, False, False]):
        values = exact + 0.5 * (np.arange(6) == node)
        found = errors(values, exact, cut, grid)
        assert found["error_all"] == pytest.approx(0.5 / np.sqrt(6))
        assert found["error_interface"] == pytest.approx(0.5 / np.sqrt(3) if near else 0.0)
        assert (found["error_solvent"] > 0) == (node >= 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_iterations_end_at_the_same_residual(variant):
    grid = debye.Grid(cells=32, half_width=16.0)
    charges = debye.PointCharges([[2.0, 1.0], [-1.5, -2.0]], [0.1, -0.05])
    medium = debye.Medium(eps_solute=1000.0, eps_solvent=1.0, ions="linear")
    discretisation = discretise(
        grid, debye.Star((0.3, -0.4), 6.5, (0.12, 0.08), (0.4, 2.0)), medium, 1.0, variant
    )
    inner = discretisation.interior
    matrix = sparse.csr_array(
        discretisation.stiffness[inner][:, inner] + sparse.diags_array(discretisation.lumped[inner])
    )
    right = discretisation.load(charges).right_hand_side[inner]
    hierarchy = build_hierarchy(symmetric_part(matrix))
    w, iterations = iterate(matrix, right, hierarchy, variant == "symmetric")
    assert np.linalg.norm(right - matrix @ w) <= 1.01 * RTOL * np.linalg.norm(right)
    assert iterations < 60


def test_spectrum_agrees_with_dense_eigenvalues():
    grid = debye.Grid(cells=16, half_width=16.0)
    medium = debye.Medium(eps_solute=1000.0, eps_solvent=1.0, debye_length=np.inf)
    star = debye.Star((0.3, -0.4), 6.5, (0.12, 0.08), (0.4, 2.0))
    signs = set()
    for penalty in (0.0, "auto"):
        discretisation = discretise(grid, star, medium, penalty)
        inner = discretisation.interior
        matrix = sparse.csr_array(discretisation.stiffness[inner][:, inner])
        exact = np.linalg.eigvalsh(matrix.toarray())
        found = spectrum(matrix)
        assert found["negative_eigenvalues"] == (exact < 0).sum()
        assert found["eigenvalue_smallest"] == pytest.approx(exact[0], rel=1e-2)
        assert found["eigenvalue_largest"] == pytest.approx(exact[-1], rel=1e-2)
        signs.add(bool(exact[0] < 0))
    assert signs == {True, False}


def test_variants_differ_in_the_second_consistency_term_alone():
    grid = debye.Grid(cells=16, half_width=16.0)
    matrix = {
        v: discretise(grid, debye.Ball((0.3, 0.1), 8.0), debye.Medium(), 1.0, v).stiffness for v in VARIANTS
    }
    scale = abs(matrix["symmetric"]).max()
    assert abs(matrix["symmetric"] - matrix["symmetric"].T).max() < 1e-13 * scale
    assert abs(matrix["nonsymmetric"] - matrix["nonsymmetric"].T).max() > 1e-3 * scale
    mean = 0.5 * (matrix["symmetric"] + matrix["nonsymmetric"])
    assert abs(mean - matrix["incomplete"]).max() < 1e-13 * scale
    # The change is the transpose of the first consistency term.
    second = 0.5 * (matrix["nonsymmetric"] - matrix["symmetric"])
    first = matrix["nonsymmetric"] - matrix["nonsymmetric"].T
    assert abs(first - 2 * (second - second.T)).max() < 1e-13 * scale


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_second_order_with_a_jump(variant, charges, linear):
    """With J0 ≠ 0: so the bubble's facet terms follow the variant as the basis' do."""
    cells, errors = (24, 32, 48, 64, 96), []
    for n in cells:
        grid = debye.Grid(cells=n, half_width=16.0)
        discretisation = discretise(grid, debye.Ball((0.0, 0.0), 8.0), linear, 1.0, variant)
        exact = disc_regular_potential(grid.points(), 8.0, charges, linear)
        inner = discretisation.interior
        rows = discretisation.stiffness[inner]
        matrix = rows[:, inner] + sparse.diags_array(discretisation.lumped[inner])
        right = discretisation.load(charges).right_hand_side[inner] - rows[:, ~inner] @ exact[~inner]
        w = sparse.linalg.spsolve(matrix.tocsc(), right)
        errors.append(np.linalg.norm(w - exact[inner]) / np.linalg.norm(exact))
    rate, table = fitted_rate(cells, errors)
    assert rate > 1.7, table
    assert errors[-1] < 5e-4
