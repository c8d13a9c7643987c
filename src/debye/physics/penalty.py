"""The penalty study: what σ and the variant of the form do to the error, to the spectrum and to the iterations.

Random solutes of one family, drawn as samples are, each with random charges and linear ions, are solved on several
grids for several contrasts ε⁻:ε⁺, penalties and variants. The error is measured against the exact series where the
solute is a disc or a ball, and otherwise against the solution on a grid `REFINE` times finer than the finest that the
solute is solved on, at the penalty "auto".

The spectrum is that of the matrix without its ionic term, which only adds to it: definite there is definite for every
Debye length. Of the variants that are not symmetric it is that of the symmetric part, in which the form's coercivity
lies, and flexible GMRES takes the place of conjugate gradients; both end at the same norm of the same residual.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from debye import schema
from debye.errors import GeometryError, explain
from debye.frozen import PenaltySlice
from debye.parameters import Grid, Medium, Solver
from debye.physics.algebraic import build_hierarchy
from debye.physics.assembly import Discretisation, Load, Variant, discretise
from debye.physics.charges import PointCharges
from debye.physics.conditioning import MOST_PLAIN, RTOL, iterate, spectrum, symmetric_part
from debye.physics.cut import Cut, find_cut
from debye.physics.drawing import draw_shape
from debye.physics.exact import ball_regular_potential, disc_regular_potential
from debye.physics.problem import Problem
from debye.physics.sampling import draw_charges
from debye.physics.shapes import Ball, Shape
from debye.physics.solve import solve
from debye.progress import track
from debye.seeds import generator
from debye.store import write

Floats = NDArray[np.float64]

REFINE = 4
"""How many times finer the grid of a reference solution is; its own error is about a 16th."""

NEAR = 2.0
"""Nodes closer to the interface than this are near it, in cells."""

CASE = ("contrast", "cells", "penalty", "variant", "geometry")
UNITS_AND_NAMES: dict[str, tuple[str, str]] = {
    "error_all": ("1", "relative L2 error of w at all nodes"),
    "error_solvent": ("1", "relative L2 error of w at the nodes in the solvent"),
    "error_interface": ("1", f"relative L2 error of w at the nodes within {NEAR:g} cells of the interface"),
    "eigenvalue_smallest": ("1", "smallest eigenvalue of the symmetric part without the ionic term"),
    "eigenvalue_largest": ("1", "largest eigenvalue of the symmetric part without the ionic term"),
    "negative_eigenvalues": ("1", "eigenvalues ≤ 0 of the symmetric part without the ionic term"),
    "multigrid_iterations": (
        "1",
        f"iterations under algebraic multigrid until |b - Mw| ≤ {RTOL:g} |b|: CG, or flexible GMRES if not symmetric",
    ),
    "plain_iterations": ("1", f"iterations of CG without preconditioner; {MOST_PLAIN} where it was given up"),
    "setup_seconds": ("s", "wall time of the matrix and the multigrid hierarchy"),
    "solve_seconds": ("s", "wall time of the iterations under multigrid"),
}


@dataclass(frozen=True)
class Sweep:
    """One solute with its charges on one grid in one medium: what every penalty and variant is tried on."""

    grid: Grid
    shape: Shape
    medium: Medium
    charges: PointCharges
    boundary: Floats
    """Values on the box, shape (boundary nodes,)."""
    reference: Floats
    """w at the nodes, shape (nodes,)."""


def make_sweep(part: PenaltySlice, out: Path) -> None:
    """Run the study of one family and write it; the file appears whole or not at all.

    Raises
    ------
    GeometryError
        If no shape of the family is resolved by every grid, that of the reference too, in `max_draws` draws.
    """
    study = part.study
    shape = (
        len(study.contrasts), len(study.cells), len(study.values), len(study.variants), study.geometries[0]
    )  # fmt: skip
    content = {name: np.full(shape, np.nan) for name in UNITS_AND_NAMES}
    bound = np.full((shape[0], shape[1], shape[4]), np.nan)
    total = shape[0] * sum(study.geometries)
    with threadpool_limits(limits=1, user_api="blas"):
        for where, sweep in track(sweeps(part), total, f"penalty study, {part.geometry}"):
            contrast, cells, geometry = where
            bound[where] = least_constant(sweep)
            for number, value in enumerate(study.values):
                for kind, variant in enumerate(study.variants):
                    if variant == "symmetric" or cells == 0:
                        place = (contrast, cells, number, kind, geometry)
                        for name, result in measure(sweep, value, variant).items():
                            content[name][place] = result
    write(_dataset(part, content, bound), out)


def sweeps(part: PenaltySlice) -> Iterator[tuple[tuple[int, int, int], Sweep]]:
    """Solutes on their grids, with their positions along (contrast, cells, geometry)."""
    study = part.study
    for geometry in range(study.geometries[0]):
        levels = [level for level, count in enumerate(study.geometries) if geometry < count]
        grids = [Grid(cells=study.cells[level], half_width=part.half_width, dim=part.dim) for level in levels]
        shape, charges = _draw(part, geometry, grids)
        for contrast, (low, high) in enumerate(study.contrasts):
            medium = Medium(
                eps_solute=low,
                eps_solvent=high,
                debye_length=part.debye_length,
                temperature=part.temperature,
                ions="linear",
            )
            exact = reference(shape, charges, medium, grids)
            for level, grid, values in zip(levels, grids, exact, strict=True):
                edge = _edge(grid)
                yield (contrast, level, geometry), Sweep(grid, shape, medium, charges, values[edge], values)


def _edge(grid: Grid) -> NDArray[np.bool_]:
    """True at the nodes of the box's boundary, flat."""
    edge = np.ones(grid.shape, dtype=bool)
    edge[(slice(1, -1),) * grid.dim] = False
    return edge.ravel()


