import json
import tracemalloc

import numpy as np
import pytest

import debye
from debye import schema, streaming
from debye.config import Floor
from debye.families import BallFamily, ChargeSampling, EllipsoidFamily, MoleculeFamily, StarFamily
from debye.frozen import Equation, FloorSlice, ShardSlice
from debye.parameters import Grid, Medium, Solver
from debye.physics import sampling
from debye.physics.depth import distance_inside
from debye.physics.floor import make_floor, rebuild_shape
from debye.physics.sampling import make_shard, samples
from debye.store import open_dataset, open_raw

CHARGES = ChargeSampling(count=(1, 4), magnitude=(0.02, 0.1), clearance=1.5)
FAMILIES = {
    "disc": BallFamily(kind="ball", radius=(5, 8), offset=(-2, 2), charges=CHARGES),
    "ellipse": EllipsoidFamily(
        kind="ellipsoid", semi_axis=(6, 9), aspect=(0.5, 1), offset=(-2, 2), charges=CHARGES
    ),
    "star": StarFamily(kind="star", radius=(5, 8), amplitude=(0.1, 0.3), modes=4, charges=CHARGES),
    "molecule": MoleculeFamily(
        kind="molecule",
        atoms=(2, 7),
        radius=(2.8, 3.8),
        bond=(0.4, 0.8),
        reach=11,
        offset=(-2, 2),
        charges=CHARGES,
    ),
}
EQUATION = Equation(
    grid=Grid(cells=32, half_width=16.0), medium=Medium(), boundary="debye-huckel", solver=Solver()
)


def part(geometry="star", **changes):
    keys = {
        "code": "test", "root_seed": "root", "split": "train", "geometry": geometry, "family": FAMILIES[geometry],
        "equation": EQUATION, "charges_per_shape": 2, "max_draws": 50, "samples": 6,
    }  # fmt: skip
    return ShardSlice(**(keys | changes))


@pytest.mark.parametrize("geometry", FAMILIES)
def test_a_sample_does_not_depend_on_its_neighbours_or_the_shard(geometry):
    whole = {draw.index: draw.solution for draw in samples(part(geometry), 3, range(5))}
    for start in (1, 2, 4):
        again = next(iter(samples(part(geometry, samples=1000), 3, range(start, start + 1))))
        np.testing.assert_array_equal(again.solution.regular, whole[start].regular)
        np.testing.assert_array_equal(
            again.solution.problem.charges.positions, whole[start].problem.charges.positions
        )
    assert whole[0].problem.solute == whole[1].problem.solute
    assert whole[1].problem.solute != whole[2].problem.solute


def test_root_seed_split_family_and_seed_all_count():
    def first(seed=3, **changes):
        draw = next(iter(samples(part(**changes), seed, range(1))))
        return draw.solution.problem.charges.positions[0]

    others = [first(seed=4), first(root_seed="other"), first(split="test"), first(geometry="disc")]
    assert all(not np.array_equal(first(), other) for other in others)
    np.testing.assert_array_equal(first(), first())


@pytest.mark.parametrize("geometry", FAMILIES)
def test_draws_keep_their_ranges_and_the_clearance(geometry):
    numbers = set()
    for draw in samples(part(geometry), 0, range(24)):
        problem = draw.solution.problem
        charges = problem.charges
        numbers.add(len(charges))
        assert (distance_inside(problem.solute, charges.positions, 1.0) >= CHARGES.clearance).all()
        assert ((np.abs(charges.values) >= 0.02) & (np.abs(charges.values) <= 0.1)).all()
        low, high = problem.solute.bounds
        assert (low > -16).all()
        assert (high < 16).all()
    assert numbers == {1, 2, 3, 4}


def test_refused_draws_are_counted_and_replaced(tmp_path):
    # Most discs of this family have no room for a charge at this clearance; charges by the boundary are refused too.
    tight = ChargeSampling(count=(2, 2), magnitude=(0.05, 0.05), clearance=4.0)
    family = BallFamily(kind="ball", radius=(3.0, 5.5), offset=(-1, 1), charges=tight)
    make_shard(part("disc", family=family, samples=8), 0, tmp_path / "shard.nc")
    dataset = open_dataset(tmp_path / "shard.nc")
    assert int(dataset["rejected_shapes"].sum()) > 0
    assert int(dataset["rejected_charges"].sum()) > 0
    radius = dataset["geometry_parameter"].values[:, schema.parameter_names(dataset)["disc"].index("radius")]
    assert (radius > 4.0).all()


