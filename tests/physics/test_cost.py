"""What a solve costs: measured on the data set's own problems, in its medium, written as it is read."""

import json

import pytest

import debye
from debye.frozen import Equation, SolverCostSlice
from debye.parameters import Grid, Medium, Solver
from debye.physics import cost
from debye.physics.sampling import make_shard
from debye.physics.solve import Prepared
from tests.physics.test_sampling import EQUATION, part


@pytest.fixture
def shard(tmp_path):
    make_shard(part("molecule", samples=4), 0, tmp_path / "shard.nc")
    return tmp_path / "shard.nc"


def test_each_shape_is_set_up_and_given_further_charges(shard, tmp_path, monkeypatch):
    solved, real = [], Prepared.solve

    def solve(self, charges, *rest):
        solved.append((self.problem.solute, charges))
        return real(self, charges, *rest)

    monkeypatch.setattr(Prepared, "solve", solve)
    cost.write_solver_cost(SolverCostSlice(code="test", equation=EQUATION), shard, tmp_path / "solver.json")
    found = json.loads((tmp_path / "solver.json").read_text(encoding="utf-8"))
    assert found["shapes"] == 4
    # One before the clock runs; then each sample, and REPEATS further charge sets on its shape.
    assert len(solved) == 1 + 4 * (1 + cost.REPEATS)
    assert len({shape for shape, _ in solved}) == 2
    assert 0 < found["warm_seconds"] < found["cold_seconds"]
    assert found["threads"] == 1
    assert found["device"]


def test_another_medium_is_refused(shard, tmp_path):
    other = Equation(
        grid=Grid(cells=32, half_width=16.0),
        medium=Medium(debye_length=4.0),
        boundary="debye-huckel",
        solver=Solver(),
    )
    with pytest.raises(debye.FormatError, match=r"grid and medium: found .*debye_length=9\.6"):
        cost.write_solver_cost(SolverCostSlice(code="test", equation=other), shard, tmp_path / "solver.json")
    assert not (tmp_path / "solver.json").exists()