def _draw(part: PenaltySlice, geometry: int, grids: list[Grid]) -> tuple[Shape, PointCharges]:
    """A shape that every grid resolves, that of its reference too, and its charges."""
    reason: GeometryError | None = None
    for attempt in range(part.max_draws):
        words = (part.root_seed, "penalty", part.geometry, geometry, attempt)
        try:
            shape = draw_shape(part.family, part.dim, generator(*words, "shape"))
            for grid in grids if isinstance(shape, Ball) else (*grids, _finest(grids)):
                find_cut(grid, shape)
            return shape, draw_charges(shape, part.family, grids[0], generator(*words, "charges"))[0]
        except GeometryError as error:
            reason = error
    raise GeometryError(
        explain(f"penalty study, family {part.geometry}", f"{part.max_draws} refused draws (the last: {reason})",
                "a draw that is accepted", "narrow the family's ranges or refine the study's coarsest grid")
    )  # fmt: skip


def _finest(grids: list[Grid]) -> Grid:
    """Grid of a reference solution."""
    return grids[-1].refined(REFINE)


def reference(shape: Shape, charges: PointCharges, medium: Medium, grids: list[Grid]) -> list[Floats]:
    """Reference w at the nodes of each grid, flat: the series of a disc or ball, or a finer grid's solution.

    The series is that of the whole space, so its values stand on the box too; a finer grid has the values of
    "debye-huckel" there, as every grid.
    """
    if isinstance(shape, Ball):
        series = disc_regular_potential if grids[0].dim == 2 else ball_regular_potential
        center = np.asarray(shape.center)
        moved = replace(charges, positions=charges.positions - center)
        return [series(grid.points() - center, shape.radius, moved, medium) for grid in grids]
    finest = _finest(grids)
    problem = Problem(finest, shape, charges, medium, "debye-huckel")
    w = solve(problem, solver=Solver(rtol=1e-10, penalty="auto")).regular
    steps = [finest.cells // grid.cells for grid in grids]
    return [w[(slice(None, None, step),) * finest.dim].ravel() for step in steps]


def least_constant(sweep: Sweep) -> float:
    """The largest σ that "auto" gives a facet: a constant σ at least as large is proved definite here."""
    auto = discretise(sweep.grid, sweep.shape, sweep.medium, "auto")
    one = discretise(sweep.grid, sweep.shape, sweep.medium, 1.0)
    return float(np.max(auto.facet_basis[3] / one.facet_basis[3]))


def measure(sweep: Sweep, penalty: Any, variant: Variant) -> dict[str, float]:
    """Everything that the study records of one case; NaN where a solve did not converge."""
    start = time.perf_counter()
    discretisation = discretise(sweep.grid, sweep.shape, sweep.medium, penalty, variant)
    load = discretisation.load(sweep.charges)
    matrix, right, bare = _equation(discretisation, load, sweep.boundary)
    symmetric = variant == "symmetric"
    hierarchy = build_hierarchy(matrix if symmetric else symmetric_part(matrix))
    built = time.perf_counter()
    w, iterations = iterate(matrix, right, hierarchy, symmetric)
    found = {"setup_seconds": built - start, "solve_seconds": time.perf_counter() - built}
    found["multigrid_iterations"] = iterations
    if symmetric:
        found["plain_iterations"] = iterate(matrix, right, None, symmetric)[1]
    found |= spectrum(bare if symmetric else symmetric_part(bare))
    values = np.array(sweep.reference)
    values[discretisation.interior] = w
    return found | errors(values, sweep.reference, discretisation.cut, sweep.grid)


def _equation(
    discretisation: Discretisation, load: Load, boundary: Floats
) -> tuple[sparse.csr_array, Floats, sparse.csr_array]:
    """Matrix and right-hand side of the linear equation, and the matrix without its ionic term."""
    inner = discretisation.interior
    rows = discretisation.stiffness[inner]
    bare = rows[:, inner].tocsr()
    whole = sparse.csr_array(bare + sparse.diags_array(discretisation.lumped[inner]))
    return whole, load.right_hand_side[inner] - rows[:, ~inner] @ boundary, bare


def errors(values: Floats, exact: Floats, cut: Cut, grid: Grid) -> dict[str, float]:
    """Relative L2 errors of nodal values, each over the norm of the reference at the same nodes."""
    level = cut.level_set
    regions = {
        "all": np.ones(len(level), dtype=bool),
        "solvent": level > 0,
        "interface": np.abs(level) < NEAR * grid.spacing,
    }
    return {
        f"error_{name}": float(np.linalg.norm((values - exact)[nodes]) / np.linalg.norm(exact[nodes]))
        for name, nodes in regions.items()
    }


def _dataset(part: PenaltySlice, content: dict[str, Floats], bound: Floats) -> xr.Dataset:
    study = part.study
    variables: dict[str, Any] = {}
    for name, (units, meaning) in UNITS_AND_NAMES.items():
        variables[name] = (("family", *CASE), content[name][None], {"units": units, "long_name": meaning})
    variables["sufficient_penalty"] = (
        ("family", "contrast", "cells", "geometry"),
        bound[None],
        {"units": "1", "long_name": "constant σ from which on the symmetric form is proved definite"},
    )
    coordinates: dict[str, Any] = {
        "family": ("family", [part.geometry], {"long_name": "geometry family"}),
        "contrast": (
            "contrast",
            list(study.contrast_labels),
            {"long_name": "relative permittivities, solute:solvent"},
        ),
        "cells": ("cells", list(study.cells), {"units": "1", "long_name": "cells along each axis"}),
        "penalty": (
            "penalty",
            list(study.labels),
            {"long_name": "σ; auto: on each facet the least that keeps the form definite"},
        ),
        "variant": ("variant", list(study.variants), {"long_name": "variant of the interior penalty"}),
        "geometry": (
            "geometry",
            np.arange(study.geometries[0]),
            {"long_name": "number of the random solute within its family"},
        ),
    }
    title = f"Debye penalty study, {part.geometry}"
    attributes = schema.root_attributes(title, part.model_dump_json(), part.code, {})
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)
