import math

import numpy as np
import pytest

import debye
from debye import schema


def test_a_thin_boundary_layer_is_said_in_report_and_data_set(problem):
    strong = debye.PointCharges([[0.0, 0.0]], [9.0])
    solution = debye.solve(problem(64, charges=strong))
    assert solution.report.layer_cells < 1.0
    assert any(
        "boundary layer" in warning and "more cells" in warning for warning in solution.report.warnings
    )
    dataset = solution.to_dataset()
    schema.validate(dataset)
    assert dataset["layer_cells"].item() == solution.report.layer_cells
    assert "boundary layer" in dataset["warnings"].item()


def test_a_resolved_layer_needs_no_word(problem):
    solution = debye.solve(problem(64))
    assert solution.report.warnings == ()
    assert solution.to_dataset()["warnings"].item() == ""
    u = np.abs(solution.interface().potential_solvent).max()
    assert solution.report.layer_cells == pytest.approx(9.6 / 0.5 / np.sqrt(np.cosh(u)), rel=0.05)


@pytest.mark.parametrize("length", [0.3, 0.7, math.inf])
def test_linear_ions_have_the_debye_length_itself(problem, length):
    solution = debye.solve(problem(64, medium=debye.Medium(debye_length=length, ions="linear")))
    assert solution.report.layer_cells == pytest.approx(length / 0.5)
    assert bool(solution.report.warnings) == (length < 0.5)


def test_the_layer_is_resolved_where_the_warning_ends(problem):
    # One charge after another, up to where the solution warns: there the error in the solvent is still small.
    errors = {}
    for charge in (0.3, 1.0, 3.0):
        charges = debye.PointCharges([[0.0, 0.0]], [charge])
        coarse, fine = (debye.solve(problem(cells, charges=charges)) for cells in (32, 128))
        solvent = coarse.level_set > 0
        gap = (coarse.regular - fine.regular[::4, ::4])[solvent]
        errors[bool(coarse.report.warnings)] = np.linalg.norm(gap) / np.linalg.norm(
            fine.regular[::4, ::4][solvent]
        )
    assert errors[False] < 0.02 < errors[True]


def test_a_charge_near_the_interface_is_said(problem):
    near = debye.solve(problem(64, charges=debye.PointCharges([[1.0, 0.0], [7.3, 0.0]], [0.1, 0.1])))
    assert any(w.startswith("charge 1:") and "reaction energy" in w for w in near.report.warnings)