def test_an_impossible_family_is_given_up_with_a_reason(tmp_path):
    tight = ChargeSampling(count=(1, 1), magnitude=(0.05, 0.05), clearance=9.0)
    family = BallFamily(kind="ball", radius=(3.0, 5.0), charges=tight)
    with pytest.raises(debye.GeometryError, match=r"family disc, seed 0, shape 0.*refused draws.*no place"):
        make_shard(part("disc", family=family, max_draws=3), 0, tmp_path / "shard.nc")
    assert not list(tmp_path.iterdir())


def test_a_solve_without_a_verdict_is_never_written(tmp_path):
    hopeless = EQUATION.model_copy(update={"solver": Solver(max_cg=1)})
    with pytest.raises(debye.GeometryError, match="iteration limit"):
        make_shard(part("disc", equation=hopeless, max_draws=2), 0, tmp_path / "shard.nc")
    assert not list(tmp_path.iterdir())


def test_more_samples_of_a_shape_than_are_solved_together(monkeypatch):
    together = list(samples(part("disc", charges_per_shape=9), 0, range(9)))
    monkeypatch.setattr(sampling, "AT_ONCE", 4)
    few_at_once = list(samples(part("disc", charges_per_shape=9), 0, range(9)))
    for one, other in zip(together, few_at_once, strict=True):
        assert one.index == other.index
        np.testing.assert_array_equal(one.solution.regular, other.solution.regular)


def test_shard_is_valid_and_carries_its_provenance(tmp_path):
    make_shard(part("star"), 7, tmp_path / "shard.nc")
    dataset = open_dataset(tmp_path / "shard.nc", add=["potential"])
    assert schema.validate(dataset) == EQUATION.grid
    assert dataset["index"].values.tolist() == list(range(6))
    assert set(dataset["seed"].values.tolist()) == {7}
    assert json.loads(dataset.attrs["configuration"])["family"]["kind"] == "star"
    assert (dataset["relative_residual"].values <= 1e-8).all()
    sample = next(iter(samples(part("star"), 7, range(1)))).solution
    np.testing.assert_allclose(dataset["potential"][0], sample.potential, rtol=2e-6, atol=2e-5)


def test_memory_does_not_grow_with_the_shard(tmp_path, monkeypatch):
    # The block that is read back for the check, small beside these small shards as it is beside real ones.
    monkeypatch.setattr(streaming, "BLOCK_BYTES", 1 << 16)

    def peak(count):
        tracemalloc.start()
        try:
            make_shard(part("disc", samples=count, charges_per_shape=20), 0, tmp_path / "shard.nc")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    make_shard(part("disc", samples=1), 0, tmp_path / "warm.nc")
    few, many = 20, 100
    fields = 2 * 4 * (EQUATION.grid.cells + 1) ** 2
    # Of the samples more, less than a third of their fields is ever held.
    assert peak(many) - peak(few) < (many - few) * fields / 3


@pytest.mark.parametrize("geometry", FAMILIES)
def test_shapes_survive_the_file(geometry, tmp_path):
    make_shard(part(geometry, samples=12), 0, tmp_path / "shard.nc")
    dataset = open_dataset(tmp_path / "shard.nc")
    names = schema.parameter_names(dataset)[geometry]
    for row, draw in zip(
        dataset["geometry_parameter"].values, samples(part(geometry), 0, range(12)), strict=True
    ):
        assert rebuild_shape(dict(zip(names, row.tolist(), strict=True))) == draw.solution.problem.solute


def test_molecules_of_fewer_atoms_are_padded_with_nan(tmp_path):
    make_shard(part("molecule", samples=16), 0, tmp_path / "shard.nc")
    dataset = open_dataset(tmp_path / "shard.nc")
    names = schema.parameter_names(dataset)["molecule"]
    # Two coordinates and a radius for each of 7 atoms, and the probe.
    assert len(names) == len(set(names)) == dataset.sizes["parameter"] == 22
    atoms = (~np.isnan(dataset["geometry_parameter"].values)).sum(axis=1) // 3
    shapes = [draw.solution.problem.solute for draw in samples(part("molecule"), 0, range(16))]
    assert atoms.tolist() == [len(shape.radii) for shape in shapes]
    assert len(set(atoms.tolist())) > 2
    probe = dataset["geometry_parameter"].values[:, names.index("probe_radius")]
    assert (probe == 1.4).all()


