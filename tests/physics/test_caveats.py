import math

import numpy as np
import pytest

import debye
from debye import schema
from debye.physics.exact import radial_potential


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
    assert solution.report.layer_cells == pytest.approx(9.6 / 0.5 / np.sqrt(np.cosh(u)), rel=0.1)


@pytest.mark.parametrize("length", [0.3, 0.9, 1.1, math.inf])
def test_linear_ions_have_the_debye_length_itself(problem, length):
    solution = debye.solve(problem(64, medium=debye.Medium(debye_length=length, ions="linear")))
    assert solution.report.layer_cells == pytest.approx(length / 0.5)
    assert bool(solution.report.warnings) == (length < 1.0)


@pytest.mark.parametrize("charge", [0.83, 8.97])
def test_cells_across_the_layer_are_near_those_of_the_exact_solution(charge):
    medium = debye.Medium()
    u = radial_potential(8.0, charge, medium, 40.0)
    true = 9.6 / np.sqrt(np.cosh(u(np.array([8.0]))[0]))
    for cells in (32, 64, 128):
        problem = debye.Problem(
            debye.Grid(cells=cells, half_width=16.0),
            debye.Ball((0.3, -0.2), 8.0),
            debye.PointCharges([[0.3, -0.2]], [charge]),
            medium,
            lambda points: u(np.hypot(points[:, 0] - 0.3, points[:, 1] + 0.2)),
        )
        found = debye.solve(problem).report.layer_cells
        assert 0.95 < found / (true * cells / 32.0) < 2.0


def test_debye_hueckel_values_that_are_no_boundary_values_are_said(problem):
    strong, weak = ([debye.PointCharges([[0.0, 0.0]], [q])] for q in (3.0, 0.05))
    for charges, said in ((strong[0], True), (weak[0], False)):
        report = debye.solve(problem(64, charges=charges)).report
        assert any(warning.startswith("boundary:") for warning in report.warnings) == said
    # Zero, one's own values, or linear ions make no such claim.
    for changes in ({"boundary": "zero"}, {"medium": debye.Medium(ions="linear")}):
        report = debye.solve(problem(64, charges=strong[0], **changes)).report
        assert not any(warning.startswith("boundary:") for warning in report.warnings)


def test_a_charge_near_the_interface_is_said(problem):
    near = debye.solve(problem(64, charges=debye.PointCharges([[1.0, 0.0], [7.1, 0.0]], [0.1, 0.1])))
    assert any(w.startswith("charge 1: 1.8 cells") and "reaction energy" in w for w in near.report.warnings)
    both = debye.PointCharges([[0.0, 7.2], [7.3, 0.0]], [0.1, 0.1])
    warning = " ".join(debye.solve(problem(64, charges=both)).report.warnings)
    assert "charge 1: 1.4 cells from the interface (and 1 more" in warning
    far = debye.solve(problem(64, charges=debye.PointCharges([[6.9, 0.0]], [0.1])))
    assert far.report.warnings == ()