def test_label_floor_of_molecules_solves_the_molecules_again(tmp_path):
    make_shard(part("molecule", samples=6), 0, tmp_path / "shard.nc")
    floor = FloorSlice(code="test", equation=EQUATION, floor=Floor(samples=3, refine=2))
    make_floor(floor, tmp_path / "shard.nc", tmp_path / "floor.nc")
    made = open_raw(tmp_path / "floor.nc")
    label, reference = made["regular_potential"].values, made["reference_potential"].values
    gap = np.sqrt(((label - reference) ** 2).mean(axis=(1, 2)) / (label**2).mean(axis=(1, 2)))
    # Another shape would be off by some tenths.
    assert (gap < 0.03).all()


def test_floor_is_the_difference_to_a_finer_grid(tmp_path):
    make_shard(part("ellipse", samples=4), 0, tmp_path / "shard.nc")
    make_floor(
        FloorSlice(code="test", equation=EQUATION, floor=Floor(samples=2, refine=4)),
        tmp_path / "shard.nc",
        tmp_path / "floor.nc",
    )
    import xarray as xr

    floor = xr.open_dataset(tmp_path / "floor.nc")
    assert floor["index"].values.tolist() == [0, 3]
    label, reference = floor["regular_potential"], floor["reference_potential"]
    gap = np.sqrt(((label - reference) ** 2).mean() / (label**2).mean())
    # Second order: the label at h = 1 Å is off by some 1e-3, and not by nothing.
    assert 1e-5 < float(gap) < 5e-3
    sample = next(iter(samples(part("ellipse"), 0, range(3, 4)))).solution.problem
    fine = debye.solve(debye.Problem(sample.grid.refined(4), sample.solute, sample.charges, sample.medium))
    np.testing.assert_allclose(reference[1], fine.regular[::4, ::4], rtol=1e-5, atol=1e-4)
    for what, value in (("grid", Grid(cells=64, half_width=16.0)), ("medium", Medium(debye_length=4.0))):
        other = FloorSlice(
            code="t", equation=EQUATION.model_copy(update={what: value}), floor=Floor(samples=2)
        )
        with pytest.raises(debye.FormatError, match=f"shard.nc: {what}: found"):
            make_floor(other, tmp_path / "shard.nc", tmp_path / "f.nc")


def test_refusals_are_counted_exactly(monkeypatch):
    real_draw, real_solve = sampling.draw_charges, sampling.Prepared.solve
    calls = {"draws": 0, "solves": 0}

    def draw(*arguments):
        calls["draws"] += 1
        # The first call probes the room of the shape; the second, of sample 0, finds no place. So the first round
        # solves sample 1 alone, and the second starts with sample 0.
        if calls["draws"] == 2:
            raise sampling.NoRoomError("no place", 500)
        return real_draw(*arguments)[0], 3

    def solve(self, charges, *rest):
        calls["solves"] += 1
        if calls["solves"] <= 2:
            raise debye.SolveError("no verdict")
        return real_solve(self, charges, *rest)

    monkeypatch.setattr(sampling, "draw_charges", draw)
    monkeypatch.setattr(sampling.Prepared, "solve", solve)
    first, second = samples(part("disc"), 0, range(2))
    # Sample 0: 3 of the probe, 500 without a place, 3 before the failed solve, 3 before the good one.
    assert (first.rejected_shapes, first.rejected_charges, first.rejected_solves) == (0, 509, 1)
    # Sample 1: 3 before the failed solve, 3 before the good one.
    assert (second.rejected_shapes, second.rejected_charges, second.rejected_solves) == (0, 6, 1)


def test_refused_shapes_stand_with_the_first_sample_of_their_group(monkeypatch):
    real = sampling.prepare
    calls = {"count": 0}

    def prepare(*arguments):
        calls["count"] += 1
        if calls["count"] <= 2:
            raise debye.GeometryError("refused")
        return real(*arguments)

    monkeypatch.setattr(sampling, "prepare", prepare)
    counted = [draw.rejected_shapes for draw in samples(part("disc"), 0, range(4))]
    assert counted == [2, 0, 0, 0]
